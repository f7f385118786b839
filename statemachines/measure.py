"""What a compiled task is and what one run of it costs, counted on the finished definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any

from statemachines.emit.nodes import BACK
from statemachines.emit.tasks import FAILED, PROMPTS_FUNCTION, STEPS_FUNCTION
from statemachines.report import CallReport, Count, LoopReport, Report
from statemachines.ways import DONE, EVENTS, NOTHING, States, ends_of, in_postorder, longest_round, successors

ARN_LENGTH = 130
"""The longest ARN of a function that takes the place of its placeholder."""

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
    shortest = ends_of(states, start, Count.least)
    by_entry = NOTHING if start == definition["StartAt"] else _ENTRY
    total = longest + by_entry
    return Report(
        states=sum(1 for _ in every_state(states)),
        bytes=len(text.encode()) + places,
        min_transitions=shortest.get(DONE, shortest.get(FAILED, NOTHING)).transitions + by_entry.transitions + _END,
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


def _longest(states: States, start: str) -> Count:
    """The most of each on a way from a state to an end."""
    return reduce(Count.most, ends_of(states, start, Count.most).values())


def _loops(states: States, start: str, parallelism: Mapping[str, int]) -> Iterator[LoopReport]:
    """The loops that a run may come to, outermost first."""
    for name in reversed(in_postorder(start, lambda name: successors(states[name]))):
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
            each + Count(2, 0, 2 + EVENTS["Map"]),
            each + _longest(items["States"], items["StartAt"]),
        )
        yield from _loops(items["States"], items["StartAt"], parallelism)


def _id_of(name: str) -> str:
    return name.rpartition("(")[2].rstrip(")").partition(".")[0]


def _rounds(states: States, start: str) -> Iterator[CallReport]:
    """The calls by which the state machine goes round, each with the longest way round."""
    sites = {rule["StringEquals"]: rule["Next"] for rule in states.get(BACK, {}).get("Choices", ())}

    def onward(name: str) -> list[str]:
        """What may follow; a procedure comes back only to where it was jumped to, which is no circle."""
        site = sites.get(_call_of(states, name) or "")
        return [] if name == BACK else [*successors(states[name]), *([] if site is None else [site])]

    done: set[str] = set()
    for name in in_postorder(start, onward):
        done.add(name)
        for following in onward(name):
            call = _call_of(states, name)
            if following not in done and call is not None:
                yield CallReport(call, longest_round(states, following, name))


def _call_of(states: States, choice: str) -> str | None:
    """The call after whose block a Choice stands, if it is one that may go round."""
    named = (states[rule["Next"]] for rule in states[choice].get("Choices", ()))
    payloads = (state["Parameters"]["Payload"] for state in named if state["Type"] == "Task")
    return next((payload["of"] for payload in payloads if payload["op"] == "child"), None)


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
