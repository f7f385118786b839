"""Agents and users, where it does not matter which of the two: who owns docs, and who takes part in sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, cast

from silvercup.errors import NotFound
from silvercup.listing import Owner
from silvercup.storage import Key

type Role = Literal["agent", "user"]


@dataclass(frozen=True, slots=True)
class Member:
    """An agent or a user.

    Attributes:
        role: ``agent`` or ``user``.
        id: The agent's or the user's.
    """

    role: Role
    id: str

    @property
    def name(self) -> str:
        """Its name in items, keys and the index."""
        return f"{self.role}#{self.id}"

    def key(self, tenant: str) -> Key:
        """The key of the agent or user."""
        return Key("core", f"{tenant}#{self.role}#{self.id}")

    def owner(self, tenant: str) -> Owner:
        """The agent or user as what a list belongs to."""
        return Owner(self.key(tenant), self.missing)

    def missing(self) -> NotFound:
        """The error for one that is not there."""
        return NotFound(f"{self.role.capitalize()} {self.id} not found")

    @classmethod
    def of(cls, name: str) -> Self:
        """The member of a name."""
        role, _, member_id = name.partition("#")
        return cls(cast("Role", role), member_id)
