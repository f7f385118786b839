"""Loops and forks of a block: run in it, opened for the state machine, or brought together after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from silvercup.executions.record import Items
from silvercup.runtime.ends import side_states, texts_of
from silvercup.runtime.items import items_of, reduced
from silvercup.runtime.items import pages as pages_of
from silvercup.values import JsonObject
from statemachines import ir

if TYPE_CHECKING:
    from silvercup.runtime.flow import Flow

_ITEMS_INLINE = 16 * 1024
_PAGE_BYTES = 256 * 1024


class Loops:
    """The loops and forks of one run through a block's operations."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._results: dict[str, list[int]] = {}
        self._items: dict[str, int] = {}

    def item_of(self, loop: str) -> int | None:
        """The item that a loop of the block is at; None where the state machine runs the loop."""
        return self._items.get(loop)

    def loop(self, op: ir.LoopOp) -> None:
        """Open a loop: run it, or write down what the state machine's loop goes over."""
        if op.body is None:
            self._open(op)
            return
        draft = self._flow.draft
        draft.outs[op.id] = carried = self._flow.carried()
        indexes: list[int] = self._flow.done(
            lambda: [self._flow.add(item) for item in items_of(op, self._flow.scope(op))]
        )
        results: list[int] = []
        sides = Sides(self._flow, op.at.depth) if op.sets and not op.chained else None
        inside = [held.id for held in ir.walk(op.body)]
        for number, index in enumerate(indexes):
            draft.iterations[op.id] = number
            self._items[op.id] = index
            self._forget(inside)
            self._flow.run(op.body)
            results.append(draft.outs[op.last])
            if sides is not None:
                sides.next()
        self._forget(inside)
        draft.iterations.pop(op.id, None)
        self._results[op.id] = results
        if sides is not None:
            sides.join()
        draft.out = carried

    def _open(self, op: ir.LoopOp) -> None:
        """Write down what the state machine's loop goes over."""
        items = self._flow.done(lambda: items_of(op, self._flow.scope(op)))
        draft = self._flow.draft
        draft.outs[op.id] = self._flow.carried()
        pages: list[tuple[int, int]] = []
        text = draft.values.text_of(items)
        if len(text) <= _ITEMS_INLINE:
            pages.append((0, draft.values.add(text)))
        else:
            for first, page in pages_of(items, _PAGE_BYTES):
                pages.append((first, draft.values.add(self._flow.keep(draft.values.text_of(page)))))
        draft.items = Items(len(items), tuple(pages))

    def gather(self, op: ir.GatherOp) -> None:
        """End a loop."""
        indexes = self._results.pop(op.loop, None)
        if indexes is None:
            texts = texts_of(self._flow.situation, op)
            self._merge(op)
            indexes = [self._flow.draft.values.add(text) for text in texts]
        self._flow.output(op, lambda: self._gathered(op, indexes))

    def _gathered(self, op: ir.GatherOp, indexes: list[int]) -> int:
        outputs = [self._flow.decode(index) for index in indexes]
        return self._flow.add(reduced(op, outputs))

    def fork(self, op: ir.ForkOp) -> None:
        """Open branches side by side, and run them where the block does."""
        draft = self._flow.draft
        self._flow.done(lambda: None)
        draft.outs[op.id] = carried = self._flow.carried()
        if op.bodies is None:
            return
        sides = Sides(self._flow, op.at.depth) if op.sets else None
        results: list[int] = []
        for number, (body, last) in enumerate(zip(op.bodies, op.lasts, strict=True)):
            draft.iterations[op.id] = number
            draft.out = carried
            self._flow.run(body)
            results.append(draft.outs[last])
            if sides is not None:
                sides.next()
        draft.iterations.pop(op.id, None)
        self._forget([held.id for body in op.bodies for held in ir.walk(body)])
        self._results[op.id] = results
        if sides is not None:
            sides.join()
        draft.out = carried

    def join(self, op: ir.JoinOp) -> None:
        """End a fork."""
        indexes = self._results.pop(op.fork, None)
        if indexes is None:
            texts = texts_of(self._flow.situation, op)
            self._merge(op)
            indexes = [self._flow.draft.values.add(text) for text in texts]
        self._flow.output(op, lambda: self._flow.add([self._flow.decode(index) for index in indexes]))

    def _merge(self, op: ir.GatherOp | ir.JoinOp) -> None:
        """Bring together the ``state`` of iterations or branches that ran side by side: in their order, later wins."""
        opener = self._flow.situation.loaded.ops[op.loop if isinstance(op, ir.GatherOp) else op.fork]
        if not cast("ir.LoopOp | ir.ForkOp", opener).sets or getattr(opener, "chained", False):
            return
        changed: JsonObject = {}
        for state, names in side_states(self._flow.situation, op):
            changed |= {name: state[name] for name in names}
        if changed:
            self._flow.change_state(op.at.depth, {**self._flow.state(op.at.depth), **changed}, changed)

    def _forget(self, ops: Sequence[str]) -> None:
        """Take away what the iteration before did: its steps are not to be seen in the next one."""
        for op in ops:
            self._flow.draft.outs.pop(op, None)


class Sides:
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
