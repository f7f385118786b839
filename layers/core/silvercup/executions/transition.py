"""Transitions: the truth about an execution, as v1 shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from silvercup.times import iso
from silvercup.values import JsonObject
from statemachines.ir import TransitionType

TERMINAL: dict[str, str] = {"finish": "succeeded", "error": "failed", "cancelled": "cancelled"}
"""Transition types that end an execution, and the status they lead to."""

FINAL_STATUSES = frozenset(TERMINAL.values())


@dataclass(frozen=True, slots=True)
class Target:
    """A step of a workflow in a scope."""

    workflow: str
    step: int
    scope_id: str

    def as_dict(self) -> JsonObject:
        """The target as the API shows it."""
        return {"workflow": self.workflow, "step": self.step, "scope_id": self.scope_id}


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition of a record.

    Attributes:
        id: UUIDv7 of its time.
        type: What happened.
        current: The step it is about.
        next: The step that follows, None at an end or a wait.
        output: Index of its output among the record's values.
        label: The step's label, on the closing transition.
        metadata: ``step_type`` and what the step adds.
    """

    id: str
    type: TransitionType
    current: Target
    next: Target | None
    output: int
    label: str | None = None
    metadata: JsonObject = field(default_factory=dict[str, Any])

    def encode(self) -> list[Any]:
        """The transition as it is stored."""
        current, following = self.current, self.next
        return [
            self.id,
            self.type,
            [current.workflow, current.step, current.scope_id],
            None if following is None else [following.workflow, following.step, following.scope_id],
            self.output,
            self.label,
            self.metadata,
        ]

    @classmethod
    def decode(cls, stored: list[Any]) -> Transition:
        """The transition of ``encode``."""
        id_, type_, current, following, output, label, metadata = stored
        target = None if following is None else Target(*following)
        return cls(id_, type_, Target(*current), target, output, label, metadata)

    def as_dict(self, execution_id: str, created_at: int, output: Any) -> JsonObject:
        """The transition as the API shows it.

        Args:
            execution_id: Its execution.
            created_at: Its time, microseconds since the epoch.
            output: The value that ``output`` points at.
        """
        at = iso(created_at)
        return {
            "id": self.id,
            "execution_id": execution_id,
            "type": self.type,
            "output": output,
            "current": self.current.as_dict(),
            "next": None if self.next is None else self.next.as_dict(),
            "step_label": self.label,
            "created_at": at,
            "updated_at": at,
            "metadata": self.metadata,
        }
