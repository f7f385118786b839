"""What a block starts from: time, count, scopes, ``state`` and value of what came before."""

from __future__ import annotations

from dataclasses import replace

from silvercup.runtime.draft import Arrival, arrival_after
from silvercup.runtime.ends import ends_of
from silvercup.runtime.situation import Situation
from statemachines import ir


def arrival_of(situation: Situation) -> Arrival:
    """What the block starts from."""
    first, prev = situation.first, situation.prev
    scopes, states = prev.scopes, prev.states
    match first:
        case ir.BeginOp(of="item"):
            return _of_item(situation, first)
        case ir.BeginOp(of="call"):
            scopes, states = prev.scopes[-1:], (None,)
        case ir.EndCallOp():
            home = situation.record(situation.loaded.key_of(situation.pointer.at, first.call))
            depth = first.at.depth
            scopes, states = home.scopes[: depth + 1], home.states[: depth + 1]
        case ir.GatherOp() | ir.JoinOp():
            return _of_ends(situation, first)
        case _:
            pass
    return replace(arrival_after(prev), scopes=scopes, states=states)


def item_of(situation: Situation, op: ir.BeginOp) -> str:
    """The stored text of the item that this iteration is for."""
    opened = situation.record(situation.pointer.prev)
    assert opened.items is not None
    number = situation.number(op)
    first, index = opened.items.page_of(number)
    return situation.secrets.stored(situation.load(opened.values[index])[number - first])


def _of_item(situation: Situation, first: ir.BeginOp) -> Arrival:
    opened = situation.prev
    before = opened
    loop = situation.loaded.ops[first.opener]
    assert isinstance(loop, ir.LoopOp)
    if loop.parallelism == 1:
        key = situation.end_before(first)
        before = opened if key is None else situation.record(key)
    states = before.states if loop.chained else opened.states
    depth = first.at.depth
    return Arrival(
        max(opened.last_t, before.last_t),
        before.count,
        before.rough,
        opened.scopes,
        (*opened.states[:depth], *states[depth : depth + 1]),
        item_of(situation, first),
        before.last,
    )


def _of_ends(situation: Situation, first: ir.GatherOp | ir.JoinOp) -> Arrival:
    opened, ends = situation.prev, ends_of(situation, first)
    one_by_one = False
    states = opened.states
    if isinstance(first, ir.GatherOp):
        loop = situation.loaded.ops[first.loop]
        assert isinstance(loop, ir.LoopOp)
        one_by_one = loop.parallelism == 1
        if loop.chained and ends:
            depth = first.at.depth
            states = (*opened.states[:depth], ends[-1].states[depth])
    last = max(ends, key=lambda end: end.last_t, default=opened)
    added = [end.count - opened.count for end in ends]
    total = opened.count + (sum(added[-1:]) if one_by_one else sum(added))
    text = None if opened.out is None else opened.values[opened.out]
    rough = opened.rough or any(end.rough for end in ends)
    return Arrival(max(last.last_t, opened.last_t), total, rough, opened.scopes, states, text, last.last)
