"""What a compiled task is and what one run of it costs, counted on the finished definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

from statemachines.emit.tasks import FAILED, PROMPTS_FUNCTION, STEPS_FUNCTION
from statemachines.ways import DONE, EVENTS, NOTHING, Count, States, Ways, in_postorder, successors

ARN_LENGTH = 130
"""The longest ARN of a function that takes the place of its placeholder."""


@dataclass(frozen=True, slots=True)
class LoopReport:
    """What a loop of the state machine costs beyond the rest, with loops inside it at no items.

    Attributes:
        id: The loop, as states name it.
        chunk: Each 500 items, or part of them.
        item: Each item at most.
    """

    id: str
    chunk: Count
    item: Count


@dataclass(frozen=True, slots=True)
class Report:
    """What a compiled task is and what one run of it costs.

    Attributes:
        states: States in the definition.
        bytes: The definition's size, at most, with the functions' ARNs in it.
        min_transitions: State transitions of the shortest run that does not end in an ``error`` step; where every run
            does, of the shortest.
        max_transitions: Those of the longest run. Nothing is tried again, nothing fails but ``error`` steps, loops of the
            state machine have no items, and where a workflow calls itself a child goes on.
        max_invocations: Lambda calls of the longest run.
        max_events: History events of the longest run.
        loops: What items add.
    """

    states: int
    bytes: int
    min_transitions: int
    max_transitions: int
    max_invocations: int
    max_events: int
    loops: tuple[LoopReport, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        shown = asdict(self)
        loops = shown.pop("loops")
        return {**shown, "loops": list(loops)} if loops else shown


def measure(definition: Mapping[str, Any], text: str) -> Report:
    """Count a definition's states, and the transitions, calls and events of its shortest and longest run."""
    states: States = definition["States"]
    start = _first(states, definition["StartAt"])
    places = sum(text.count(name) * (ARN_LENGTH - len(name)) for name in (STEPS_FUNCTION, PROMPTS_FUNCTION))
    longest = _longest(states, start)
    shortest = Ways(states, Count.least).ends(start)
    by_entry = NOTHING if start == definition["StartAt"] else Count(1, 0, 2)
    total = longest + by_entry
    return Report(
        states=sum(1 for _ in every_state(states)),
        bytes=len(text.encode()) + places,
        min_transitions=shortest.get(DONE, shortest.get(FAILED, NOTHING)).transitions + by_entry.transitions + 1,
        max_transitions=total.transitions + 1,
        max_invocations=total.invocations,
        max_events=total.events,
        loops=tuple(_loops(states, start)),
    )


def every_state(states: States) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every state of a definition, also inside Maps and Parallels."""
    for name, state in states.items():
        yield name, state
        for inner in _inside(state):
            yield from every_state(inner["States"])


def _inside(state: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", [])


def _first(states: States, start: str) -> str:
    """Where a run starts that is no child."""
    state = states[start]
    return state["Default"] if any(rule["Variable"] == "$.entry" for rule in state.get("Choices", ())) else start


def _longest(states: States, start: str) -> Count:
    """The most of each on a way from a state to an end."""
    return reduce(Count.most, Ways(states, Count.most).ends(start).values())


def _loops(states: States, start: str) -> Iterator[LoopReport]:
    """The loops that a run may come to, outermost first."""
    for name in reversed(in_postorder(start, lambda name: successors(states[name]))):
        state = states[name]
        for branch in state.get("Branches", ()):
            yield from _loops(branch["States"], branch["StartAt"])
        if "ItemProcessor" not in state:
            continue
        chunk = state["ItemProcessor"]
        which = chunk["States"][chunk["StartAt"]]
        items = chunk["States"][which["Default"]]["ItemProcessor"]
        each = Count(0, 0, 2)
        yield LoopReport(
            _id_of(chunk["StartAt"]),
            each + Count(2, 0, 2 + EVENTS["Map"]),
            each + _longest(items["States"], items["StartAt"]),
        )
        yield from _loops(items["States"], items["StartAt"])


def _id_of(name: str) -> str:
    return name.rpartition("(")[2].rstrip(")").partition(".")[0]
