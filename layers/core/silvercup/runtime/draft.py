"""A record in the making: ids, times, scopes and counts follow from the record before."""

from __future__ import annotations

from collections.abc import Sequence

from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.record import Record, Values
from silvercup.executions.transition import Target, Transition
from silvercup.ids import derived_uuid7, now_us, uuid7
from silvercup.values import JsonObject
from statemachines.ir import Closing, Op, Place, TransitionType


class Draft:
    """Collects what a record will hold.

    Attributes:
        t: The time of the record: now, or just after the record before if the clocks disagree.
        values: Its values.
        out: Which value goes on.
        go: The branch to take, or when to wake up.
        snapshot: Which value is the new ``state``.
        scopes: The scope ids of the workflows it stands in.
    """

    def __init__(self, ref: ExecutionRef, key: RecordKey, prev: Record) -> None:
        self._ref = ref
        self._key = key
        self._prev = prev
        self._transitions: list[Transition] = []
        self.t = max(now_us(), prev.last_t + 1)
        self.values = Values()
        self.out: int | None = None
        self.go = 0
        self.snapshot: int | None = None
        self.call: int | None = None
        self.scopes: tuple[str, ...] = prev.scopes
        self._states: tuple[str | None, ...] = prev.states

    def pass_on(self) -> int:
        """The value of the record before, as this record's output, without loading it."""
        assert self._prev.out is not None
        return self.values.add(self._prev.values[self._prev.out])

    def open_scope(self, depth: int) -> None:
        """Start a scope below the one of this depth; a retry derives the same id from the same place and time."""
        scope = derived_uuid7(self._prev.last_t, self._ref.id, str(self._key))
        self.scopes = (*self.scopes[: depth + 1], scope)
        self._states = (*self._states[: depth + 1], None)

    def stand_at(self, place: Place) -> None:
        """Leave the scopes below this place's."""
        self.scopes = self.scopes[: place.depth + 1]
        self._states = self._states[: place.depth + 1]

    def add(
        self,
        type_: TransitionType,
        at: Place,
        following: Place | None,
        output: int,
        *,
        label: str | None = None,
        metadata: JsonObject | None = None,
    ) -> None:
        """Add one transition."""
        self._transitions.append(
            Transition(
                id=uuid7(self.t + len(self._transitions)),
                type=type_,
                current=self._target(at),
                next=None if following is None else self._target(following),
                output=output,
                label=label,
                metadata=metadata or {},
            )
        )

    def close(self, op: Op, output: int, metadata: JsonObject | None = None) -> None:
        """Add the transitions that end a step; the label stands on the step's own."""
        self.stand_at(op.at)
        for closing in op.closings:
            label = op.label if closing.at == op.at else None
            shown = {"step_type": op.step_type, **(metadata or {})}
            self.add(closing.type, closing.at, closing.next, output, label=label, metadata=shown)

    def fail(self, op: Op, message: str) -> Record:
        """The record of a step that failed: everything before stays, and one error."""
        self.stand_at(op.at)
        following = _next_of(op.closings, op.at)
        self.add("error", op.at, following, self.values.add_value(message), metadata={"step_type": op.step_type})
        self.out = None
        return self.build()

    def build(self) -> Record:
        """The record."""
        states = self._states if self.snapshot is None else (*self._states[:-1], str(self._key))
        return Record(
            key=self._key,
            t=self.t,
            transitions=tuple(self._transitions),
            values=tuple(self.values.texts),
            out=self.out,
            scopes=self.scopes,
            states=states,
            count=self._prev.count + len(self._transitions),
            snapshot=self.snapshot,
            go=self.go,
            call=self.call,
        )

    def _target(self, place: Place) -> Target:
        return Target(place.workflow, place.step, self.scopes[place.depth])


def _next_of(closings: Sequence[Closing], at: Place) -> Place | None:
    return next((closing.next for closing in closings if closing.at == at), None)
