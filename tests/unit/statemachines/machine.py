"""A small reader of state machines that shares nothing with the compiler: its levels, and what can follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type State = dict[str, Any]
type States = dict[str, State]

ASKED, AGAIN, LEFT = -4, -3, -2
"""What a block answers when it is to run once more, and when a return has ended its workflow."""


@dataclass(frozen=True, slots=True)
class Level:
    """One list of states: the machine's own, or that of a Map or a Parallel.

    Attributes:
        within: The states around it, outermost first.
        start: Its first state.
        states: Its states.
    """

    within: tuple[State, ...]
    start: str
    states: States

    @property
    def fail(self) -> str:
        """The state that writes a failure down."""
        (found,) = [name for name, state in self.states.items() if payload(state).get("op") == "fail"]
        return found

    @property
    def failed(self) -> str:
        """The state that fails."""
        (found,) = [name for name, state in self.states.items() if state.get("Error") == "Silvercup.Failed"]
        return found


def levels(definition: dict[str, Any], within: tuple[State, ...] = ()) -> Iterator[Level]:
    """Every level of a machine, outermost first."""
    yield Level(within, definition["StartAt"], definition["States"])
    for state in definition["States"].values():
        for inner in [state["ItemProcessor"]] if state["Type"] == "Map" else state.get("Branches", ()):
            yield from levels(inner, (*within, state))


def every_state(definition: dict[str, Any]) -> Iterator[tuple[str, State]]:
    """Every state of a machine, with its name."""
    for level in levels(definition):
        yield from level.states.items()


def blocks_of(state: State) -> list[str]:
    """The blocks that a Task runs, in order."""
    sent = payload(state)
    return sent.get("blocks", [sent["block"]] if "block" in sent else [])


def payload(state: State) -> dict[str, Any]:
    """What a Task sends to its function; empty for other states."""
    return state.get("Parameters", {}).get("Payload", {}) if state["Type"] == "Task" else {}


def rules(state: State) -> list[tuple[Any, str]]:
    """What a Choice compares with, and where that leads; None for its default."""
    found = [
        (next(value for key, value in rule.items() if key.endswith("Equals")), rule["Next"])
        for rule in state["Choices"]
    ]
    return [*found, *([(None, state["Default"])] if "Default" in state else [])]


def following(state: State) -> list[str]:
    """The states that a state names, also those that it goes to when it fails."""
    return [catcher["Next"] for catcher in state.get("Catch", ())] + going_on(state)


def going_on(state: State) -> list[str]:
    """The states that a state names for when nothing fails."""
    named = [rule["Next"] for rule in state.get("Choices", ())]
    return named + [state[key] for key in ("Default", "Next") if key in state]


def reachable(level: Level) -> set[str]:
    """What can be reached from the first state of a level."""
    waiting, seen = [level.start], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += following(level.states[name])
    return seen


def is_jump(state: State, states: States) -> bool:
    """Whether a state goes on to a procedure, unless a child has to run it."""
    return any(payload(states[name]).get("op") == "child" for value, name in rules(state) if value == 1)


def onward(name: str, states: States) -> list[str]:
    """What may follow a state, with neither a repetition of a block or row nor a jump to a procedure."""
    state = states[name]
    if state["Type"] != "Choice":
        return [after for after in following(state) if after != name]
    jump = is_jump(state, states)
    return [after for value, after in rules(state) if value not in {AGAIN, ASKED} and not (jump and value is None)]
