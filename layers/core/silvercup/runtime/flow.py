"""Running a block's operations: each one reads what came before it, and adds to the draft of the block's record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from silvercup.errors import StepError
from silvercup.executions.paths import calls, jumps
from silvercup.expressions import compile_value
from silvercup.runtime.context import scope_of
from silvercup.runtime.draft import Draft, Snapshot
from silvercup.runtime.loops import Loops
from silvercup.runtime.situation import Situation
from silvercup.runtime.slices import Slices
from silvercup.values import JsonObject
from statemachines import ir
from statemachines.ir import Op

MAX_CALLS = 1_000
"""How deep calls may stand in each other."""


class Left(Exception):
    """A ``return`` ends a frame.

    Attributes:
        op: The ``return``.
    """

    def __init__(self, op: ir.ReturnOp) -> None:
        super().__init__(op.id)
        self.op = op


class Failed(Exception):
    """An operation failed.

    Attributes:
        op: Which.
        message: Why, for people.
    """

    def __init__(self, op: Op, message: str) -> None:
        super().__init__(message)
        self.op = op
        self.message = message


class Flow:
    """One run through a block's operations.

    Attributes:
        situation: What the block read.
        draft: The record in the making.
        sides: The names set so far in each iteration around that counts as side by side with others.
        tape: What each operation did so far, in order; playing it again gives the same without evaluating anything.
        keep: Writes a large text to a blob, and gives its name.
    """

    def __init__(
        self,
        situation: Situation,
        draft: Draft,
        *,
        keep: Callable[[str], str],
        slices: Slices,
        skip_waits: bool,
    ) -> None:
        self.situation = situation
        self.draft = draft
        self.keep = keep
        self._skip_waits = skip_waits
        self._decoded: dict[int, Any] = {}
        self.sides: list[dict[str, None]] = []
        self._loops = Loops(self)
        self._slices = slices
        self.tape: list[Any] = []
        self._played = 0

    def play(self, tape: Sequence[Any]) -> None:
        """Start with what earlier invocations did."""
        self.tape = list(tape)
        self.draft.silent = bool(tape)

    def run(self, ops: Sequence[Op]) -> None:
        """Run operations in order.

        Raises:
            Left: A ``return`` ended their workflow.
            Failed: One failed.
            Sliced: They take long.
        """
        for op in ops:
            if self.draft.silent and self._played == len(self.tape):
                self.draft.silent = False
            if not self.draft.silent:
                self._slices.look(self.tape)
            try:
                self._run(op)
            except StepError as error:
                raise Failed(op, error.message) from None

    def evaluate(self, op: Op, value: Any) -> Any:
        """The JSON value of an operation's field."""
        return compile_value(value).evaluate(self.scope(op))

    def scope(self, op: Op) -> Mapping[str, object]:
        """The names that an operation's expressions see."""
        return scope_of(op, self.situation, self.draft, value=self.value, current=self.current, state=self.state)

    def value(self, op_id: str | None) -> Any:
        """An operation's output, of this block or an earlier one.

        Raises:
            KeyError: It has not run.
        """
        if op_id is not None and op_id in self.draft.outs:
            return self.decode(self.draft.outs[op_id])
        return self.situation.value(op_id)

    def current(self) -> Any:
        """The value that comes in (``_``)."""
        if self.draft.out is None:
            raise KeyError("_")
        return self.decode(self.draft.out)

    def state(self, depth: int) -> JsonObject:
        """The ``state`` of a scope."""
        return self.snapshot(depth)[0]

    def snapshot(self, depth: int) -> Snapshot:
        """The ``state`` of a scope, with the names that were set in the iteration around."""
        return self.draft.state(depth, self.situation.state)

    def decode(self, index: int) -> Any:
        """The JSON value of one of the draft's values; it must not be changed."""
        if index not in self._decoded:
            self._decoded[index] = self.situation.load(self.draft.values.texts[index])
        return self._decoded[index]

    def add(self, value: Any) -> int:
        """The index of a JSON value among the draft's."""
        index = self.draft.values.add_value(value)
        self._decoded.setdefault(index, value)
        return index

    def done(self, make: Callable[[], Any]) -> Any:
        """What an operation did: made now, or as an earlier invocation did it."""
        if self.draft.silent:
            found = self.tape[self._played]
        else:
            found = make()
            self.tape.append(found)
        self._played += 1
        return found

    def _run(self, op: Op) -> None:
        match op:
            case ir.EvaluateOp():
                self.output(op, lambda: self.add(self.evaluate(op, op.values)))
            case ir.SetOp():
                self._set(op)
            case ir.GetOp():
                self.output(op, lambda: self.add(self._get(op)))
            case ir.LogOp():
                text = self.done(lambda: self.situation.secrets.masked(self.evaluate(op, op.text)))
                self._pass_on(op, {"log": text})
            case ir.ReturnOp():
                self.output(op, lambda: self.add(self.evaluate(op, op.value)))
                raise Left(op)
            case ir.RaiseOp():
                raise StepError(f"Error raised by ErrorWorkflowStep: {op.message}")
            case ir.DecideOp():
                self._decide(op)
            case ir.SleepOp():
                until = self.draft.t if self._skip_waits else self.draft.t + op.seconds * 1_000_000
                self.draft.go = self.done(lambda: until)
                self.draft.outs[op.id] = self.carried()
            case _:
                self._run_part(op)

    def _run_part(self, op: Op) -> None:
        match op:
            case ir.EnterOp():
                self._enter(op)
            case ir.ScopeOp():
                self.done(lambda: None)
                try:
                    self.run(op.body)
                except Left as left:
                    if left.op.frame != op.callee:
                        raise
            case ir.InvokeOp():
                self._invoke(op)
            case ir.CloseOp():
                self.done(lambda: None)
                self._pass_on(op)
            case ir.EndCallOp():
                self.done(lambda: None)
                count = jumps(self.situation.pointer.prev.path)
                self._pass_on(op, {"tail_calls": count} if count else None)
            case ir.BeginOp():
                self._begin(op)
            case ir.LoopOp():
                self._loops.loop(op)
            case ir.GatherOp():
                self._loops.gather(op)
            case ir.ForkOp():
                self._loops.fork(op)
            case ir.JoinOp():
                self._loops.join(op)
            case _:
                raise AssertionError(f"{op.name} is not a pure operation")

    def carried(self) -> int:
        """The value that comes in, as the one that goes on."""
        assert self.draft.out is not None
        return self.draft.out

    def _pass_on(self, op: Op, metadata: JsonObject | None = None) -> None:
        draft = self.draft
        draft.outs[op.id] = self.carried()
        draft.close(op, self.carried(), metadata)

    def output(self, op: Op, make: Callable[[], int]) -> None:
        """End a step with an output of its own."""
        draft = self.draft
        draft.out = draft.outs[op.id] = self.done(make)
        draft.close(op, self.carried())

    def _set(self, op: ir.SetOp) -> None:
        depth = op.at.depth
        index = self.done(lambda: self.add(self.evaluate(op, op.values)))
        value = cast("JsonObject", self.decode(index))
        self.change_state(depth, {**self.state(depth), **value}, value)
        self.draft.out = self.draft.outs[op.id] = index
        self.draft.close(op, index)

    def change_state(self, depth: int, state: JsonObject, names: Mapping[str, Any]) -> None:
        """Change the ``state`` of a scope, by these names."""
        _, before = self.snapshot(depth)
        self.draft.set_state(depth, state, tuple(dict.fromkeys((*before, *names))))
        if self.sides:
            self.sides[-1].update(dict.fromkeys(names))

    def _get(self, op: ir.GetOp) -> Any:
        state = self.state(op.at.depth)
        found = [state.get(name) for name in op.names]
        return found[0] if op.single else found

    def _decide(self, op: ir.DecideOp) -> None:
        draft = self.draft
        draft.leave_scopes(op.at.depth)
        draft.outs[op.id] = self.carried()
        go: int = self.done(lambda: self._choice(op))
        if go >= 0:
            place = op.branches[go]
            draft.add("init_branch", place, place, self.carried(), metadata={"step_type": op.step_type})
            if op.arms is not None:
                self.run(op.arms[go])
        if op.arms is None:
            draft.go = go

    def _choice(self, op: ir.DecideOp) -> int:
        scope = self.scope(op)
        for i, condition in enumerate(op.conditions):
            if condition is None or compile_value(condition).evaluate_raw(scope):
                return i
        if op.otherwise:
            return -1
        tried = "; ".join(str(condition)[:100] for condition in op.conditions)
        raise StepError(f"No case of the switch holds. Tried: {tried}. Add a default: case: _")

    def _arguments(self, op: ir.EnterOp | ir.InvokeOp) -> int:
        if op.arguments == "_":
            return self.carried()
        return self.add(self.evaluate(op, op.arguments))

    def _enter(self, op: ir.EnterOp) -> None:
        draft = self.draft
        draft.out = draft.outs[op.id] = self.done(lambda: self._arguments(op))
        draft.open_scope(op.at.depth)
        metadata = {"step_type": op.step_type}
        for closing in op.closings:
            draft.add(closing.type, closing.at, closing.next, self.carried(), metadata=metadata)
        draft.add("init_branch", op.entry, op.entry, self.carried(), metadata=metadata)

    def _invoke(self, op: ir.InvokeOp) -> None:
        if not op.tail and calls(self.situation.pointer.at) >= MAX_CALLS:
            raise StepError(f"Calls stand in each other more than {MAX_CALLS:,} levels deep")
        draft = self.draft
        draft.out = draft.outs[op.id] = self.done(lambda: self._arguments(op))
        draft.open_scope(op.at.depth)
        for closing in op.closings:
            draft.add(closing.type, closing.at, closing.next, self.carried(), metadata={"step_type": op.step_type})

    def _begin(self, op: ir.BeginOp) -> None:
        draft = self.draft
        index = self._loops.item_of(op.opener) if op.of == "item" else None
        if index is not None:
            draft.out = index
        draft.outs[op.id] = self.done(self.carried)
        draft.out = draft.outs[op.id]
        for closing in op.closings:
            draft.add(closing.type, closing.at, closing.next, self.carried(), metadata={"step_type": op.step_type})
