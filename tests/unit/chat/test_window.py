"""The window says where a session's turns are, and which of them fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from silvercup.chat.window import MOST_PACKS, Pack, Summary, Window


def window_of(packed: list[list[int]], tail: list[int], first: int = 0) -> Window:
    """A window whose packs and tail hold turns of these many tokens."""
    window = Window(first=first, tail_first=first)
    total, number = 0, first
    for at, turns in enumerate(packed):
        totals = [total := total + tokens for tokens in turns]
        window = window.appended(*totals)
        window = window.packed(Pack(at, number, number + len(turns), total, 100))
        number += len(turns)
    return window.appended(*[total := total + tokens for tokens in tail])


tokens = st.integers(1, 1000)
packs = st.lists(st.lists(tokens, min_size=1, max_size=5), max_size=4)


@given(packs, st.lists(tokens, max_size=6), st.integers(0, 3), st.integers(0, 10_000))
def test_the_newest_turns_that_fit_are_found_and_exactly_so_within_the_tail(
    packed: list[list[int]], tail: list[int], first: int, budget: int
) -> None:
    window = window_of(packed, tail, first)
    every = [cost for pack in packed for cost in pack] + tail
    exact = len(every)
    while exact and sum(every[exact - 1 :]) <= budget:
        exact -= 1
    found = window.back(budget) - first
    tail_first = window.tail_first - first
    if tail and exact == len(every):
        assert found == len(every) - 1, "the last turn always counts"
    elif exact >= tail_first and found >= tail_first:
        assert found == exact
    else:
        starts = [pack.first - first for pack in window.packs]
        assert found <= exact
        assert found in starts
        assert sum(found < start <= exact for start in starts) <= 1, "at most one pack more than is needed is read"


@given(packs, st.lists(tokens, max_size=6), st.integers(0, 3))
def test_a_window_is_its_text(packed: list[list[int]], tail: list[int], first: int) -> None:
    window = window_of(packed, tail, first).summarized(Summary(1, first, 0, 30))
    assert Window.decode(window.encode()) == window
    assert Window.decode(None) == Window()


def test_a_summary_stands_for_what_it_covers() -> None:
    window = window_of([[10, 10]], [5, 5, 5]).summarized(Summary(0, 3, 25, 7))
    assert window.start == 3
    assert window.tokens == 10
    assert window.back(10_000) == 3
    assert window.summary_tokens == 7


def test_a_cleared_window_keeps_its_numbers() -> None:
    window = window_of([[10, 10]], [5]).summarized(Summary(0, 1, 10, 7)).cleared()
    assert (window.turns, window.first, window.start, window.tokens) == (3, 3, 3, 0)
    assert window.back(100) == 3
    assert window.appended(30).tokens == 5
    assert window.edits == 1


def test_only_so_many_packs_are_known() -> None:
    window = window_of([[1]] * (MOST_PACKS + 3), [])
    assert len(window.packs) == MOST_PACKS
    assert window.packs[-1].end == MOST_PACKS + 3
    assert window.turns == MOST_PACKS + 3
