"""Children: what is too long for one state machine, or calls itself, runs in executions of their own."""

from __future__ import annotations

from silvercup.errors import InternalError
from silvercup.executions.execution import is_final
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.ids import now_us
from silvercup.runtime import budget
from silvercup.runtime.answers import go_on, next_place, wait_deadline
from silvercup.runtime.block import Services
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.programs import Loaded
from silvercup.runtime.situation import ExecutionEnded, Returned, return_key
from silvercup.values import JsonObject
from statemachines import ir


def start_child(services: Services, pointer: Pointer, loaded: Loaded, of: str, token: str) -> JsonObject:
    """Start a child for a call or a part of a loop; the state machine goes on when the child has ended.

    Args:
        services: What it works with.
        pointer: Where the run is.
        loaded: The program.
        of: The id of the ``InvokeOp`` or ``LoopOp``.
        token: Step Functions' token of this try.
    """
    op = loaded.ops[of]
    if isinstance(op, ir.InvokeOp):
        place, start = f"{pointer.at}/{of}", _call(pointer, loaded, op)
    else:
        chunk = pointer.chunk or {}
        place, start = f"{pointer.at}/{of}.{chunk['from']}-{chunk['to']}", _part(pointer, of)
    key = RecordKey("join", place)
    batch = services.store.read(pointer.ref, {key, pointer.prev})
    execution = batch.execution
    if execution is None or pointer.prev not in batch.records or is_final(execution):
        raise ExecutionEnded
    start |= {"join": str(key)}
    if key in batch.records:
        services.joins.again(pointer.ref, execution, batch.records[key], token, start)
        return {}
    before = Record.from_item(batch.records[pointer.prev])
    record = Record(
        key=key,
        t=max(now_us(), before.last_t + 1),
        n=0,
        log="[]",
        last=before.last,
        values=(),
        out=None,
        scopes=before.scopes,
        states=before.states,
        count=before.count,
    )
    if not services.joins.open(pointer.ref, execution, record, token, start):
        raise ExecutionEnded
    return {}


def _base(pointer: Pointer) -> JsonObject:
    return {name: pointer.raw[name] for name in ("execution", "developer", "program", "r")} | {"ret": ""}


def _call(pointer: Pointer, loaded: Loaded, op: ir.InvokeOp) -> JsonObject:
    cost = budget.one_pass(loaded.program.shares[f"procedure:{op.procedure}"])
    return _base(pointer) | {
        "entry": f"procedure:{op.procedure}",
        "at": next_place(pointer, op),
        "budget": max(cost, 1),
        "chain": budget.CHILD_BUDGET - cost,
    }


def _part(pointer: Pointer, of: str) -> JsonObject:
    return _base(pointer) | {"entry": of, "at": pointer.at, "budget": budget.CHILD_BUDGET, "chunk": pointer.chunk}


def plan_part(pointer: Pointer, loaded: Loaded, of: str) -> JsonObject:
    """How a child runs its part of a loop."""
    op, chunk, share = loaded.ops[of], pointer.chunk or {}, loaded.program.shares[of]
    assert isinstance(op, ir.LoopOp)
    events = budget.CHILD_BUDGET - budget.CHILD_FIXED
    planned = budget.plan(chunk["from"], chunk["to"], chunk["width"], events, share)
    return {**pointer.raw["r"], "go": 0, **planned}


def end_child(services: Services, pointer: Pointer, how: str) -> JsonObject:
    """Tell the parent that its child has ended.

    Args:
        services: What it works with.
        pointer: Where the child ended.
        how: ``done`` or ``returned``.
    """
    if pointer.join is None:
        raise InternalError("A child without a parent")
    item = services.store.record(pointer.ref, pointer.prev)
    if item is None:
        raise ExecutionEnded
    deadline = wait_deadline(services, Record.from_item(item))
    outcome = "returned" if how == "returned" else "done"
    services.joins.finish(pointer.ref, pointer.join, outcome, pointer.prev, deadline)
    return {"prev": str(pointer.prev), "go": 0, "left": 1}


def after_return(services: Services, pointer: Pointer, loaded: Loaded, frame: int) -> JsonObject:
    """Where a workflow goes on that a ``return`` left from inside a loop: after the record of that ``return``.

    Raises:
        Returned: It was a workflow around this one that ended.
    """
    found = loaded.program.frames[frame]
    key = return_key(pointer.at, frame, found.loops)
    item = services.store.record(pointer.ref, key)
    if item is None:
        raise Returned
    return go_on(services, Record.from_item(item))
