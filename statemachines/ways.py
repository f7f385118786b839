"""What the ways through a finished definition come to, from a state to an end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

from statemachines.emit.nodes import BACK
from statemachines.emit.tasks import AGAIN, ASKED, CHILD
from statemachines.report import Count

EVENTS = {"Task": 5, "Map": 4, "Parallel": 4, "Fail": 1}

type State = Mapping[str, Any]
type States = Mapping[str, State]

NOTHING = Count(0, 0, 0)

type Pick = Callable[[Count, Count], Count]


type Ends = Mapping[str, Count]
"""What the ways from a state come to, by how they end: with an error of this name, or done (empty)."""

DONE = ""


class Ways:
    """The longest ways through a list of states, or the shortest.

    Nothing is tried again and nothing fails but ``error`` steps; a Map has no items, and no way goes in a circle.
    """

    def __init__(self, states: States, pick: Pick, *, children: bool = False) -> None:
        """Begin.

        Args:
            states: The states.
            pick: ``Count.most`` or ``Count.least``.
            children: Whether a child goes on where a way would go in a circle; else there is no such way.
        """
        self._states = states
        self._children = children
        self._pick = pick
        self._sites = {rule["StringEquals"]: rule["Next"] for rule in states.get(BACK, {}).get("Choices", ())}
        self._known: dict[str, Ends] = {}

    def ends(self, start: str) -> Ends:
        """What the ways from a state come to."""
        if start not in self._known:
            known: dict[str, Ends] = {}
            for name in in_postorder(start, self._next):
                known[name] = self._ends(name, known)
            self._known[start] = known[start]
        return self._known[start]

    def _next(self, name: str) -> list[str]:
        """What may come after a state, a procedure that comes back to it left out."""
        if name == BACK and self._sites:
            return []
        site = self._site(self._states[name])
        return successors(self._states[name]) if site is None else [*self._chosen(name), site]

    def _ends(self, name: str, known: Mapping[str, Ends]) -> Ends:
        state = self._states[name]
        own = _own(state)
        if (name == BACK and self._sites) or not successors(state):
            return {state.get("Error", DONE): own}
        site = self._site(state)
        chosen = successors(state) if site is None else self._chosen(name)
        ways = [known[following] for following in chosen if following in known]
        if self._children and not ways and site is None:
            ways.append(self._in_a_child(state))
        if site is not None:
            ways.append(self._both(self.ends(state["Default"]), known[site]))
        found = self._either(ways)
        return self._forked(state, own, found) if "Branches" in state else _after(own, found)

    def _chosen(self, name: str) -> list[str]:
        """The ways of a jump besides the procedure."""
        return successors(self._states[name])[:-1]

    def _site(self, state: State) -> str | None:
        """Where a procedure comes back to that a state jumps to; None where it does not jump, or nothing comes back."""
        child = _child_of(state)
        return None if child is None else self._sites.get(self._states[child]["Parameters"]["Payload"]["of"])

    def _in_a_child(self, state: State) -> Ends:
        child = _child_of(state)
        if child is None:
            raise AssertionError("only a jump goes back")
        back = self._states.get(BACK)
        return {DONE: _own(self._states[child]) + (NOTHING if back is None else _own(back))}

    def _forked(self, state: State, own: Count, joined: Ends) -> Ends:
        """Every branch runs to its end; where one fails, so does the fork."""
        some: Ends = {DONE: own}
        total = own
        for branch in state["Branches"]:
            ends = ends_of(branch["States"], branch["StartAt"], self._pick)
            most = self._over(ends.values())
            failed = [_after(most, {name: count for name, count in some.items() if name != DONE})]
            failed += [{name: total + count} for name, count in ends.items() if name != DONE]
            good = {DONE: some[DONE] + ends[DONE]} if DONE in some and DONE in ends else {}
            some, total = self._either([good, *failed]), total + most
        ways = [_after(some[DONE], joined)] if DONE in some else []
        ways += [_after(count, self.ends(_caught(state, name))) for name, count in some.items() if name != DONE]
        return self._either(ways)

    def _both(self, first: Ends, then: Ends) -> Ends:
        failed = {name: count for name, count in first.items() if name != DONE}
        return self._either([failed, *([_after(first[DONE], then)] if DONE in first else [])])

    def _either(self, ways: Iterable[Ends]) -> Ends:
        found: dict[str, Count] = {}
        for ends in ways:
            for name, count in ends.items():
                found[name] = self._pick(found[name], count) if name in found else count
        return found

    def _over(self, counts: Iterable[Count]) -> Count:
        return reduce(self._pick, counts)


def ends_of(states: States, start: str, pick: Pick) -> Ends:
    """What the longest or the shortest ways from a state to an end come to."""
    return Ways(states, pick).ends(start) or Ways(states, pick, children=True).ends(start)


def longest_round(states: States, start: str, end: str) -> Count:
    """The most of each on a way from a state to one that leads back to it."""
    longest: dict[str, Count] = {}
    for name in in_postorder(start, lambda name: [] if name in {end, BACK} else successors(states[name])):
        after = [longest[following] for following in successors(states[name]) if following in longest]
        if name == end:
            longest[name] = _own(states[name])
        elif after:
            longest[name] = _own(states[name]) + reduce(Count.most, after)
    return longest[start]


def _own(state: State) -> Count:
    waits = state.get("Resource", "").endswith(".waitForTaskToken")
    return Count(1, int(state["Type"] == "Task"), 6 if waits else EVENTS.get(state["Type"], 2))


def _after(before: Count, ends: Ends) -> Ends:
    return {name: before + count for name, count in ends.items()}


def _caught(state: State, error: str) -> str:
    """Where an error leads to."""
    return next(
        catcher["Next"] for catcher in state["Catch"] if {error, "States.ALL"} & set[str](catcher["ErrorEquals"])
    )


def successors(state: State) -> list[str]:
    """What may come after a state when nothing fails, and nothing has to run as a child or once more."""
    if state["Type"] == "Choice":
        rules = [rule for rule in state["Choices"] if not _is_detour(rule)]
        return [rule["Next"] for rule in rules] + [state["Default"]]
    return [state["Next"]] if "Next" in state else []


def in_postorder(start: str, following: Callable[[str], Iterable[str]]) -> list[str]:
    """The states that can be reached; each comes after what may follow it, but for circles."""
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
            stack.extend((after, False) for after in following(name))
    return order


def _child_of(state: State) -> str | None:
    """The state that starts a child instead of a jump."""
    rules: Iterable[State] = state.get("Choices", ())
    return next((rule["Next"] for rule in rules if _is_detour(rule) and rule.get("NumericEquals") == CHILD), None)


def _is_detour(rule: State) -> bool:
    if rule["Variable"] == "$.chunk.child":
        return True
    return rule["Variable"] == "$.r.go" and (
        rule.get("NumericEquals") in {AGAIN, ASKED}
        or (rule.get("NumericEquals") == CHILD and rule["Next"].split(" (")[0].endswith(" child"))
    )
