"""Where secrets are: one item each, found by its name, and one that leads from its id to its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from silvercup.errors import InvalidRequest, TooLarge
from silvercup.paging import index_attributes
from silvercup.storage import Item, Key
from silvercup.times import iso
from silvercup.values import JsonObject, dumps, loads

TABLE = "core"
MAX_VALUE = 4_096
"""Bytes of a value in UTF-8."""
MAX_BYTES = 5_000
"""Bytes of the JSON of all but the value: a page of 1,000 secrets is no answer that is too large."""
HIDDEN = "ENCRYPTED"
"""What every answer shows as the value."""
_DEVELOPER = "developer"
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,254}")


class Vault(Protocol):
    """Encrypts values. What was sealed is opened with the same context only."""

    def seal(self, value: str, context: Mapping[str, str], /) -> bytes:
        """Encrypt a value of at most ``MAX_VALUE`` bytes.

        Raises:
            TransientError: It may work later.
        """
        ...

    def open(self, sealed: bytes, context: Mapping[str, str], /) -> str:
        """Decrypt it.

        Raises:
            TransientError: It may work later.
        """
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose secrets: a developer's, or those of one of their agents.

    Attributes:
        tenant: The developer.
        agent_id: The agent; None: no agent in particular.
    """

    tenant: str
    agent_id: str | None = None

    @property
    def name(self) -> str:
        """In keys."""
        return self.agent_id or _DEVELOPER

    @property
    def partition(self) -> str:
        """Of the lists."""
        return f"{self.tenant}#secret" if self.agent_id is None else f"{self.tenant}#secret#{self.agent_id}"

    def key(self, name: str) -> Key:
        """The key of a secret."""
        return Key(TABLE, f"{self.tenant}#secret#{self.name}#{name}")

    def context(self, name: str) -> dict[str, str]:
        """What a secret's value is sealed with: an item that is put under another key can't be opened."""
        return {"silvercup:tenant": self.tenant, "silvercup:scope": self.name, "silvercup:secret": name}


def pointer_key(tenant: str, secret_id: str) -> Key:
    """The key of the item that leads from a secret's id to its name."""
    return Key(TABLE, f"{tenant}#secret_id#{secret_id}")


def is_name(text: str) -> bool:
    """Whether a secret can have the name."""
    return _NAME.fullmatch(text) is not None


def secret_item(scope: Scope, body: JsonObject, sealed: bytes, created_at: int, updated_at: int) -> Item:
    """A secret's item.

    Args:
        scope: Whose.
        body: ``{id, name, description, metadata, agent_id?}``.
        sealed: The value.
        created_at: Microseconds since the epoch.
        updated_at: Microseconds since the epoch.

    Raises:
        TooLarge: The body is over ``MAX_BYTES``.
    """
    text = dumps(body)
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        raise TooLarge(f"A secret is at most {MAX_BYTES:,} bytes of JSON beside its value; this one has {size:,}")
    return {
        "pk": scope.key(body["name"]).pk,
        "kind": "secret",
        "id": body["id"],
        "name": body["name"],
        "body": text,
        "metadata": dumps(body["metadata"]),
        "sealed": sealed,
        "created_at": created_at,
        "updated_at": updated_at,
        **index_attributes(scope.partition, body["id"], created_at, updated_at),
    }


def check_value(value: str) -> None:
    """Refuse a value that can't be kept.

    Raises:
        InvalidRequest: It is empty.
        TooLarge: It is over ``MAX_VALUE``.
    """
    if not value:
        raise InvalidRequest("The value of a secret may not be empty")
    size = len(value.encode("utf-8", "replace"))
    if size > MAX_VALUE:
        raise TooLarge(f"The value of a secret has at most {MAX_VALUE:,} bytes; this one has {size:,}")


def shown(item: Item) -> JsonObject:
    """A secret as the API shows it: never with its value."""
    times = {"created_at": iso(item["created_at"]), "updated_at": iso(item["updated_at"])}
    return {**loads(item["body"]), "value": HIDDEN, **times}
