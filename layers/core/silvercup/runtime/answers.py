"""What a block answers the state machine; the same at every repetition, but for the time that is left."""

from __future__ import annotations

import math

from silvercup.executions.paths import called, jumped
from silvercup.executions.record import Record
from silvercup.ids import now_us
from silvercup.runtime import budget
from silvercup.runtime.block import AGAIN, LEFT, Services
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.situation import Situation
from silvercup.values import JsonObject
from statemachines import ir

JUMP, CHILD = 0, 1
"""Where a procedure that is called runs: in this state machine, or in a child."""


def answer(services: Services, situation: Situation, record: Record, *, home: bool = False) -> JsonObject:
    """What a block answers: the record, the branch or the seconds to sleep, and the seconds a wait may take.

    A block that opens a loop answers its chunks too; one that may move the pointer answers all of it.

    Args:
        services: What blocks work with.
        situation: What the block read.
        record: The block's record.
        home: Whether the block goes on where a procedure was jumped to.
    """
    basic = go_on(services, record)
    last = situation.block.ops[-1]
    if record.key.kind == "slice":
        basic |= {"prev": str(situation.pointer.prev), "go": AGAIN}
    went_through = basic["go"] not in {AGAIN, LEFT}
    if isinstance(last, ir.LoopOp) and last.body is None:
        return basic | _chunks(situation, last, record if went_through else None)
    if isinstance(last, ir.SleepOp) and went_through:
        basic["go"] = max(math.ceil((record.go - now_us()) / 1_000_000), 0)
    if isinstance(last, ir.InvokeOp) and last.jump:
        if not went_through:
            return {**situation.pointer.raw, "r": basic}
        return _jump(situation, last, basic)
    return {**situation.pointer.raw, "r": basic} if home else basic


def go_on(services: Services, record: Record) -> JsonObject:
    """``{prev, go, left}`` of a record."""
    left = max(wait_deadline(services, record) - now_us() // 1_000_000, 1)
    return {"prev": str(record.key), "go": record.go, "left": left}


def wait_deadline(services: Services, before: Record) -> int:
    """When a wait that follows a record expires, in seconds since the epoch; the same for every replay."""
    return before.last_t // 1_000_000 + services.settings.wait_days * 86_400


def _chunks(situation: Situation, op: ir.LoopOp, record: Record | None) -> JsonObject:
    """How a loop runs: which items in which chunks, and what each may write."""
    if record is None or record.items is None:
        return {"chunks": [], "lanes": 1, "share": 0}
    share = situation.loaded.program.shares[op.id]
    return budget.plan(
        0, record.items.count, op.parallelism, budget.loop_events(situation.pointer.budget, share), share
    )


def _jump(situation: Situation, op: ir.InvokeOp, basic: JsonObject) -> JsonObject:
    """Where a procedure runs that a state machine may go on to, and the pointer for it."""
    pointer, shares = situation.pointer, situation.loaded.program.shares
    cost = budget.one_pass(shares[f"procedure:{op.procedure}"])
    chain = pointer.chain if op.tail else budget.jump_events(pointer.budget, shares[op.id])
    if chain < cost:
        return {**pointer.raw, "r": {**basic, "go": CHILD}}
    moved: JsonObject = {"at": next_place(pointer, op), "budget": cost, "chain": chain - cost}
    if not op.tail:
        moved |= {"ret": op.id, "home": {"at": pointer.at, "budget": pointer.budget}}
    return {**pointer.raw, **moved, "r": {**basic, "go": JUMP}}


def next_place(pointer: Pointer, op: ir.InvokeOp) -> str:
    """Where the procedure runs that an operation calls."""
    return jumped(pointer.at, None) if op.tail else called(pointer.at, op.id)
