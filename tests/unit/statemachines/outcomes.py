"""What every run of a state machine comes to that its choices allow; it shares nothing with the compiler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.unit.statemachines.machine import AGAIN, ASKED, State, States, is_jump, payload, rules

COSTS = {"Task": (1, 5), "Choice": (0, 2), "Wait": (0, 2), "Pass": (0, 2), "Succeed": (0, 2), "Fail": (0, 1)}
"""Lambda calls and history events by the type of a state."""
NESTED = {"Map": (0, 4), "Parallel": (0, 4)}
DONE = ""


@dataclass(frozen=True, order=True, slots=True)
class Outcome:
    """What one run comes to, when no state fails on its own; ``error`` is what it ends with, if not well."""

    error: str
    transitions: int
    invocations: int
    events: int

    def with_more(self, transitions: int, invocations: int, events: int) -> Outcome:
        return Outcome(self.error, self.transitions + transitions, self.invocations + invocations, self.events + events)

    def then(self, other: Outcome) -> Outcome:
        return other.with_more(self.transitions, self.invocations, self.events)


type Outcomes = frozenset[Outcome]


class TooMany(Exception):
    """There are more runs than are worth looking at."""


class Runs:
    """The runs of one list of states. Maps have no items; no run jumps to where it was, or else a child goes on there."""

    def __init__(self, states: States, most: int = 3_000, *, children: bool = False) -> None:
        self._states = states
        self._children = children
        self._most = most
        self._known: dict[tuple[str, frozenset[str]], Outcomes] = {}
        self._sites = dict(rules(states["back"])) if "back" in states else {}

    def of(self, name: str, passed: frozenset[str] = frozenset()) -> Outcomes:
        """What the runs from a state come to.

        Args:
            name: The state.
            passed: The procedures that the way has jumped to since ``main``; empty there.
        """
        if (name, passed) not in self._known:
            found = self._of(name, passed)
            if len(found) > self._most:
                raise TooMany
            self._known[name, passed] = found
        return self._known[name, passed]

    def _of(self, name: str, passed: frozenset[str]) -> Outcomes:
        state = self._states[name]
        calls, events = (COSTS | NESTED)[state["Type"]]
        events += str(state.get("Resource")).endswith(".waitForTaskToken")  # TaskSubmitted
        return _after(self._rest(name, state, passed), 1, calls, events)

    def _rest(self, name: str, state: State, passed: frozenset[str]) -> Iterable[Outcome]:
        if name == "back" or state.get("End") or state["Type"] in {"Succeed", "Fail"}:
            return [Outcome(state.get("Error", DONE), 0, 0, 0)]
        if state["Type"] == "Choice":
            return self._chosen(state, passed)
        if state["Type"] == "Parallel":
            return self._forked(state, passed)
        return self.of(state["Next"], passed)

    def _chosen(self, state: State, passed: frozenset[str]) -> Iterable[Outcome]:
        jump = is_jump(state, self._states)
        for value, name in rules(state):
            if value in {AGAIN, ASKED} or (jump and value in {1, None}):
                continue
            yield from self.of(name, passed)
        if jump:
            yield from self._jumped(state, passed)

    def _jumped(self, state: State, passed: frozenset[str]) -> Iterable[Outcome]:
        child = next(name for value, name in rules(state) if value == 1)
        procedure = state["Default"]
        site = self._sites.get(payload(self._states[child])["of"])
        if procedure in passed:
            return self.of(child, passed) if self._children else []
        inside = self.of(procedure, (passed if site is None else frozenset()) | {procedure})
        if site is None:
            return inside
        return [whole for way in inside for whole in ([way] if way.error else map(way.then, self.of(site, passed)))]

    def _forked(self, state: State, passed: frozenset[str]) -> Iterable[Outcome]:
        branches = [Runs(branch["States"], self._most).of(branch["StartAt"]) for branch in state["Branches"]]
        seen: set[tuple[frozenset[str], Outcome]] = set()
        for number, ways in enumerate(product(*branches)):
            if number > self._most * 10:
                raise TooMany
            total = Outcome(DONE, 0, 0, 0)
            for way in ways:
                total = total.with_more(way.transitions, way.invocations, way.events)
            seen.add((frozenset(way.error for way in ways) - {DONE}, total))
        for errors, total in seen:
            for error in errors or {DONE}:
                after = _caught(state, error) if error else state["Next"]
                yield from map(total.then, self.of(after, passed))


def _after(rests: Iterable[Outcome], transitions: int, invocations: int, events: int) -> Outcomes:
    return frozenset(rest.with_more(transitions, invocations, events) for rest in rests)


def _caught(state: State, error: str) -> str:
    return next(
        catcher["Next"] for catcher in state["Catch"] if {error, "States.ALL"} & set[str](catcher["ErrorEquals"])
    )


def outcomes(definition: dict[str, Any]) -> Outcomes:
    """What each run comes to, its start included."""
    states: States = definition["States"]
    start = states[definition["StartAt"]]
    entered = start["Type"] == "Choice" and start["Choices"][0]["Variable"] == "$.entry"
    first = start["Default"] if entered else definition["StartAt"]
    found = Runs(states).of(first) or Runs(states, children=True).of(first)
    return _after(found, 1 + entered, 0, 2 * entered)


def of_an_iteration(loop: State) -> Outcomes:
    """What each run of one iteration comes to, with its chunk and the two Maps left out."""
    chunk = loop["ItemProcessor"]
    which = chunk["States"][chunk["StartAt"]]
    items = chunk["States"][which["Default"]]["ItemProcessor"]
    return _after(Runs(items["States"]).of(items["StartAt"]), 0, 0, 2)
