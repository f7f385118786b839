"""What is known of a compiled task before it runs: its size, and what a run comes to."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, cast

from statemachines.events import chunk_items


@dataclass(frozen=True, slots=True)
class Count:
    """State transitions, Lambda calls and history events."""

    transitions: int
    invocations: int
    events: int

    def __add__(self, other: Count) -> Count:
        return Count(
            self.transitions + other.transitions,
            self.invocations + other.invocations,
            self.events + other.events,
        )

    def __mul__(self, times: int) -> Count:
        return Count(self.transitions * times, self.invocations * times, self.events * times)

    def most(self, other: Count) -> Count:
        """The larger of each."""
        return Count(
            max(self.transitions, other.transitions),
            max(self.invocations, other.invocations),
            max(self.events, other.events),
        )

    def least(self, other: Count) -> Count:
        """The smaller of each."""
        return Count(
            min(self.transitions, other.transitions),
            min(self.invocations, other.invocations),
            min(self.events, other.events),
        )


@dataclass(frozen=True, slots=True)
class LoopReport:
    """What a loop of the state machine costs beyond the rest, with loops inside it at no items.

    Attributes:
        id: The loop, as states name it.
        parallelism: How many items may run at once.
        chunk: Each chunk of items; see ``chunks``.
        item: Each item at most.
    """

    id: str
    parallelism: int
    chunk: Count
    item: Count

    def chunks(self, items: int) -> int:
        """Into how many chunks so many items are divided."""
        return math.ceil(items / chunk_items(items, self.parallelism))

    def of(self, items: int) -> Count:
        """What so many items cost at most, as long as no child has to run some of them."""
        return self.chunk * self.chunks(items) + self.item * items


@dataclass(frozen=True, slots=True)
class CallReport:
    """What one more call of a workflow that calls itself costs at most.

    Attributes:
        id: The call, as states name it, where the state machine goes round; the workflow, where a child runs it.
        each: One time round; or all that the child does, which has a history of its own.
    """

    id: str
    each: Count


@dataclass(frozen=True, slots=True)
class Report:
    """What a compiled task is and what one run of it costs.

    Attributes:
        states: States in the definition.
        bytes: The definition's size, at most, with the functions' ARNs in it.
        min_transitions: State transitions of the shortest run that does not end in an ``error`` step; where every run
            does, of the shortest.
        max_transitions: Those of the longest run. Nothing is tried again, nothing fails but ``error`` steps, loops of the
            state machine have no items, it goes round in no circle, and what children do is not counted.
        max_invocations: Lambda calls of the longest run.
        max_events: History events of the longest run.
        loops: What items add.
        rounds: What it adds when a workflow goes on to itself.
        children: What it adds when a child runs a workflow.
    """

    states: int
    bytes: int
    min_transitions: int
    max_transitions: int
    max_invocations: int
    max_events: int
    loops: tuple[LoopReport, ...] = ()
    rounds: tuple[CallReport, ...] = ()
    children: tuple[CallReport, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        shown = {name: value for name, value in asdict(self).items() if value != ()}
        return {name: [*cast("Any", value)] if isinstance(value, tuple) else value for name, value in shown.items()}
