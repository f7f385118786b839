"""A record in the making: ids, times, scopes and counts follow from what came before."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from silvercup import values
from silvercup.errors import StepError
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.record import Items, Record, Values, log_of
from silvercup.executions.transition import Target, Transition
from silvercup.ids import derived_uuid7, now_us, uuid7
from silvercup.values import JsonObject
from statemachines.ir import Closing, Op, Place, TransitionType

_SLOT = re.compile(r"\{(o\d+)([/%]?)(\d*)\}")

type Snapshot = tuple[JsonObject, tuple[str, ...]]
"""A ``state``, and the names in it that were set in the branch or iteration around."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a block starts from.

    Attributes:
        t: The time of the last transition before it, in microseconds.
        count: How many transitions there are before it.
        rough: Whether the count may miss some.
        scopes: Scope ids, outermost first.
        states: The key of the record that holds each scope's ``state``.
        text: The stored text of the value that comes in; None where none does.
        last: The last transition before it.
    """

    t: int
    count: int
    rough: bool
    scopes: tuple[str, ...]
    states: tuple[str | None, ...]
    text: str | None
    last: Transition | None


def arrival_after(record: Record) -> Arrival:
    """What follows a record of the same scopes."""
    text = None if record.out is None else record.values[record.out]
    return Arrival(record.last_t, record.count, record.rough, record.scopes, record.states, text, record.last)


class Draft:
    """Collects what a record will hold.

    Attributes:
        values: Its values.
        out: Which value goes on.
        outs: Which value is an operation's output.
        go: The branch to take, or when to wake up.
        call: Which value holds the arguments of an effect.
        items: What a loop that it opens goes over.
        iterations: The number of the iteration of each loop around, by the loop's operation.
    """

    def __init__(
        self,
        ref: ExecutionRef,
        key: RecordKey,
        arrival: Arrival,
        iterations: Mapping[str, int],
        *,
        tag: str = "",
        most: int = 0,
        text_of: Callable[[Any], str] = values.dumps,
    ) -> None:
        """Begin.

        Args:
            ref: The execution.
            key: Where the record will stand.
            arrival: What came before.
            iterations: The loops of the state machine around.
            tag: The iteration or branch around that runs beside others; empty where none does.
            most: How many transitions an execution may have; 0: any number.
            text_of: Makes the stored text of a JSON value.
        """
        self._ref = ref
        self._key = key
        self._arrival = arrival
        self._tag = tag
        self._most = most
        self._log: list[Transition] = []
        self._logged = 0
        self._scopes: list[str] = list(arrival.scopes)
        self._states: list[str | None] = list(arrival.states)
        self._snapshots: dict[int, Snapshot] = {}
        self._opened = 0
        self._t = max(now_us(), arrival.t + 1)
        self.silent = False
        self.values = Values(text_of=text_of)
        self.out: int | None = None if arrival.text is None else self.values.add(arrival.text)
        self.outs: dict[str, int] = {}
        self.go = 0
        self.call: int | None = None
        self.items: Items | None = None
        self.iterations: dict[str, int] = dict(iterations)

    @property
    def t(self) -> int:
        """The time of its next transition."""
        return self._t + len(self._log)

    @property
    def length(self) -> int:
        """How many transitions were logged for its next record."""
        return len(self._log)

    @property
    def scopes(self) -> Sequence[str]:
        """The scopes that it stands in."""
        return self._scopes

    def open_scope(self, depth: int) -> None:
        """Start a scope below the one of this depth; a retry derives the same id from the same place and time."""
        self._opened += 1
        scope = derived_uuid7(self._arrival.t, self._ref.id, str(self._key), str(self._opened))
        self.leave_scopes(depth)
        self._scopes.append(scope)
        self._states.append(None)

    def stand_in(self, scopes: Sequence[str], states: Sequence[str | None]) -> None:
        """Be in other scopes, with the ``state`` that other records hold."""
        self._scopes, self._states = list(scopes), list(states)
        self._snapshots.clear()

    def leave_scopes(self, depth: int) -> None:
        """Leave the scopes below this depth's."""
        del self._scopes[depth + 1 :], self._states[depth + 1 :]
        for below in [d for d in self._snapshots if d > depth]:
            del self._snapshots[below]

    def state(self, depth: int, load: Callable[[str, int], Snapshot]) -> Snapshot:
        """The ``state`` of a scope as it is now, with the names that were set in the iteration around."""
        if depth not in self._snapshots:
            holder = self._states[depth]
            if holder is None:
                return {}, ()
            return load(holder, depth)
        return self._snapshots[depth]

    def set_state(self, depth: int, state: JsonObject, names: tuple[str, ...]) -> None:
        """Change the ``state`` of a scope."""
        self._snapshots[depth] = (state, names)

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
        """Add one transition.

        Raises:
            StepError: The execution has as many as it may have.
        """
        if self.silent:
            return
        if self._most and self._arrival.count + self._logged + len(self._log) >= self._most and type_ != "error":
            raise StepError(f"The execution has {self._most:,} transitions; more are not allowed")
        self._log.append(
            Transition(
                id=uuid7(self.t),
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
        self.leave_scopes(op.at.depth)
        for closing in op.closings:
            label = op.label if closing.at == op.at else None
            shown = {"step_type": op.step_type, **(metadata or {})}
            self.add(closing.type, closing.at, closing.next, output, label=label, metadata=shown)

    def fail(self, op: Op, message: str) -> None:
        """Add the one error of a step that failed; everything before it stays."""
        self.leave_scopes(op.at.depth)
        following = _next_of(op.closings, op.at)
        if following is not None and following.depth >= len(self._scopes):
            following = None  # a workflow that was not entered
        self.add("error", op.at, following, self.values.add_value(message), metadata={"step_type": op.step_type})
        self.out = None

    def build(self, key: RecordKey | None = None, *, outs: bool = True) -> Record:
        """The record.

        Args:
            key: Where it stands, if not where it was to.
            outs: Whether its operations' outputs are of use to others.
        """
        key = key or self._key
        snapshots: dict[int, int] = {}
        sets: dict[int, tuple[str, tuple[str, ...]]] = {}
        for depth, (state, names) in self._snapshots.items():
            snapshots[depth] = self.values.add_value(state)
            if self._tag:
                sets[depth] = (self._tag, names)
        states = tuple(str(key) if depth in snapshots else holder for depth, holder in enumerate(self._states))
        log, texts, place = self._chosen(snapshots, outs=outs)
        return Record(
            key=key,
            t=self._t,
            n=len(log),
            log=log_of(log),
            last=log[-1] if log else self._arrival.last,
            values=texts,
            out=None if self.out is None else place[self.out],
            outs={op: place[index] for op, index in self.outs.items()} if outs else {},
            scopes=tuple(self._scopes),
            states=states,
            count=self._arrival.count + self._logged + len(log),
            snapshots={depth: place[index] for depth, index in snapshots.items()},
            sets=sets,
            go=self.go,
            call=None if self.call is None else place[self.call],
            items=None
            if self.items is None
            else Items(self.items.count, tuple((first, place[index]) for first, index in self.items.pages)),
            rough=self._arrival.rough,
        )

    def cut_slice(self, key: RecordKey, tape: list[Any], from_value: int) -> Record:
        """A record of what was logged so far, from which the rest can go on; then the log is empty.

        Args:
            key: Where it stands.
            tape: What the operations did since the slice before, to be played again.
            from_value: Values before this one are in earlier slices.
        """
        shown = Values()
        log = [_with_output(one, shown.add(self.values.texts[one.output])) for one in self._log]
        kept = Values.of([self.values.text_of({"texts": self.values.texts[from_value:], "tape": tape})])
        last = self._arrival.last
        if log:
            last = _with_output(log[-1], kept.add(shown.texts[log[-1].output]))
        record = Record(
            key=key,
            t=self._t,
            n=len(log),
            log=values.dumps({"transitions": [one.encode() for one in log], "values": shown.texts}),
            last=last,
            values=tuple(kept.texts),
            out=None,
            scopes=tuple(self._scopes),
            states=tuple(self._states),
            count=self._arrival.count + self._logged + len(log),
            tape=0,
            rough=self._arrival.rough,
        )
        self.go_on_after(record)
        return record

    def go_on_after(self, record: Record) -> None:
        """Begin a new log after a slice's record."""
        self._logged = record.count - self._arrival.count
        self._log = []
        self._t = max(now_us(), record.last_t + 1)

    def _chosen(
        self, snapshots: Mapping[int, int], *, outs: bool
    ) -> tuple[list[Transition], tuple[str, ...], Mapping[int, int]]:
        """The transitions and the values that the record needs, and where each value is then."""
        needed = dict.fromkeys(transition.output for transition in self._log)
        rest = [self.out, self.call, *snapshots.values(), *(self.outs.values() if outs else ())]
        rest += [] if self.items is None else [index for _, index in self.items.pages]
        needed |= dict.fromkeys(index for index in rest if index is not None)
        if len(needed) == len(self.values.texts):
            return self._log, tuple(self.values.texts), _Same()
        order = sorted(needed)
        place = {index: i for i, index in enumerate(order)}
        log = [
            transition
            if place[transition.output] == transition.output
            else _with_output(transition, place[transition.output])
            for transition in self._log
        ]
        return log, tuple(self.values.texts[index] for index in order), place

    def _target(self, place: Place) -> Target:
        workflow = place.workflow
        if "{" in workflow:
            workflow = _SLOT.sub(self._slot, workflow)
        return Target(workflow, place.step, self._scopes[place.depth])

    def _slot(self, match: re.Match[str]) -> str:
        number = self.iterations[match[1]]
        if match[2] == "/":
            return str(number // int(match[3]))
        return str(number % int(match[3]) if match[2] == "%" else number)


class _Same(Mapping[int, int]):
    """Every value stays where it is."""

    def __getitem__(self, index: int) -> int:
        return index

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def _with_output(transition: Transition, output: int) -> Transition:
    return Transition(
        transition.id,
        transition.type,
        transition.current,
        transition.next,
        output,
        transition.label,
        transition.metadata,
    )


def _next_of(closings: Sequence[Closing], at: Place) -> Place | None:
    return next((closing.next for closing in closings if closing.at == at), None)
