"""How loops and jumps of unknown length share the history that a state machine may write; see ``statemachines.budget``."""

from __future__ import annotations

import math

from silvercup.values import JsonObject
from statemachines.events import CHILD_CHUNK, CHUNK, CHUNK_ITEMS, LOOP, MAP, MAP_WIDTH, chunk_items, lanes
from statemachines.ir import Share

PASS_EXTRA = 400
"""Events that each loop in a pass of a procedure gets beyond its least."""
CHILD_BUDGET = 18_000
"""Events that a child plans with."""
CHILD_FIXED = 40
"""What a child writes besides its loop: start, plan, exit, failure."""


def loop_events(budget: int, share: Share) -> int:
    """The events that a loop may write."""
    return LOOP + max(budget - share.fixed, 0) // max(share.slots, 1)


def jump_events(budget: int, share: Share) -> int:
    """The events that a procedure and all that it jumps to may write."""
    return max(budget - share.fixed, 0) // max(share.slots, 1)


def one_pass(share: Share) -> int:
    """The events that one pass of a procedure may write."""
    return share.fixed + PASS_EXTRA * share.slots


def plan(first: int, end: int, width: int, events: int, share: Share) -> JsonObject:
    """How a loop runs the items from ``first`` to ``end``.

    Args:
        first: The first item's number.
        end: The number after the last.
        width: How many items may run at once.
        events: What the loop may write.
        share: The loop's.

    Returns:
        ``{chunks, lanes, share}``: the chunks, how many of them run at once, and the events of an item. A chunk is
        ``{child: false, items: [number], width}``, or ``{child: true, from, to, width}`` when a child runs it.
    """
    count = end - first
    at_once, size = lanes(count, width), chunk_items(count, width)
    needed = MAP + math.ceil(count / size) * CHUNK + count * share.item
    alone = count == 1 and events >= CHILD_BUDGET - CHILD_FIXED
    if needed <= events or alone:
        each = max((events - needed) // count, 0) + share.item if count else 0
        starts = range(first, end, size)
        widths = _widths(width, at_once, len(starts))
        chunks = [
            {"child": False, "items": list(range(start, min(start + size, end))), "width": widths[i]}
            for i, start in enumerate(starts)
        ]
        return {"chunks": chunks, "lanes": at_once, "share": each}
    return _children(first, end, width, events, share)


def _children(first: int, end: int, width: int, events: int, share: Share) -> JsonObject:
    count = end - first
    room = CHILD_BUDGET - CHILD_FIXED - MAP
    size = max(min(count, (room - math.ceil(count / CHUNK_ITEMS) * CHUNK) // share.item, room // (share.item + 1)), 1)
    if MAP + math.ceil(count / size) * CHILD_CHUNK > events:
        size = math.ceil(count / max((events - MAP) // CHILD_CHUNK, 1))
    size = max(size, math.ceil(count / CHUNK_ITEMS))
    starts = range(first, end, size)
    at_once = min(len(starts), width, MAP_WIDTH)
    widths = _widths(width, at_once, len(starts))
    chunks = [
        {"child": True, "from": start, "to": min(start + size, end), "width": widths[i]}
        for i, start in enumerate(starts)
    ]
    return {"chunks": chunks, "lanes": at_once, "share": 0}


def _widths(width: int, lanes: int, chunks: int) -> list[int]:
    """How wide each chunk is, so that those that run at once are never wider than all together may be."""
    base, more = divmod(width, lanes)
    if chunks > lanes:
        more = 0
    return [min(max(base + (i < more), 1), MAP_WIDTH) for i in range(chunks)]
