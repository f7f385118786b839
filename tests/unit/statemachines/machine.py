"""A small reader of state machines that shares nothing with the compiler: what can follow, and what every run comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from statemachines import ir

type States = dict[str, dict[str, Any]]


def following(state: dict[str, Any]) -> list[str]:
    """The states that a state names, also those that it goes to when it fails."""
    named = [choice["Next"] for choice in state.get("Choices", ())]
    named += [catcher["Next"] for catcher in state.get("Catch", ())]
    return named + [state[key] for key in ("Default", "Next") if key in state]


def reachable(definition: dict[str, Any]) -> set[str]:
    waiting, seen = [definition["StartAt"]], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += following(definition["States"][name])
    return seen


@dataclass(frozen=True, order=True)
class Outcome:
    """What one run comes to, when no state fails on its own."""

    failed: bool
    transitions: int
    invocations: int
    events: int


COSTS = {"Task": (1, 5), "Choice": (0, 2), "Wait": (0, 2), "Fail": (0, 1)}
"""Lambda calls and history events by the type of a state."""


def outcomes(definition: dict[str, Any]) -> frozenset[Outcome]:
    """What each run comes to that the machine's choices allow."""
    known: dict[str, frozenset[Outcome]] = {}

    def of(name: str) -> frozenset[Outcome]:
        if name not in known:
            state = definition["States"][name]
            calls, events = COSTS[state["Type"]]
            events += str(state.get("Resource")).endswith(".waitForTaskToken")  # TaskSubmitted
            if state["Type"] == "Choice":
                rests = [
                    rest for choice in (*state["Choices"], {"Next": state["Default"]}) for rest in of(choice["Next"])
                ]
            elif "Next" in state:
                rests = list(of(state["Next"]))
            else:
                rests = [Outcome(state["Type"] == "Fail", 1, 0, 0)]
            known[name] = frozenset(
                Outcome(r.failed, r.transitions + 1, r.invocations + calls, r.events + events) for r in rests
            )
        return known[name]

    return of(definition["StartAt"])


def walk(definition: dict[str, Any], choose: Callable[[int], int]) -> Iterator[tuple[str, int | None]]:
    """One run: the ids of its blocks, and for a block that a choice follows the branch that was taken, -1 for none.

    Args:
        definition: The state machine.
        choose: Picks one of so many ways.
    """
    states: States = definition["States"]
    name: str | None = definition["StartAt"]
    while name is not None:
        state = states[name]
        if state["Type"] == "Task" and state["Parameters"]["Payload"]["op"] == "block":
            after = states[state["Next"]] if "Next" in state else {}
            if after.get("Type") == "Choice":
                ways = [(choice["NumericEquals"], choice["Next"]) for choice in after["Choices"]]
                ways.append((None, after["Default"]))
                number, name = ways[choose(len(ways))]
                yield state["Parameters"]["Payload"]["block"], number
                continue
            yield state["Parameters"]["Payload"]["block"], None
        name = state.get("Next")


class Steps:
    """Follows a run through the program and says at which step it must be: v1's order of transitions."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.at: ir.Place | None = ir.Place("main", 0, 0)
        self.opened: list[ir.Op] = []
        self.failed = False

    def take(self, op: ir.Op, branch: int | None) -> None:
        """Go on by one operation."""
        assert self.at == op.at, "the run is at another step"
        assert not self.failed, "nothing comes after an error"
        self._reads_through(op)
        match op:
            case ir.RaiseOp():
                self.failed = True
            case ir.DecideOp():
                number = branch if branch is not None else (-1 if op.otherwise else len(op.branches) - 1)
                assert number < len(op.branches)
                if number >= 0:
                    self.opened.append(op)
                    self.at = op.branches[number]
            case ir.EnterOp():
                (closing,) = op.closings
                assert (closing.type, closing.at, closing.next) == ("step", op.at, op.entry)
                self.opened.append(op)
                self.at = op.entry
            case ir.ReturnOp():
                self._return(op)
            case ir.SleepOp() | ir.AwaitOp():
                assert op.closings == ()
            case _:
                (closing,) = op.closings
                self._close(closing)

    def _reads_through(self, op: ir.Op) -> None:
        """A branch has the frame of the step that opened it, and sees its labels; a called workflow has its own."""
        around = self.opened[-1] if self.opened else None
        parent = self.program.labels[op.labels].parent
        match around:
            case None:
                assert (op.frame, op.labels, parent) == (0, 0, None)
            case ir.EnterOp():
                assert parent is None
                assert self.program.frames[op.frame].workflow == around.entry.workflow
                assert self.program.frames[op.frame].steps[0].input in self.program.blocks
                assert op.frame > around.frame
            case _:
                assert (op.frame, parent) == (around.frame, around.labels)

    def _close(self, closing: ir.Closing) -> None:
        assert closing.at == self.at
        if closing.type == "step":
            assert closing.next == ir.Place(closing.at.workflow, closing.at.step + 1, closing.at.depth)
            self.at = closing.next
            return
        assert closing.next is None
        assert (closing.type == "finish") == (not self.opened)
        self.at = self.opened.pop().at if self.opened else None

    def _return(self, op: ir.Op) -> None:
        """Every branch around it ends, then its workflow."""
        for closing in op.closings[:-1]:
            assert closing.type == "finish_branch"
            assert closing.at == self.at
            self.at = self.opened.pop().at
            assert self.at.depth == op.at.depth
        self._close(op.closings[-1])
        assert self.at is None or self.at.depth == op.at.depth - 1
