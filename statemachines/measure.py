"""What a compiled task is and what one run of it costs, counted on the finished definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any

from statemachines.emit.tasks import AGAIN, CHILD, PROMPTS_FUNCTION, STEPS_FUNCTION
from statemachines.report import CallReport, Count, LoopReport, Report

ARN_LENGTH = 130
"""The longest ARN of a function that takes the place of its placeholder."""

_EVENTS = {"Task": 5, "Map": 4, "Parallel": 4, "Fail": 1}

type States = Mapping[str, Mapping[str, Any]]


NOTHING = Count(0, 0, 0)
_ENTRY = Count(1, 0, 2)
"""The Choice that picks where to start."""
_END = 1
"""AWS counts the way out of the last state as a transition too."""


def measure(definition: Mapping[str, Any], text: str, parallelism: Mapping[str, int] = MappingProxyType({})) -> Report:
    """Count a definition's states, and the transitions, calls and events of its shortest and longest run.

    Args:
        definition: The state machine.
        text: The same as text.
        parallelism: How many items of each of its loops may run at once.
    """
    states: States = definition["States"]
    start = _first(states, definition["StartAt"])
    places = sum(text.count(name) * (ARN_LENGTH - len(name)) for name in (STEPS_FUNCTION, PROMPTS_FUNCTION))
    longest = _longest(states, start)
    by_entry = NOTHING if start == definition["StartAt"] else _ENTRY
    total = longest + by_entry
    return Report(
        states=sum(1 for _ in every_state(states)),
        bytes=len(text.encode()) + places,
        min_transitions=_shortest(states, start) + by_entry.transitions + _END,
        max_transitions=total.transitions + _END,
        max_invocations=total.invocations,
        max_events=total.events,
        loops=tuple(_loops(states, start, parallelism)),
        rounds=tuple(_rounds(states, start)),
        children=tuple(_children(states, definition["StartAt"])),
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


def _longest(states: States, start: str, end: str | None = None) -> Count:
    """The most of each on a way from a state to an end (or to the one named), that goes through no state twice.

    Where every way goes round for ever, the most on the way until then.
    """
    longest: dict[str, Count | None] = {}
    until_then: dict[str, Count] = {}
    for name in _in_postorder(states, start):
        following = [] if name == end else successors(states[name])
        after = _most(longest.get(name) for name in following)
        own = _own(states[name])
        ends = name == end if end is not None else not following
        longest[name] = own if ends else None if after is None else own + after
        until_then[name] = own + (_most(until_then.get(name) for name in following) or NOTHING)
    return longest[start] or until_then[start]


def _most(counts: Iterable[Count | None]) -> Count | None:
    found = [count for count in counts if count is not None]
    return reduce(Count.most, found) if found else None


def _shortest(states: States, start: str) -> int:
    """The transitions of the shortest way to an end that is no failure, else of the shortest to one.

    Where every way goes round for ever, those on the way until then.
    """
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
    return best[start][1] if start in best else _longest(states, start).transitions


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


def _loops(states: States, start: str, parallelism: Mapping[str, int]) -> Iterator[LoopReport]:
    """The loops that a run may come to, outermost first."""
    for name in reversed(_in_postorder(states, start)):
        state = states[name]
        for branch in state.get("Branches", ()):
            yield from _loops(branch["States"], branch["StartAt"], parallelism)
        if "ItemProcessor" not in state:
            continue
        chunk = state["ItemProcessor"]
        which = chunk["States"][chunk["StartAt"]]
        items = chunk["States"][which["Default"]]["ItemProcessor"]
        each = Count(0, 0, 2)
        loop = _id_of(chunk["StartAt"])
        yield LoopReport(
            loop,
            parallelism.get(loop, 1),
            each + Count(2, 0, 2 + _EVENTS["Map"]),
            each + _longest(items["States"], items["StartAt"]),
        )
        yield from _loops(items["States"], items["StartAt"], parallelism)


def _id_of(name: str) -> str:
    return name.rpartition("(")[2].rstrip(")").partition(".")[0]


def _rounds(states: States, start: str) -> Iterator[CallReport]:
    """The calls by which the state machine goes round, each with the longest way round."""
    done: set[str] = set()
    for name in _in_postorder(states, start):
        done.add(name)
        for following in successors(states[name]):
            if following not in done:
                yield CallReport(_call_of(states, name), _longest(states, following, name))


def _call_of(states: States, choice: str) -> str:
    """The call after whose block a Choice stands."""
    named = (states[rule["Next"]] for rule in states[choice]["Choices"])
    payloads = (state["Parameters"]["Payload"] for state in named if state["Type"] == "Task")
    return next(payload["of"] for payload in payloads if payload["op"] == "child")


def _children(states: States, entry: str) -> Iterator[CallReport]:
    """The workflows that a child may run."""
    rules = [rule for rule in states[entry].get("Choices", ()) if rule["Variable"] == "$.entry"]
    alone = {name: _alone(state) for name, state in states.items()}
    for rule in rules:
        kind, _, workflow = rule["StringEquals"].partition(":")
        if kind == "procedure":
            yield CallReport(workflow, _ENTRY + _longest(alone, rule["Next"]) + Count(_END, 0, 0))


def _alone(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """A state of a child, which goes back to nothing but its end."""
    back = any(rule["Variable"] == "$.ret" for rule in state.get("Choices", ()))
    return {**state, "Choices": []} if back else state
