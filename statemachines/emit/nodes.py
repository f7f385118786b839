"""One function per kind of node: a node in, its states into the table, a fragment out."""

from __future__ import annotations

from statemachines import ir
from statemachines.emit.fragment import Fragment, State, connect
from statemachines.emit.tasks import state_name, task_state, wait_state

type Table = dict[str, State]


def emit_sequence(nodes: ir.Sequence, table: Table) -> Fragment:
    """Nodes one after the other; what comes after the last node that can be reached is left out."""
    first: Fragment | None = None
    ends: tuple[State, ...] = ()
    leaves: tuple[State, ...] = ()
    for node in nodes:
        if first is not None and not ends:
            break
        fragment = emit_node(node, table)
        connect(ends, fragment.start)
        first = first or fragment
        ends = fragment.ends
        leaves += fragment.leaves
    if first is None:
        raise AssertionError("a list of steps is never empty")
    return Fragment(first.start, ends, leaves)


def emit_node(node: ir.Node, table: Table) -> Fragment:
    """One node."""
    match node:
        case ir.Run():
            name, state = _task(node.block, table)
            return Fragment(name, (state,))
        case ir.Leave():
            name, state = _task(node.block, table)
            return Fragment(name, (), (state,))
        case ir.Fail():
            return _fail(node.block, table)
        case ir.Branch():
            return _branch(node, table)
        case ir.Wait():
            return _wait(node, table)
        case ir.Sleep():
            return _sleep(node, table)
        case ir.Call():
            return _call(node, table)


def _task(block: ir.Block, table: Table) -> tuple[str, State]:
    name = state_name(block, block.ops[-1].name)
    state = table[name] = task_state(block)
    return name, state


def _fail(block: ir.Block, table: Table) -> Fragment:
    name, state = _task(block, table)
    state["Next"] = state["Catch"][0]["Next"]
    return Fragment(name)


def _branch(node: ir.Branch, table: Table) -> Fragment:
    name, decide = _task(node.decide, table)
    choice_name = state_name(node.decide, "choice")
    decide["Next"] = choice_name
    choice: State = {"Type": "Choice", "Choices": []}
    table[choice_name] = choice
    arms = [emit_sequence(arm, table) for arm in node.arms]
    listed = arms if node.otherwise else arms[:-1]
    choice["Choices"] = [{"Variable": "$.r.go", "NumericEquals": i, "Next": arm.start} for i, arm in enumerate(listed)]
    ends = tuple(state for arm in arms for state in arm.ends)
    leaves = tuple(state for arm in arms for state in arm.leaves)
    if not node.otherwise:
        choice["Default"] = arms[-1].start
    if not choice["Choices"]:
        del table[choice_name]
        decide["Next"] = arms[0].start
    if not ends and not node.otherwise:
        return Fragment(name, (), leaves)
    close_name, close = _task(node.close, table)
    connect(ends, close_name)
    if node.otherwise:
        choice["Default"] = close_name
    return Fragment(name, (close,), leaves)


def _wait(node: ir.Wait, table: Table) -> Fragment:
    name = state_name(node.block, "wait")
    waiting = table[name] = wait_state(node.block)
    close_name, close = _task(node.close, table)
    waiting["Next"] = close_name
    return Fragment(name, (close,))


def _sleep(node: ir.Sleep, table: Table) -> Fragment:
    name, opening = _task(node.open, table)
    sleep_name = state_name(node.open, "until")
    close_name, close = _task(node.close, table)
    opening["Next"] = sleep_name
    table[sleep_name] = {"Type": "Wait", "SecondsPath": "$.r.go", "Next": close_name}
    return Fragment(name, (close,))


def _call(node: ir.Call, table: Table) -> Fragment:
    name, opening = _task(node.open, table)
    body = emit_sequence(node.body, table)
    opening["Next"] = body.start
    inner_ends = body.ends + body.leaves
    if not inner_ends:
        return Fragment(name)
    close_name, close = _task(node.close, table)
    connect(inner_ends, close_name)
    return Fragment(name, (close,))
