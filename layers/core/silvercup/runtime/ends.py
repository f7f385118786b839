"""What the iterations of a loop and the branches of a fork ended with."""

from __future__ import annotations

from collections.abc import Iterator

from silvercup.errors import InternalError
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.runtime.situation import Situation, text_of
from silvercup.values import JsonObject
from statemachines import ir


def ends_of(situation: Situation, op: ir.GatherOp | ir.JoinOp) -> list[Record]:
    """The record that ends each iteration or branch, in order."""
    if isinstance(op, ir.GatherOp):
        opener = situation.loaded.ops[op.loop]
        assert isinstance(opener, ir.LoopOp)
        assert situation.prev.items is not None
        lasts = [opener.last] * situation.prev.items.count
    else:
        opener = situation.loaded.ops[op.fork]
        assert isinstance(opener, ir.ForkOp)
        lasts = list(opener.lasts)
    at = situation.pointer.at
    keys = [situation.loaded.key_of(f"{at}/{opener.id}.{i}", last) for i, last in enumerate(lasts)]
    situation.fetch(keys)
    return [situation.record(key) for key in keys]


def texts_of(situation: Situation, op: ir.GatherOp | ir.JoinOp) -> list[str]:
    """The stored text of each iteration's or branch's output, in order."""
    if isinstance(op, ir.GatherOp):
        opener = situation.loaded.ops[op.loop]
        assert isinstance(opener, ir.LoopOp)
        ends = ends_of(situation, op)
        lasts = [opener.last] * len(ends)
    else:
        opener = situation.loaded.ops[op.fork]
        assert isinstance(opener, ir.ForkOp)
        ends, lasts = ends_of(situation, op), list(opener.lasts)
    texts = [text_of(end, last) for end, last in zip(ends, lasts, strict=True)]
    if None in texts:
        raise InternalError("The output of an iteration is missing")
    return [text for text in texts if text is not None]


def side_states(situation: Situation, op: ir.GatherOp | ir.JoinOp) -> Iterator[tuple[JsonObject, tuple[str, ...]]]:
    """The ``state`` at the end of each iteration or branch that changed it, with the names that it set, in order."""
    depth = op.at.depth
    before = situation.prev.states[depth]
    holders = [end.states[depth] for end in ends_of(situation, op)]
    situation.fetch(RecordKey.parse(holder) for holder in holders if holder is not None and holder != before)
    for holder in holders:
        if holder is None or holder == before:
            continue
        record = situation.record(RecordKey.parse(holder))
        _, names = record.sets.get(depth, ("", ()))
        yield situation.load(record.values[record.snapshots[depth]]), names
