"""How loops are cut into chunks and children, so that no history is ever full."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from silvercup.runtime.budget import (
    CHILD_BUDGET,
    CHILD_FIXED,
    CHUNK_ITEMS,
    MAP_WIDTH,
    PASS_EXTRA,
    jump_events,
    loop_events,
    one_pass,
    plan,
)
from statemachines.events import CHILD_CHUNK, CHUNK, ITERATION, LOOP, MAP, STATE
from statemachines.ir import Share

FRESH = CHILD_BUDGET - CHILD_FIXED
"""What a child has for its part of a loop."""

counts = st.integers(0, 3_000) | st.sampled_from([39, 40, 41, 499, 500, 501, 10_000, 1_000_000])
widths = st.integers(1, 100)
leasts = st.integers(4, 60) | st.integers(4, 30_000)


def share(item: int, fixed: int = 0, slots: int = 1) -> Share:
    return Share(item, fixed, slots)


def items_of(chunk: dict[str, Any]) -> range:
    if chunk["child"]:
        return range(chunk["from"], chunk["to"])
    items = chunk["items"]
    assert items == list(range(items[0], items[0] + len(items)))
    return range(items[0], items[-1] + 1)


def written(planned: dict[str, Any]) -> int:
    """The events that a plan writes, if each item writes as much as it may."""
    total = MAP
    for chunk in planned["chunks"]:
        total += CHILD_CHUNK if chunk["child"] else CHUNK + len(chunk["items"]) * planned["share"]
    return total


@given(first=st.integers(0, 5_000), count=counts, width=widths, events=st.integers(LOOP, 18_000), item=leasts)
@example(first=0, count=1_000_000, width=100, events=FRESH, item=1_000)
@example(first=0, count=2, width=100, events=FRESH, item=10)
def test_every_item_is_in_one_chunk_and_in_order(first: int, count: int, width: int, events: int, item: int):
    planned = plan(first, first + count, width, events, share(item))
    end = first
    for chunk in planned["chunks"]:
        found = items_of(chunk)
        assert found.start == end
        assert len(found) > 0
        end = found.stop
    assert end == first + count
    assert len({chunk["child"] for chunk in planned["chunks"]}) <= 1


@given(count=counts, width=widths, events=st.integers(LOOP, 18_000), item=leasts)
@example(count=2, width=100, events=FRESH, item=10)
@example(count=41, width=41, events=FRESH, item=10)
@example(count=1_000_000, width=100, events=LOOP, item=4)
def test_never_more_at_once_than_may_be(count: int, width: int, events: int, item: int):
    planned = plan(0, count, width, events, share(item))
    chunks, lanes = planned["chunks"], planned["lanes"]
    assert 1 <= lanes <= MAP_WIDTH
    assert all(1 <= chunk["width"] <= MAP_WIDTH or chunk["child"] for chunk in chunks)
    assert all(1 <= chunk["width"] <= width for chunk in chunks)
    at_once = max((sum(c["width"] for c in chunks[i : i + lanes]) for i in range(len(chunks))), default=0)
    assert at_once <= width
    together = sorted((chunk["width"] for chunk in chunks), reverse=True)[:lanes]
    assert sum(together) <= width, "chunks end in any order"


@given(count=counts, width=widths, events=st.integers(LOOP, 18_000), item=leasts)
def test_no_map_is_too_long(count: int, width: int, events: int, item: int):
    planned = plan(0, count, width, events, share(item))
    assert len(planned["chunks"]) <= CHUNK_ITEMS
    for chunk in planned["chunks"]:
        assert chunk["child"] or len(chunk["items"]) <= CHUNK_ITEMS


@given(count=counts, width=widths, events=st.integers(LOOP, 17_900), item=leasts)
@example(count=1, width=1, events=LOOP, item=10_000)
@example(count=1, width=1, events=22, item=10)
@example(count=500, width=1, events=500 * 7 + 4 + 8, item=7)
def test_a_plan_fits_the_events_given(count: int, width: int, events: int, item: int):
    planned = plan(0, count, width, events, share(item))
    assert written(planned) <= events
    assert all(chunk["child"] for chunk in planned["chunks"]) or planned["share"] >= item


@given(count=st.integers(1, 3_000) | st.just(1_000_000), width=widths, item=leasts)
@example(count=3, width=100, item=5_980)
@example(count=2, width=2, item=8_976)
@example(count=100, width=100, item=179)
@example(count=1_000_000, width=1, item=17_000)
def test_a_child_always_comes_closer_to_its_end(count: int, width: int, item: int):
    planned = plan(0, count, width, FRESH, share(item))
    for chunk in planned["chunks"]:
        assert not chunk["child"] or len(items_of(chunk)) < count
    assert count > 1 or not planned["chunks"][0]["child"]
    if count > 1 or MAP + CHUNK + item <= FRESH:
        assert written(planned) <= FRESH


@given(count=st.integers(1, 2_000), item=leasts, events=st.integers(LOOP, FRESH - 1))
def test_the_items_share_what_is_left(count: int, item: int, events: int):
    planned = plan(0, count, 1, events, share(item))
    if planned["chunks"][0]["child"]:
        assert MAP + math.ceil(count / CHUNK_ITEMS) * CHUNK + count * item > events
    else:
        assert events - count < written(planned) <= events


def test_plans_as_people_would_make_them():
    few = plan(0, 3, 1, 1_000, share(10))
    assert few == {"chunks": [{"child": False, "items": [0, 1, 2], "width": 1}], "lanes": 1, "share": (1_000 - 12) // 3}
    wide = plan(0, 100, 100, 17_000, share(10))
    assert [len(chunk["items"]) for chunk in wide["chunks"]] == [34, 34, 32]
    assert [chunk["width"] for chunk in wide["chunks"]] == [34, 33, 33]
    assert wide["lanes"] == 3
    large = plan(0, 10_000, 40, 17_000, share(12))
    assert {chunk["child"] for chunk in large["chunks"]} == {True}
    assert large["lanes"] == len(large["chunks"]) == 8
    assert [chunk["to"] - chunk["from"] for chunk in large["chunks"]] == [1_381] * 7 + [333]
    assert [chunk["width"] for chunk in large["chunks"]] == [5] * 8
    assert plan(5, 5, 40, LOOP, share(10)) == {"chunks": [], "lanes": 1, "share": 0}


class Nest:
    """Loops in each other and side by side: what an iteration writes at least, and what all of it comes to.

    Attributes:
        own: Events of an iteration besides its loops.
        loops: The loops in an iteration, each with its number of items.
    """

    def __init__(self, own: int, loops: list[tuple[int, int, Nest]]) -> None:
        self.own = own
        self.loops = loops

    @property
    def least(self) -> int:
        return self.own + LOOP * len(self.loops)

    def run(self, budget: int, seen: list[int]) -> int:
        """The events that this writes with a budget; those of children are added to ``seen``."""
        total = self.own
        for count, width, body in self.loops:
            mine = share(body.least, self.least, len(self.loops))
            total += self.loop(0, count, width, loop_events(budget, mine), body, seen)
        return total

    def loop(self, first: int, end: int, width: int, events: int, body: Nest, seen: list[int]) -> int:
        planned = plan(first, end, width, events, share(body.least))
        total = MAP
        sizes: dict[tuple[int, int], int] = {}
        each: int | None = None
        for chunk in planned["chunks"]:
            if not chunk["child"]:
                each = body.run(planned["share"], seen) if each is None else each
                total += CHUNK + len(chunk["items"]) * each
                continue
            total += CHILD_CHUNK
            size = (chunk["to"] - chunk["from"], chunk["width"])
            if size not in sizes:
                sizes[size] = CHILD_FIXED + self.loop(0, *size, FRESH, body, seen)
                seen.append(sizes[size])
        return total


def nests() -> st.SearchStrategy[Nest]:
    leaf = st.builds(Nest, st.integers(ITERATION + STATE, 400), st.just(list[Any]()))
    sizes = st.integers(0, 120) | st.sampled_from([1, 500, 1_000, 10_000])

    def deeper(inner: st.SearchStrategy[Nest]) -> st.SearchStrategy[Nest]:
        loops = st.lists(st.tuples(sizes, st.sampled_from([1, 40, 100]), inner), min_size=1, max_size=3)
        return st.builds(Nest, st.integers(ITERATION + STATE, 400), loops)

    return deeper(st.recursive(leaf, deeper, max_leaves=4))


@given(nests())
@example(Nest(10, [(100, 40, Nest(10, [(1, 1, Nest(1_000, []))]))]))
@example(Nest(10, [(100, 1, Nest(14, [(100, 1, Nest(9, []))]))]))
@example(Nest(10, [(10_000, 100, Nest(14, [(10_000, 100, Nest(9, []))]))]))
def test_no_history_is_ever_full_however_loops_are_nested(nest: Nest):
    seen: list[int] = []
    seen.append(nest.run(CHILD_BUDGET, seen))
    assert max(seen) <= CHILD_BUDGET + CHILD_FIXED


@pytest.mark.parametrize(("budget", "fixed", "slots"), [(18_000, 100, 3), (100, 18_000, 1), (0, 0, 0)])
def test_parts_of_unknown_length_share_what_is_left(budget: int, fixed: int, slots: int):
    found = Share(10, fixed, slots)
    assert jump_events(budget, found) == max(budget - fixed, 0) // max(slots, 1)
    assert loop_events(budget, found) == LOOP + jump_events(budget, found)
    assert one_pass(found) == fixed + PASS_EXTRA * slots
