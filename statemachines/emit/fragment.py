"""Pieces of a state machine, and the list of states that they are put into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RULE = "rule"
"""The type of a rule of a Choice while it still needs to be told where it leads; taken away in the end."""

type State = dict[str, Any]
type Leaves = Mapping[int, tuple[State, ...]]


@dataclass(frozen=True, slots=True)
class Fragment:
    """States that belong together; they are already in the level's table.

    Attributes:
        start: The name of the first state.
        ends: States that go on after the fragment.
        leaves: States that end a frame (a ``return``), by frame.
    """

    start: str
    ends: tuple[State, ...] = ()
    leaves: Leaves = field(default_factory=dict[int, "tuple[State, ...]"])


def merged(*several: Leaves) -> Leaves:
    """All leaves of several fragments."""
    result: dict[int, tuple[State, ...]] = {}
    for leaves in several:
        for frame, states in leaves.items():
            result[frame] = result.get(frame, ()) + states
    return result


@dataclass(slots=True)
class Level:
    """One list of states: the machine's own, or that of a Map or a Parallel.

    Attributes:
        suffix: Makes the names of its states unique; empty for the machine's own.
        table: The states.
        left: Whether a state must be there that passes a ``return`` on to the level around.
        names: The suffixes in use, shared by all levels.
        guards: The frames that a ``return`` in or beside it may end, each with the loops around it.
    """

    suffix: str = ""
    table: dict[str, State] = field(default_factory=dict[str, State])
    left: bool = False
    names: set[str] = field(default_factory=set[str])
    guards: tuple[tuple[int, int], ...] = ()

    def inner(self, name: str, guards: tuple[tuple[int, int], ...]) -> Level:
        """A level inside this one."""
        suffix = name
        number = 1
        while suffix in self.names:
            number += 1
            suffix = f"{name}.{number}"
        self.names.add(suffix)
        return Level(suffix=suffix, names=self.names, guards=guards)

    def name(self, text: str) -> str:
        """A state's name in this level; at most 80 characters, unique if the text is unique in the level."""
        tail = f" ({self.suffix})" if self.suffix else ""
        keep = _LONGEST_NAME - len(tail)
        return (text if len(text) <= keep else f"{text[: keep - 1]}…") + tail

    @property
    def fail(self) -> str:
        """The state that writes a failure down."""
        return self.name("fail")

    @property
    def failed(self) -> str:
        """The state that fails."""
        return self.name("failed")

    def leave(self) -> str:
        """The state that passes a ``return`` on."""
        self.left = True
        return self.name("left")


_LONGEST_NAME = 80


def connect(states: tuple[State, ...], target: str) -> None:
    """Say what comes after these states."""
    for state in states:
        state["Default" if state["Type"] == "Choice" else "Next"] = target


def finish(states: tuple[State, ...], level: Level, last: State) -> tuple[State, ...]:
    """Let these states end their level; those that can't (a choice) go on to one more state.

    Args:
        states: The states.
        level: Their level.
        last: The state that ends it for those.

    Returns:
        The states that end it themselves.
    """
    plain = tuple(state for state in states if state["Type"] not in {"Choice", RULE})
    chosen = tuple(state for state in states if state["Type"] in {"Choice", RULE})
    for state in plain:
        state["End"] = True
    if chosen:
        level.table[level.name("done")] = last
        connect(chosen, level.name("done"))
    return plain
