"""What a compiled task is and what one run of it costs, counted on the finished definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from statemachines.emit.tasks import AGAIN, CHILD, PROMPTS_FUNCTION, STEPS_FUNCTION

ARN_LENGTH = 130
"""The longest ARN of a function that takes the place of its placeholder."""

_EVENTS = {"Task": 5, "Map": 4, "Parallel": 4, "Fail": 1}

type States = Mapping[str, Mapping[str, Any]]


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


NOTHING = Count(0, 0, 0)


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
            state machine have no items, and a workflow that calls itself does so once.
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
        if not self.loops:
            del shown["loops"]
        return shown


def measure(definition: Mapping[str, Any], text: str) -> Report:
    """Count a definition's states, and the transitions, calls and events of its shortest and longest run."""
    states: States = definition["States"]
    start = _first(states, definition["StartAt"])
    places = sum(text.count(name) * (ARN_LENGTH - len(name)) for name in (STEPS_FUNCTION, PROMPTS_FUNCTION))
    longest = _longest(states, start)
    by_entry = NOTHING if start == definition["StartAt"] else Count(1, 0, 2)
    total = longest + by_entry
    return Report(
        states=sum(1 for _ in every_state(states)),
        bytes=len(text.encode()) + places,
        min_transitions=_shortest(states, start) + by_entry.transitions + 1,
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


def _own(state: Mapping[str, Any]) -> Count:
    """What entering a state costs: for a Parallel with all that its branches do, for a Map without its items."""
    waits = state.get("Resource", "").endswith(".waitForTaskToken")
    own = Count(1, int(state["Type"] == "Task"), 6 if waits else _EVENTS.get(state["Type"], 2))
    for branch in state.get("Branches", ()):
        own = own + _longest(branch["States"], branch["StartAt"])
    return own


def _longest(states: States, start: str) -> Count:
    """The most of each on a way from a state to the end; no way goes through a state twice."""
    longest: dict[str, Count] = {}
    for name in _in_postorder(states, start):
        after = NOTHING
        for following in successors(states[name]):
            after = after.most(longest.get(following, NOTHING))
        longest[name] = _own(states[name]) + after
    return longest[start]


def _shortest(states: States, start: str) -> int:
    """The transitions of the shortest way to an end that is no failure, else of the shortest to one."""
    best: dict[str, tuple[bool, int]] = {}
    order = _in_postorder(states, start)
    changed = True
    while changed:
        changed = False
        for name in order:
            state = states[name]
            ways = [best[n] for n in successors(state) if n in best]
            if ways or not successors(state):
                fails, steps = min(ways, default=(state["Type"] == "Fail", 0))
                own = 1 + sum(_shortest(branch["States"], branch["StartAt"]) for branch in state.get("Branches", ()))
                if best.get(name) != (fails, steps + own):
                    best[name] = (fails, steps + own)
                    changed = True
    return best[start][1]


def successors(state: Mapping[str, Any]) -> list[str]:
    """What may come after a state when nothing fails, and nothing has to run as a child or once more."""
    if state["Type"] == "Choice":
        rules = [rule for rule in state["Choices"] if not _is_detour(rule)]
        return [rule["Next"] for rule in rules] + [state["Default"]]
    return [state["Next"]] if "Next" in state else []


def _is_detour(rule: Mapping[str, Any]) -> bool:
    if rule["Variable"] == "$.chunk.child":
        return True
    return rule["Variable"] == "$.r.go" and (
        rule.get("NumericEquals") == AGAIN
        or (rule.get("NumericEquals") == CHILD and rule["Next"].split(" (")[0].endswith(" child"))
    )


def _in_postorder(states: States, start: str) -> list[str]:
    order: list[str] = []
    seen: set[str] = set()
    stack: list[tuple[str, bool]] = [(start, False)]
    while stack:
        name, expanded = stack.pop()
        if expanded:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack.extend((following, False) for following in successors(states[name]))
    return order


def _loops(states: States, start: str) -> Iterator[LoopReport]:
    """The loops that a run may come to, outermost first."""
    for name in reversed(_in_postorder(states, start)):
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
            each + Count(2, 0, 2 + _EVENTS["Map"]),
            each + _longest(items["States"], items["StartAt"]),
        )
        yield from _loops(items["States"], items["StartAt"])


def _id_of(name: str) -> str:
    return name.rpartition("(")[2].rstrip(")").partition(".")[0]
