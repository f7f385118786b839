"""A piece of a state machine: where it starts, and which states still need to be told what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

type State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fragment:
    """States that belong together; they are already in the machine's table.

    Attributes:
        start: The name of the first state.
        ends: States that go on after the fragment.
        leaves: States that end the enclosing workflow (a ``return``).
    """

    start: str
    ends: tuple[State, ...] = ()
    leaves: tuple[State, ...] = ()


def connect(states: tuple[State, ...], target: str | None) -> None:
    """Say what comes after these states: another state, or (None) the end of the machine."""
    for state in states:
        key = "Default" if state["Type"] == "Choice" else "Next"
        if target is not None:
            state[key] = target
        elif key == "Next":
            state["End"] = True
        else:
            raise AssertionError("a choice can't end a machine")
