"""Random runs through a program and its machine, and v1's order of steps, which every one must keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from statemachines import Compiled, ir
from tests.unit.statemachines.machine import AGAIN, LEFT, State, States, payload, rules

MOST = 600
"""Operations of a run; what goes on for longer is left."""


class TooLong(Exception):
    """The run goes on and on."""


class Ended(Exception):
    """A state failed with this error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Left(Exception):
    """A return was met."""

    def __init__(self, op: ir.ReturnOp) -> None:
        super().__init__(op.id)
        self.op = op


class Steps:
    """Follows a run and says at which step it must be: v1's order of transitions."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.ops = {op.id: op for block in program.blocks.values() for op in ir.walk(block.ops)}
        self.at: ir.Place | None = ir.Place("main", 0, 0)
        self.opened: list[ir.Op] = []
        self.failed = False
        self.taken = 0

    def take(self, op: ir.Op, branch: int = -1) -> None:
        """Go on by one operation."""
        self.taken += 1
        if self.taken > MOST:
            raise TooLong
        assert not self.failed, "nothing comes after an error"
        if isinstance(op, ir.BeginOp):
            self._begin(op)
            return
        assert self.at == op.at, "the run is at another step"
        self._reads_through(op)
        match op:
            case ir.RaiseOp():
                self.failed = True
            case ir.DecideOp():
                assert branch < len(op.branches)
                if branch >= 0:
                    self._open(op, op.branches[branch])
            case ir.EnterOp() | ir.InvokeOp():
                (closing,) = op.closings
                assert (closing.type, closing.at, closing.next) == ("step", op.at, op.entry)
                if isinstance(op, ir.InvokeOp) and op.tail:
                    while not isinstance(self.opened[-1], ir.InvokeOp):
                        self.opened.pop()
                    self.at = op.entry
                else:
                    self._open(op, op.entry)
            case ir.ReturnOp():
                self._return(op)
            case ir.SleepOp() | ir.AwaitOp() | ir.LoopOp() | ir.ForkOp():
                assert op.closings == ()
            case _:
                (closing,) = op.closings
                self._close(closing)

    def _open(self, op: ir.Op, first: ir.Place) -> None:
        self.opened.append(op)
        self.at = first

    def _begin(self, op: ir.BeginOp) -> None:
        (closing,) = op.closings
        assert (closing.type, closing.at, closing.next) == ("init_branch", op.at, op.at)
        if op.of == "call":
            assert isinstance(self.opened[-1], ir.InvokeOp)
            assert (op.at.workflow, op.at.step, op.at.depth) == (self.at.workflow if self.at else "", 0, 0)
            self.at = op.at
        else:
            opener = self.ops[op.opener]
            assert self.at == opener.at
            assert op.at.step == 0
            self._open(opener, op.at)
        self._reads_through(op)

    def _reads_through(self, op: ir.Op) -> None:
        """What a step holds has the frame of the step and sees its labels; a called workflow has its own."""
        around = self.opened[-1] if self.opened else None
        parent = self.program.labels[op.labels].parent
        frame = self.program.frames[op.frame]
        match around:
            case None:
                assert (op.frame, op.labels, parent) == (0, 0, None)
            case ir.EnterOp():
                assert parent is None
                assert (frame.workflow, frame.parent) == (around.entry.workflow, around.frame)
                assert frame.steps[0].input == around.id
            case ir.InvokeOp():
                assert parent is None
                assert frame.parent is None
                assert frame.steps[0].input is not None
            case _:
                assert (op.frame, parent) == (around.frame, around.labels)
        assert op.loops >= frame.loops

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
        """Every branch and loop around it ends, then its workflow."""
        for closing in op.closings[:-1]:
            assert closing.type == "finish_branch"
            assert closing.at == self.at
            self.at = self.opened.pop().at
            assert self.at.depth == op.at.depth
        around = self.opened[-1] if self.opened else None
        assert around is None or isinstance(around, ir.EnterOp | ir.InvokeOp), "only a workflow is left"
        self._close(op.closings[-1])


class Runner:
    """One run: of what branches, loops and children may do, something is picked."""

    def __init__(self, compiled: Compiled, pick: Callable[[int], int]) -> None:
        """Begin.

        Args:
            compiled: The task.
            pick: Picks one of so many ways.
        """
        self.steps = Steps(compiled.program)
        self._program = compiled.program
        self._machine: State = json.loads(compiled.definition)
        self._pick = pick
        self._ret = ""

    def run(self) -> None:
        """The whole run."""
        self._level(self._machine["States"], self._machine["StartAt"], "")

    def _level(self, states: States, start: str, entry: str) -> None:
        name: str | None = start
        go = 0
        while name is not None:
            state = states[name]
            try:
                go = self._state(state, go)
            except Ended as ended:
                caught = (
                    c["Next"] for c in state.get("Catch", ()) if {ended.error, "States.ALL"} & {*c["ErrorEquals"]}
                )
                name = next(caught, None)
                if name is None:
                    raise
                continue
            name = self._chosen(state, go, entry) if state["Type"] == "Choice" else state.get("Next")

    def _state(self, state: State, go: int) -> int:
        match state["Type"]:
            case "Task":
                return self._task(payload(state))
            case "Map":
                times = self._pick(3) if state["ItemsPath"] == "$.chunk.items" else 1
                for _ in range(times):
                    self._inner(state["ItemProcessor"])
            case "Parallel":
                for branch in state["Branches"]:
                    self._inner(branch)
            case "Fail":
                raise Ended(state["Error"])
            case _:
                pass
        return go

    def _inner(self, level: State) -> None:
        self._level(level["States"], level["StartAt"], "")

    def _chosen(self, state: State, go: int, entry: str) -> str:
        asked = state["Choices"][0]["Variable"]
        values = {"$.r.go": go, "$.entry": entry, "$.ret": self._ret, "$.chunk.child": not self._pick(4)}
        return next((name for value, name in rules(state) if value == values[asked]), state["Default"])

    def _task(self, sent: dict[str, Any]) -> int:
        match sent["op"]:
            case "block":
                return self._block(self._program.blocks[sent["block"]])
            case "blocks":
                go = 0
                for name in sent["blocks"]:
                    assert go == 0
                    go = self._block(self._program.blocks[name])
                return go
            case "child":
                op = self.steps.ops[sent["of"]]
                kept, self._ret = self._ret, ""
                entry = f"procedure:{op.procedure}" if isinstance(op, ir.InvokeOp) else op.id
                self._level(self._machine["States"], self._machine["StartAt"], entry)
                self._ret = kept
            case _:
                pass
        return 0

    def _block(self, block: ir.Block) -> int:
        last = block.ops[-1]
        try:
            go = self._ops(block.ops)
        except Left as left:
            frame = self._program.frames[left.op.frame]
            if left.op.loops > frame.loops:
                raise Ended("Returned") from None
            return LEFT
        if isinstance(last, ir.InvokeOp) and last.jump:
            jumps = bool(self._pick(3))
            if jumps and not last.tail:
                self._ret = last.id
            return 0 if jumps else 1
        return go

    def _ops(self, ops: ir.Ops) -> int:
        go = 0
        for op in ops:
            go = self._op(op)
            assert go != AGAIN
        return go

    def _op(self, op: ir.Op) -> int:
        go = 0
        if isinstance(op, ir.DecideOp):
            go = self._pick(len(op.branches) + op.otherwise) - op.otherwise
        if isinstance(op, ir.ScopeOp):
            try:
                self._ops(op.body)
            except Left as left:
                if left.op.frame != op.callee:
                    raise
            return 0
        self.steps.take(op, go)
        match op:
            case ir.RaiseOp():
                raise Ended("StepFailed")
            case ir.ReturnOp():
                raise Left(op)
            case ir.DecideOp() if op.arms is not None:
                if go >= 0:
                    self._ops(op.arms[go])
            case ir.LoopOp() if op.body is not None:
                for _ in range(self._pick(3)):
                    self._ops(op.body)
            case ir.ForkOp() if op.bodies is not None:
                for body in op.bodies:
                    self._ops(body)
            case _:
                pass
        return go
