"""Running a block's operations: each one reads what came before it, and adds to the draft of the block's record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from silvercup import values
from silvercup.errors import StepError
from silvercup.executions.paths import calls, jumps
from silvercup.executions.record import Items
from silvercup.expressions import compile_value
from silvercup.runtime.context import scope_of
from silvercup.runtime.draft import Draft, Snapshot
from silvercup.runtime.ends import side_states, texts_of
from silvercup.runtime.items import items_of, reduced
from silvercup.runtime.items import pages as pages_of
from silvercup.runtime.situation import Situation
from silvercup.runtime.slices import Slices
from silvercup.values import JsonObject
from statemachines import ir
from statemachines.ir import Op

MAX_CALLS = 1_000
"""How deep calls may stand in each other."""

_ITEMS_INLINE = 16 * 1024
_PAGE_BYTES = 256 * 1024


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
        self._situation = situation
        self.draft = draft
        self.keep = keep
        self._skip_waits = skip_waits
        self._decoded: dict[int, Any] = {}
        self._results: dict[str, list[int]] = {}
        self.sides: list[dict[str, None]] = []
        self._items: dict[str, int] = {}
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
        return scope_of(op, self._situation, self.draft, value=self.value, current=self.current, state=self.state)

    def value(self, op_id: str | None) -> Any:
        """An operation's output, of this block or an earlier one.

        Raises:
            KeyError: It has not run.
        """
        if op_id is not None and op_id in self.draft.outs:
            return self._decode(self.draft.outs[op_id])
        return self._situation.value(op_id)

    def current(self) -> Any:
        """The value that comes in (``_``)."""
        if self.draft.out is None:
            raise KeyError("_")
        return self._decode(self.draft.out)

    def state(self, depth: int) -> JsonObject:
        """The ``state`` of a scope."""
        return self.snapshot(depth)[0]

    def snapshot(self, depth: int) -> Snapshot:
        """The ``state`` of a scope, with the names that were set in the iteration around."""
        return self.draft.state(depth, self._situation.state)

    def _decode(self, index: int) -> Any:
        if index not in self._decoded:
            self._decoded[index] = self._situation.load(self.draft.values.texts[index])
        return self._decoded[index]

    def _add(self, value: Any) -> int:
        index = self.draft.values.add_value(value)
        self._decoded.setdefault(index, value)
        return index

    def _done(self, make: Callable[[], Any]) -> Any:
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
                self._output(op, lambda: self._add(self.evaluate(op, op.values)))
            case ir.SetOp():
                self._set(op)
            case ir.GetOp():
                self._output(op, lambda: self._add(self._get(op)))
            case ir.LogOp():
                text = self._done(lambda: self.evaluate(op, op.text))
                self._pass_on(op, {"log": text})
            case ir.ReturnOp():
                self._output(op, lambda: self._add(self.evaluate(op, op.value)))
                raise Left(op)
            case ir.RaiseOp():
                raise StepError(f"Error raised by ErrorWorkflowStep: {op.message}")
            case ir.DecideOp():
                self._decide(op)
            case ir.SleepOp():
                until = self.draft.t if self._skip_waits else self.draft.t + op.seconds * 1_000_000
                self.draft.go = self._done(lambda: until)
                self.draft.outs[op.id] = self._carried()
            case _:
                self._run_part(op)

    def _run_part(self, op: Op) -> None:
        match op:
            case ir.EnterOp():
                self._enter(op)
            case ir.ScopeOp():
                self._done(lambda: None)
                try:
                    self.run(op.body)
                except Left as left:
                    if left.op.frame != op.callee:
                        raise
            case ir.InvokeOp():
                self._invoke(op)
            case ir.CloseOp():
                self._done(lambda: None)
                self._pass_on(op)
            case ir.EndCallOp():
                self._done(lambda: None)
                count = jumps(self._situation.pointer.prev.path)
                self._pass_on(op, {"tail_calls": count} if count else None)
            case ir.BeginOp():
                self._begin(op)
            case ir.LoopOp():
                self._loop(op)
            case ir.GatherOp():
                self._gather(op)
            case ir.ForkOp():
                self._fork(op)
            case ir.JoinOp():
                self._join(op)
            case _:
                raise AssertionError(f"{op.name} is not a pure operation")

    def _carried(self) -> int:
        """The value that comes in, as the one that goes on."""
        assert self.draft.out is not None
        return self.draft.out

    def _pass_on(self, op: Op, metadata: JsonObject | None = None) -> None:
        draft = self.draft
        draft.outs[op.id] = self._carried()
        draft.close(op, self._carried(), metadata)

    def _output(self, op: Op, make: Callable[[], int]) -> None:
        draft = self.draft
        draft.out = draft.outs[op.id] = self._done(make)
        draft.close(op, self._carried())

    def _set(self, op: ir.SetOp) -> None:
        depth = op.at.depth
        index = self._done(lambda: self._add(self.evaluate(op, op.values)))
        value = cast("JsonObject", self._decode(index))
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
        draft.outs[op.id] = self._carried()
        go: int = self._done(lambda: self._choice(op))
        if go >= 0:
            place = op.branches[go]
            draft.add("init_branch", place, place, self._carried(), metadata={"step_type": op.step_type})
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
            return self._carried()
        return self._add(self.evaluate(op, op.arguments))

    def _enter(self, op: ir.EnterOp) -> None:
        draft = self.draft
        draft.out = draft.outs[op.id] = self._done(lambda: self._arguments(op))
        draft.open_scope(op.at.depth)
        metadata = {"step_type": op.step_type}
        for closing in op.closings:
            draft.add(closing.type, closing.at, closing.next, self._carried(), metadata=metadata)
        draft.add("init_branch", op.entry, op.entry, self._carried(), metadata=metadata)

    def _invoke(self, op: ir.InvokeOp) -> None:
        if not op.tail and calls(self._situation.pointer.at) >= MAX_CALLS:
            raise StepError(f"Calls stand in each other more than {MAX_CALLS:,} levels deep")
        draft = self.draft
        draft.out = draft.outs[op.id] = self._done(lambda: self._arguments(op))
        draft.open_scope(op.at.depth)
        for closing in op.closings:
            draft.add(closing.type, closing.at, closing.next, self._carried(), metadata={"step_type": op.step_type})

    def _begin(self, op: ir.BeginOp) -> None:
        draft = self.draft
        index = self._items.get(op.opener) if op.of == "item" else None
        if index is not None:
            draft.out = index
        draft.outs[op.id] = self._done(self._carried)
        draft.out = draft.outs[op.id]
        for closing in op.closings:
            draft.add(closing.type, closing.at, closing.next, self._carried(), metadata={"step_type": op.step_type})

    def _loop(self, op: ir.LoopOp) -> None:
        if op.body is None:
            self._open_loop(op)
            return
        draft = self.draft
        draft.outs[op.id] = carried = self._carried()
        indexes: list[int] = self._done(lambda: [self._add(item) for item in items_of(op, self.scope(op))])
        results: list[int] = []
        sides = _Sides(self, op.at.depth) if op.sets and not op.chained else None
        inside = [held.id for held in ir.walk(op.body)]
        for number, index in enumerate(indexes):
            draft.iterations[op.id] = number
            self._items[op.id] = index
            self._forget(inside)
            self.run(op.body)
            results.append(draft.outs[op.last])
            if sides is not None:
                sides.next()
        self._forget(inside)
        draft.iterations.pop(op.id, None)
        self._results[op.id] = results
        if sides is not None:
            sides.join()
        draft.out = carried

    def _open_loop(self, op: ir.LoopOp) -> None:
        """Write down what the state machine's loop goes over."""
        items = self._done(lambda: items_of(op, self.scope(op)))
        draft = self.draft
        draft.outs[op.id] = self._carried()
        pages: list[tuple[int, int]] = []
        text = values.dumps(items)
        if len(text) <= _ITEMS_INLINE:
            pages.append((0, draft.values.add(text)))
        else:
            for first, page in pages_of(items, _PAGE_BYTES):
                pages.append((first, draft.values.add(self.keep(page))))
        draft.items = Items(len(items), tuple(pages))

    def _gather(self, op: ir.GatherOp) -> None:
        indexes = self._results.pop(op.loop, None)
        if indexes is None:
            texts = texts_of(self._situation, op)
            self._merge(op)
            indexes = [self.draft.values.add(text) for text in texts]
        self._output(op, lambda: self._gathered(op, indexes))

    def _gathered(self, op: ir.GatherOp, indexes: list[int]) -> int:
        outputs = [self._decode(index) for index in indexes]
        return self._add(reduced(op, outputs))

    def _fork(self, op: ir.ForkOp) -> None:
        draft = self.draft
        self._done(lambda: None)
        draft.outs[op.id] = carried = self._carried()
        if op.bodies is None:
            return
        sides = _Sides(self, op.at.depth) if op.sets else None
        results: list[int] = []
        for number, (body, last) in enumerate(zip(op.bodies, op.lasts, strict=True)):
            draft.iterations[op.id] = number
            draft.out = carried
            self.run(body)
            results.append(draft.outs[last])
            if sides is not None:
                sides.next()
        draft.iterations.pop(op.id, None)
        self._forget([held.id for body in op.bodies for held in ir.walk(body)])
        self._results[op.id] = results
        if sides is not None:
            sides.join()
        draft.out = carried

    def _join(self, op: ir.JoinOp) -> None:
        indexes = self._results.pop(op.fork, None)
        if indexes is None:
            texts = texts_of(self._situation, op)
            self._merge(op)
            indexes = [self.draft.values.add(text) for text in texts]
        self._output(op, lambda: self._add([self._decode(index) for index in indexes]))

    def _merge(self, op: ir.GatherOp | ir.JoinOp) -> None:
        """Bring together the ``state`` of iterations or branches that ran side by side: in their order, later wins."""
        opener = self._situation.loaded.ops[op.loop if isinstance(op, ir.GatherOp) else op.fork]
        if not cast("ir.LoopOp | ir.ForkOp", opener).sets or getattr(opener, "chained", False):
            return
        changed: JsonObject = {}
        for state, names in side_states(self._situation, op):
            changed |= {name: state[name] for name in names}
        if changed:
            self.change_state(op.at.depth, {**self.state(op.at.depth), **changed}, changed)

    def _forget(self, ops: Sequence[str]) -> None:
        """Take away what the iteration before did: its steps are not to be seen in the next one."""
        for op in ops:
            self.draft.outs.pop(op, None)


class _Sides:
    """The ``state`` of iterations that count as side by side, though a block runs them one after the other."""

    def __init__(self, flow: Flow, depth: int) -> None:
        self._flow = flow
        self._depth = depth
        self._start = flow.snapshot(depth)
        self._changed: JsonObject = {}
        self._names: dict[str, None] = {}
        flow.sides.append(self._names)

    def next(self) -> None:
        """The iteration has ended: keep what it set, and go back."""
        state = self._flow.state(self._depth)
        self._changed |= {name: state[name] for name in self._names}
        self._names.clear()
        self._flow.draft.set_state(self._depth, *self._start)

    def join(self) -> None:
        """All have ended: later ones win."""
        self._flow.sides.pop()
        if self._changed:
            self._flow.change_state(self._depth, {**self._start[0], **self._changed}, self._changed)
