"""History events: what each part of a state machine writes at most, and how parts of unknown length share what there is.

AWS ends an execution at 25,000 events. A machine plans with 18,000; the rest is for tries. A loop, and a procedure that
calls itself, can't be counted beforehand: each gets a share of what the fixed parts leave, and what does not fit into it
runs as a child, which has 18,000 of its own (docs/runtime.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from silvercup.tool_types import MOST_ROUNDS
from statemachines import nodes
from statemachines.events import FAILURE, ITERATION, LOOP, MAP, ROUND, STATE, TASK, TOKEN_TASK
from statemachines.ir import Share


@dataclass(frozen=True, slots=True)
class Cost:
    """Events at most, with parts of unknown length at their least; and how many of those lie on one way."""

    events: int
    slots: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.events + other.events, self.slots + other.slots)


def shares(procedures: Iterable[nodes.Procedure]) -> dict[str, Share]:
    """The share of every loop (by its operation's id), jump (likewise) and procedure (by ``procedure:name``)."""
    found: dict[str, Share] = {}
    passes: dict[str, Cost] = {}
    for procedure in procedures:
        passes[procedure.name] = _assign(procedure.body, found, start=FAILURE + 2 * STATE + TASK)
    for name, cost in passes.items():
        found[f"procedure:{name}"] = Share(cost.events, cost.events, cost.slots)
    return found


def _assign(sequence: nodes.Sequence, found: dict[str, Share], *, start: int) -> Cost:
    """Note the shares of everything in one procedure or iteration, which share one budget; give its cost."""
    cost = cost_of(sequence) + Cost(start)
    for node in _dynamic(sequence):
        if isinstance(node, nodes.LoopRun):
            item = _assign(node.body, found, start=ITERATION + STATE)
            found[node.op.id] = Share(item.events, cost.events, cost.slots)
        else:
            found[node.op.id] = Share(0, cost.events, cost.slots)
    return cost


def _dynamic(sequence: nodes.Sequence) -> Iterable[nodes.LoopRun | nodes.InvokeRun]:
    """The loops and jumps of a sequence that share its budget."""
    for node in sequence:
        match node:
            case nodes.LoopRun() | nodes.InvokeRun():
                yield node
            case nodes.BranchRun():
                for arm in node.arms:
                    yield from _dynamic(arm)
            case nodes.ForkRun():
                for branch in node.branches:
                    yield from _dynamic(branch)
            case nodes.Enclosed():
                yield from _dynamic(node.body)
            case _:
                pass


def cost_of(sequence: nodes.Sequence) -> Cost:
    """What a sequence takes."""
    total = Cost(0)
    for node in sequence:
        total = total + _cost(node)
    return total


def _cost(node: nodes.Node) -> Cost:
    match node:
        case nodes.Enclosed():
            return cost_of(node.body) + Cost(TASK)
        case nodes.LeaveRun() | nodes.FailRun():
            return _invoked(node)
        case nodes.WaitRun():
            return Cost(TOKEN_TASK)
        case nodes.TalkRun():
            return Cost(MOST_ROUNDS * (ROUND + TOKEN_TASK * node.op.waits) + TASK + STATE)
        case _:
            pass
    choice = STATE if node.leaves is not None or nodes.comes_again(node) else 0
    own = _invoked(node) + Cost(choice)
    match node:
        case nodes.Run():
            return own
        case nodes.SleepRun():
            return own + Cost(STATE)
        case nodes.InvokeRun():
            jumps = node.op.jump
            return own + Cost(STATE * jumps + TOKEN_TASK, int(jumps and not node.op.tail))
        case nodes.LoopRun():
            return own + Cost(LOOP, 1)
        case nodes.BranchRun():
            arms = [cost_of(arm) for arm in node.arms]
            most = Cost(max(arm.events for arm in arms), max(arm.slots for arm in arms))
            return _invoked(node) + Cost(STATE) + most
        case nodes.ForkRun():
            total = own + Cost(MAP + TASK)
            for branch in node.branches:
                total = total + cost_of(branch) + Cost(2 * STATE)
            return total


def _invoked(node: nodes.Leading) -> Cost:
    """An invocation for each block of a row: it comes to that where every model is slow."""
    return Cost(TASK * (len(node.lead) + 1))
