"""One function per kind of node: a node in, its states into the level's table, a fragment out."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as List
from typing import Any

from statemachines import ir, nodes
from statemachines.emit.fragment import RULE, Fragment, Leaves, Level, State, connect, finish, merged
from statemachines.emit.loops import loop_state, pass_state
from statemachines.emit.tasks import (
    AGAIN,
    ASKED,
    CHILD,
    FAILED,
    LEFT,
    RETURN,
    block_state,
    fail_states,
    op_state,
    token_state,
)

BACK = "back"
"""The state that goes back to where a procedure was jumped to."""


def start_of(procedure: str) -> str:
    """Stands for the first state of a procedure, until all are there."""
    return f"procedure:{procedure}"


class Emitter:
    """Turns nodes into states.

    Attributes:
        sites: The states that go on after a procedure that was jumped to, by the id of the ``InvokeOp``.
    """

    def __init__(self, frames: List[ir.Frame]) -> None:
        self._frames = frames
        self._jumps: set[str] = set()
        self.sites: dict[str, str] = {}

    def sequence(self, sequence: nodes.Sequence, level: Level) -> Fragment:
        """Nodes one after the other."""
        first: Fragment | None = None
        ends: tuple[State, ...] = ()
        leaves: Leaves = {}
        pending: str | None = None
        for node in sequence:
            fragment = self._node(node, level)
            if pending is not None:
                self.sites[pending] = fragment.start
            connect(ends, fragment.start)
            first = first or fragment
            ends = fragment.ends
            leaves = merged(leaves, fragment.leaves)
            pending = node.op.id if isinstance(node, nodes.InvokeRun) and node.op.jump and not node.op.tail else None
        if first is None:
            raise AssertionError("a list of steps is never empty")
        return Fragment(first.start, ends, leaves)

    def _node(self, node: nodes.Node, level: Level) -> Fragment:
        match node:
            case nodes.Run():
                whole = isinstance(node.block.ops[0], ir.EndCallOp) and self._after_jump(node.block.ops[0])
                name, end, leaves = self._block(node, level, whole=whole)
                return Fragment(name, (end,), leaves)
            case nodes.LeaveRun():
                return self._leave(node, level)
            case nodes.FailRun():
                return self._fail(node, level)
            case nodes.BranchRun():
                return self._branch(node, level)
            case nodes.WaitRun():
                name = level.name(_text(node.block, "wait"))
                payload = {"op": "block", "block": node.block.id}
                state = level.table[name] = token_state(
                    payload, level, returns=self._may_be_ended(node.block.ops[0]), child=False
                )
                return Fragment(name, (state,))
            case nodes.TalkRun():
                return self._talk(node, level)
            case nodes.SleepRun():
                name, end, leaves = self._block(node, level)
                asleep = level.name(_text(node.block, "until"))
                connect((end,), asleep)
                state = level.table[asleep] = {"Type": "Wait", "SecondsPath": "$.r.go"}
                return Fragment(name, (state,), leaves)
            case nodes.InvokeRun():
                return self._invoke(node, level)
            case nodes.LoopRun():
                return self._loop(node, level)
            case nodes.ForkRun():
                return self._fork(node, level)
            case nodes.Enclosed():
                return self._enclosed(node, level)

    def _talk(self, node: nodes.TalkRun, level: Level) -> Fragment:
        """The Task that asks a model as often as it takes, and the wait for what is not run here."""
        block = node.block
        name = level.name(_text(block, "talk"))
        returns = self._may_be_ended(block.ops[0])
        choice_name = level.name(_text(block, "next"))
        level.table[name] = block_state(name, (block,), level, returns=returns) | {"Next": choice_name}
        rules: list[State] = [{"Variable": "$.r.go", "NumericEquals": AGAIN, "Next": name}]
        choice = level.table[choice_name] = {"Type": "Choice", "Choices": rules}
        if node.op.waits:
            waits = level.name(_text(block, "asked"))
            payload = {"op": "block", "block": block.id}
            level.table[waits] = token_state(payload, level, returns=returns, child=False) | {"Next": name}
            rules.append({"Variable": "$.r.go", "NumericEquals": ASKED, "Next": waits})
        return Fragment(name, (choice,))

    def _task(
        self,
        node: nodes.Leading,
        what: str,
        level: Level,
        *,
        returns: bool = False,
        whole: bool = False,
        items: bool = False,
    ) -> tuple[str, State]:
        """The Task of a block and of those that lead to it; it is named by the first and how many more there are."""
        blocks = (*node.lead, node.block)
        name = level.name(
            _text(blocks[0], f"{blocks[0].ops[-1].name} +{len(node.lead)}") if node.lead else _text(node.block, what)
        )
        returns = returns or any(self._may_be_ended(block.ops[0]) for block in blocks)
        state = level.table[name] = block_state(name, blocks, level, returns=returns, whole=whole, items=items)
        return name, state

    def _block(
        self,
        node: nodes.Run | nodes.SleepRun | nodes.InvokeRun | nodes.LoopRun | nodes.ForkRun,
        level: Level,
        *,
        whole: bool = False,
        items: bool = False,
    ) -> tuple[str, State, Leaves]:
        """The states of a block: its Task, and a Choice where it may answer that it left, or runs again."""
        block, leaves = node.block, node.leaves
        name, state = self._task(node, block.ops[-1].name, level, whole=whole, items=items)
        again = nodes.comes_again(node)
        crosses = leaves is not None and self._crosses(leaves, block)
        if not again and (leaves is None or crosses):
            return name, state, {}
        choices: list[State] = []
        left: State | None = None
        if again:
            choices.append({"Variable": "$.r.go", "NumericEquals": AGAIN, "Next": name})
        if leaves is not None and not crosses:
            left = {"Variable": "$.r.go", "NumericEquals": LEFT, "Type": RULE}
            choices.append(left)
        choice_name = level.name(_text(block, "next"))
        state["Next"] = choice_name
        choice = level.table[choice_name] = {"Type": "Choice", "Choices": choices}
        return name, choice, {} if left is None or leaves is None else {leaves: (left,)}

    def _leave(self, node: nodes.LeaveRun, level: Level) -> Fragment:
        crosses = self._crosses(node.frame, node.block)
        name, state = self._task(node, node.block.ops[-1].name, level, returns=crosses)
        if nodes.comes_again(node):
            return self._again(node.block, name, state, level, node.frame, crosses=crosses)
        if crosses:
            state["Next"] = level.leave()
            return Fragment(name)
        return Fragment(name, (), {node.frame: (state,)})

    def _again(self, block: ir.Block, name: str, state: State, level: Level, frame: int, *, crosses: bool) -> Fragment:
        choice_name = level.name(_text(block, "next"))
        state["Next"] = choice_name
        rule: State = {"Variable": "$.r.go", "NumericEquals": AGAIN, "Next": name}
        choice = level.table[choice_name] = {"Type": "Choice", "Choices": [rule]}
        if crosses:
            choice["Default"] = level.leave()
            return Fragment(name)
        return Fragment(name, (), {frame: (choice,)})

    def _fail(self, node: nodes.FailRun, level: Level) -> Fragment:
        block, frame = node.block, node.leaves
        crosses = frame is not None and self._crosses(frame, block)
        name, state = self._task(node, block.ops[-1].name, level, returns=crosses)
        again = nodes.comes_again(node)
        if again and frame is not None:
            return self._again(block, name, state, level, frame, crosses=crosses)
        if again:
            choice_name = level.name(_text(block, "next"))
            state["Next"] = choice_name
            rule: State = {"Variable": "$.r.go", "NumericEquals": AGAIN, "Next": name}
            level.table[choice_name] = {"Type": "Choice", "Choices": [rule], "Default": level.fail}
            return Fragment(name)
        if frame is None or crosses:
            state["Next"] = level.fail
            return Fragment(name)
        return Fragment(name, (), {frame: (state,)})

    def _branch(self, node: nodes.BranchRun, level: Level) -> Fragment:
        name, decide = self._task(node, "decide", level)
        choice_name = level.name(_text(node.block, "choice"))
        decide["Next"] = choice_name
        rules: list[State] = []
        choice: State = {"Type": "Choice", "Choices": rules}
        level.table[choice_name] = choice
        left: Leaves = {}
        if nodes.comes_again(node):
            rules.append({"Variable": "$.r.go", "NumericEquals": AGAIN, "Next": name})
        if node.leaves is not None and not self._crosses(node.leaves, node.block):
            rule: State = {"Variable": "$.r.go", "NumericEquals": LEFT, "Type": RULE}
            rules.append(rule)
            left = {node.leaves: (rule,)}
        arms = [self.sequence(arm, level) for arm in node.arms]
        listed = arms if node.otherwise else arms[:-1]
        rules += [{"Variable": "$.r.go", "NumericEquals": i, "Next": arm.start} for i, arm in enumerate(listed)]
        ends = tuple(state for arm in arms for state in arm.ends)
        leaves = merged(left, *(arm.leaves for arm in arms))
        if node.otherwise:
            return Fragment(name, (*ends, choice), leaves)
        choice["Default"] = arms[-1].start
        if not rules:
            del level.table[choice_name]
            decide["Next"] = arms[0].start
        return Fragment(name, ends, leaves)

    def _invoke(self, node: nodes.InvokeRun, level: Level) -> Fragment:
        op = node.op
        name, end, leaves = self._block(node, level, whole=op.jump)
        child_name = level.name(_text(node.block, "child"))
        child = level.table[child_name] = token_state(
            {"op": "child", "of": op.id}, level, returns=self._may_be_ended(op), child=True
        )
        if not op.jump:
            connect((end,), child_name)
            return Fragment(name, (child,), leaves)
        if end["Type"] != "Choice":
            where = level.name(_text(node.block, "where"))
            end["Next"] = where
            end = level.table[where] = {"Type": "Choice", "Choices": []}
        end["Choices"].append({"Variable": "$.r.go", "NumericEquals": CHILD, "Next": child_name})
        end["Default"] = start_of(op.procedure)
        if op.tail:
            child["Next"] = BACK
            return Fragment(name, (), leaves)
        self._jumps.add(op.id)
        return Fragment(name, (child,), leaves)

    def _loop(self, node: nodes.LoopRun, level: Level) -> Fragment:
        name, end, leaves = self._block(node, level, items=True)
        loop_name = level.name(_text(node.block, "each"))
        connect((end,), loop_name)
        loop = level.table[loop_name] = self.loop(node, level)
        return self._crossed(node.op, name, loop, leaves, level)

    def loop(self, node: nodes.LoopRun, level: Level) -> State:
        """The Map of a loop's chunks, whose iterations are Maps of the items, or children."""
        guards = tuple(self._guards(node.op, inside=True))
        chunks = level.inner(node.op.id, guards)
        items = chunks.inner(f"{node.op.id}.", guards)
        self._body(node.body, items)
        child = token_state(
            {"op": "child", "of": node.op.id}, chunks, returns=self._frames_return(node.op, inside=True), child=True
        )
        inner = loop_state(node.op.id, items)
        inner["Catch"] = self._catches(node.op, chunks, inside=True)
        return loop_state(node.op.id, chunks, each=inner, child=child)

    def _body(self, body: nodes.Sequence, level: Level) -> str:
        """The states of an iteration or a branch; each way ends with ``{}``."""
        fragment = self.sequence(body, level)
        for state in finish(fragment.ends, level, {"Type": "Pass", "OutputPath": None, "End": True}):
            state["OutputPath"] = None
        if fragment.leaves:
            raise AssertionError("a return that crosses a loop has a state of its own")
        level.table.update(fail_states(level))
        return fragment.start

    def _fork(self, node: nodes.ForkRun, level: Level) -> Fragment:
        name, end, leaves = self._block(node, level)
        fork_name = level.name(_text(node.block, "branches"))
        connect((end,), fork_name)
        branches: list[State] = []
        for i, branch in enumerate(node.branches):
            inner = level.inner(f"{node.op.id}/{i}", tuple(self._guards(node.op, inside=True)))
            start = inner.name(f"branch {i}")
            inner.table[start] = pass_state(node.op.id, i)
            inner.table[start]["Next"] = self._body(branch, inner)
            branches.append({"StartAt": start, "States": inner.table})
        fork = level.table[fork_name] = {"Type": "Parallel", "Branches": branches, "ResultPath": None}
        return self._crossed(node.op, name, fork, leaves, level)

    def _crossed(self, op: ir.Op, name: str, state: State, leaves: Leaves, level: Level) -> Fragment:
        """A Map or Parallel, with what comes after it when a ``return`` leaves it."""
        state["Catch"] = self._catches(op, level)
        if self._owns_returns(op):
            back = level.name(f"{op.id} returned")
            returned = level.table[back] = op_state(
                {"op": "returned", "frame": op.frame, "of": op.id}, level, returns=self._may_be_ended(op)
            )
            leaves = merged(leaves, {op.frame: (returned,)})
        return Fragment(name, (state,), leaves)

    def _catches(self, op: ir.Op, level: Level, *, inside: bool = False) -> list[dict[str, Any]]:
        caught: list[dict[str, Any]] = []
        if not inside and self._owns_returns(op):
            target = level.name(f"{op.id} returned")
            caught.append({"ErrorEquals": [RETURN], "ResultPath": "$.error", "Next": target})
        elif self._frames_return(op, inside=inside):
            caught.append({"ErrorEquals": [RETURN], "ResultPath": "$.error", "Next": level.leave()})
        if level.suffix:
            caught.append({"ErrorEquals": [FAILED], "ResultPath": "$.error", "Next": level.failed})
        caught.append({"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": level.fail})
        return caught

    def _enclosed(self, node: nodes.Enclosed, level: Level) -> Fragment:
        inner = self.sequence(node.body, level)
        outer = {frame: states for frame, states in inner.leaves.items() if frame != node.frame}
        ends = inner.ends + inner.leaves.get(node.frame, ())
        return Fragment(inner.start, ends, outer)

    def _after_jump(self, op: ir.EndCallOp) -> bool:
        return op.call in self._jumps

    def _crosses(self, frame: int, block: ir.Block) -> bool:
        """Whether a return of a block ends a frame from inside a loop."""
        return block.ops[0].loops > self._frames[frame].loops

    def _may_be_ended(self, op: ir.Op) -> bool:
        """Whether a return beside an operation may end it: it stands in a loop of a frame that has one."""
        return self._frames_return(op, inside=False)

    def _frames_return(self, op: ir.Op, *, inside: bool) -> bool:
        return any(True for _ in self._guards(op, inside=inside))

    def _guards(self, op: ir.Op, *, inside: bool) -> Iterator[tuple[int, int]]:
        """The frames that a return beside an operation (or inside it) may end, each with the loops around it."""
        frame: int | None = op.frame
        while frame is not None:
            found = self._frames[frame]
            if found.returns and op.loops + inside > found.loops:
                yield frame, found.loops
            frame = found.parent

    def returns_through(self, op: ir.LoopOp) -> bool:
        """Whether a return may leave a loop from inside."""
        return self._frames_return(op, inside=True)

    def _owns_returns(self, op: ir.Op) -> bool:
        """Whether a return that leaves this loop or fork has reached its workflow."""
        found = self._frames[op.frame]
        return found.returns and op.loops == found.loops


def _text(block: ir.Block, what: str) -> str:
    """What a state is called: the block, the step, what it does."""
    tail = f" {what}"
    keep = 60 - len(block.id) - len(tail)
    loc = block.loc if len(block.loc) <= keep else f"…{block.loc[len(block.loc) - keep + 1 :]}"
    return f"{block.id} {loc}{tail}"
