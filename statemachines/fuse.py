"""Stage 3: operations to blocks. A block is ``[what needs nothing from outside]* [one effect]?``, so that it is run, read and written as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from statemachines import ir, nodes
from statemachines.ir import Block, Op, has_loop
from statemachines.lower import Lowered
from statemachines.rows import in_rows


@dataclass(slots=True)
class Fused:
    """What the state machine runs.

    Attributes:
        procedures: ``main`` first.
        blocks: Every block by id.
    """

    procedures: tuple[nodes.Procedure, ...] = ()
    blocks: dict[str, Block] = field(default_factory=dict[str, Block])


def fuse(lowered: Lowered, *, together: bool = True) -> Fused:
    """Put operations into blocks.

    Args:
        lowered: Nodes with operations.
        together: Whether a block may hold more than one operation, and an invocation more than one block; without it
            every operation has its own of both, which is slower and must give the same transitions.
    """
    fused = Fused()
    fused.procedures = tuple(
        nodes.Procedure(name, frame, _Line(fused, together=together).take(steps).end())
        for name, (frame, steps) in lowered.procedures.items()
    )
    return fused


class _Line:
    """Nodes one after the other, and the operations that wait for a block."""

    def __init__(self, fused: Fused, *, together: bool, pending: Iterable[Op] = ()) -> None:
        self._fused = fused
        self._together = together
        self._nodes: list[nodes.Node] = []
        self._pending: list[Op] = []
        self._leaves: int | None = None
        self._ended = False
        for op in pending:
            self._add(op)

    def take(self, steps: nodes.Steps) -> _Line:
        """Add steps; what can't be reached is left out."""
        for step in steps:
            if self._ended:
                break
            self._step(step)
        return self

    def end(self) -> nodes.Sequence:
        """The nodes, in rows."""
        self._flush()
        return in_rows(self._nodes) if self._together else tuple(self._nodes)

    def _step(self, step: nodes.Step) -> None:
        match step:
            case nodes.Leave():
                self._nodes.append(nodes.LeaveRun(self._block(step.op), step.op.frame))
                self._ended = True
            case nodes.Fail():
                self._nodes.append(nodes.FailRun(self._block(step.op), self._taken_leaves()))
                self._ended = True
            case nodes.Act() | nodes.Talk():
                self._act(step)
            case nodes.Pause():
                self._pause(step)
            case nodes.Invoke():
                self._nodes.append(nodes.InvokeRun(self._block(step.op), step.op, self._taken_leaves()))
                if step.op.tail:
                    self._ended = True
                    return
                self._add(step.close)
                if step.op.jump:
                    self._flush()
            case _ if self._together and is_pure(step):
                for op in flat((step,)):
                    self._add(op)
            case nodes.Do():
                self._add(step.op)
            case nodes.Branch():
                self._branch(step)
            case nodes.Call():
                self._call(step)
            case nodes.Loop():
                block = self._block(step.op)
                leaves = self._taken_leaves()
                body = self._inner((nodes.Do(step.begin), *step.body))
                self._nodes.append(nodes.LoopRun(block, step.op, body, leaves))
                self._add(step.close)
            case nodes.Fork():
                block = self._block(step.op)
                leaves = self._taken_leaves()
                branches = tuple(self._inner((nodes.Do(begin), *body)) for begin, body in step.branches)
                self._nodes.append(nodes.ForkRun(block, step.op, branches, leaves))
                self._add(step.close)

    def _act(self, step: nodes.Act | nodes.Talk) -> None:
        if isinstance(step, nodes.Talk):
            self._flush_slow()
            self._nodes.append(nodes.TalkRun(self._block(step.op, "talk"), step.op))
            return
        block = self._block(step.op, "tool" if isinstance(step.op, ir.ToolOp) else "prompt")
        self._nodes.append(nodes.Run(block, self._taken_leaves()))

    def _pause(self, step: nodes.Pause) -> None:
        if isinstance(step.op, ir.SleepOp):
            self._nodes.append(nodes.SleepRun(self._block(step.op), self._taken_leaves()))
        else:
            self._flush_slow()
            self._nodes.append(nodes.WaitRun(self._block(step.op, "wait")))
        self._add(step.close)

    def _flush_slow(self) -> None:
        """Keep what may end the workflow, or take long, out of the next block: whoever answers a wait can't say that it did not come to it."""
        if self._leaves is not None or has_loop(self._pending):
            self._flush()

    def _branch(self, step: nodes.Branch) -> None:
        block = self._block(step.op)
        leaves = self._taken_leaves()
        arms = tuple(self._inner(arm) for arm in step.arms)
        self._nodes.append(nodes.BranchRun(block, arms, step.op.otherwise, leaves))
        if step.op.otherwise or any(goes_on(arm) for arm in arms):
            self._add(step.close)
        else:
            self._ended = True

    def _call(self, step: nodes.Call) -> None:
        self._add(step.op)
        if not any(isinstance(op, ir.ReturnOp) and op.frame == step.callee for op in every(step.body)):
            self.take(step.body)
            if not self._ended:
                self._add(step.close)
            return
        self._flush()
        body = self._inner(step.body)
        self._nodes.append(nodes.Enclosed(step.callee, body))
        self._add(step.close)

    def _inner(self, steps: nodes.Steps) -> nodes.Sequence:
        return _Line(self._fused, together=self._together).take(steps).end()

    def _add(self, op: Op) -> None:
        leaves = leaving(op)
        if leaves is not None and self._leaves not in {None, leaves}:
            self._flush()
        self._pending.append(op)
        self._leaves = leaves if leaves is not None else self._leaves
        if not self._together:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            ops, self._pending = self._pending, []
            self._nodes.append(nodes.Run(self._made(tuple(ops), "none"), self._taken_leaves()))

    def _taken_leaves(self) -> int | None:
        leaves, self._leaves = self._leaves, None
        return leaves

    def _block(self, last: Op, effect: ir.Effect = "none") -> Block:
        """The block of what waits and one more operation."""
        leaves = last.frame if isinstance(last, ir.ReturnOp) else None
        if leaves is not None and self._leaves not in {None, leaves}:
            self._flush()
        ops, self._pending = (*self._pending, last), []
        return self._made(ops, effect)

    def _made(self, ops: tuple[Op, ...], effect: ir.Effect) -> Block:
        block = Block(f"b{len(self._fused.blocks)}", ops[0].loc, ops, effect)
        self._fused.blocks[block.id] = block
        return block


def is_pure(step: nodes.Step) -> bool:
    """Whether a step needs nothing from outside."""
    match step:
        case nodes.Do() | nodes.Leave() | nodes.Fail():
            return True
        case nodes.Branch():
            return all(is_pure(inner) for arm in step.arms for inner in arm)
        case nodes.Call() | nodes.Loop():
            return all(is_pure(inner) for inner in step.body)
        case nodes.Fork():
            return all(is_pure(inner) for _, body in step.branches for inner in body)
        case _:
            return False


def flat(steps: nodes.Steps) -> tuple[Op, ...]:
    """Pure steps as operations that hold others."""
    ops: list[Op] = []
    for step in steps:
        match step:
            case nodes.Do() | nodes.Leave() | nodes.Fail():
                ops.append(step.op)
            case nodes.Branch():
                ops += [replace(step.op, arms=tuple(flat(arm) for arm in step.arms)), step.close]
            case nodes.Call():
                ops += [step.op, _scope(step), step.close]
            case nodes.Loop():
                ops += [replace(step.op, body=(step.begin, *flat(step.body))), step.close]
            case nodes.Fork():
                bodies = tuple((begin, *flat(body)) for begin, body in step.branches)
                ops += [replace(step.op, bodies=bodies), step.close]
            case _:
                raise AssertionError("not a pure step")
    return tuple(ops)


def _scope(step: nodes.Call) -> ir.ScopeOp:
    op = step.op
    return ir.ScopeOp(
        f"{op.id}s", op.at, op.loc, op.step_type, None, op.frame, op.labels, op.loops, (), step.callee, flat(step.body)
    )


def every(steps: nodes.Steps) -> Iterable[Op]:
    """Every operation of some nodes that may end a frame."""
    for step in steps:
        match step:
            case nodes.Branch():
                for arm in step.arms:
                    yield from every(arm)
            case nodes.Call() | nodes.Loop():
                yield from every(step.body)
            case nodes.Fork():
                for _, body in step.branches:
                    yield from every(body)
            case _:
                yield step.op


def leaving(op: Op) -> int | None:
    """The frame that a ``return`` inside an operation may end; None when there is none."""
    if isinstance(op, ir.ReturnOp):
        return op.frame
    if isinstance(op, ir.ScopeOp):
        return None
    return next((frame for held in ir.inner(op) for one in held if (frame := leaving(one)) is not None), None)


def goes_on(sequence: nodes.Sequence) -> bool:
    """Whether something can come after a sequence."""
    last = sequence[-1]
    return not (
        isinstance(last, nodes.LeaveRun | nodes.FailRun)
        or (isinstance(last, nodes.InvokeRun) and last.op.tail)
        or (isinstance(last, nodes.BranchRun) and not last.otherwise and not any(goes_on(arm) for arm in last.arms))
    )
