"""What the bench of chats makes of its rounds."""

from __future__ import annotations

import pytest

from bench.chat_times import Time, of_rounds
from bench.chat_world import a_turn, without_packs_of
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Place
from silvercup.chat.window import Window
from tests.support.tables import MemoryBlobs, MemoryTables


def test_what_is_ours_is_the_median_of_what_each_round_has_more_than_the_bare_handler():
    slow, quick = ((0.130, 0.13), (0.110, 0.11), (0.010, 0.01)), ((0.015, 0.015), (0.011, 0.011), (0.001, 0.001))
    found = of_rounds([list(quick), list(quick), list(slow)])
    assert found.turn == Time(pytest.approx(15.0), pytest.approx(15.0))  # pyright: ignore[reportArgumentType]
    assert found.own.processor == pytest.approx(4.0)
    assert found.ratio == pytest.approx(15 / 11)
    assert found.ratio_without_model == pytest.approx(1.4)


def test_a_history_is_the_same_without_its_packs():
    place, tables = Place("tenant", "session"), MemoryTables()
    store = TurnStore(tables, MemoryBlobs())
    window = Window()
    turns = []
    for number in range(100):
        turn, window = store.put(place, a_turn(number), window, {})
        turns.append(turn)
        window = store.packs.pack(place, window, turns)
    assert window.packs
    single = without_packs_of(window, place, store)
    for one in (window, single):
        read = store.read(place, one, 0, tables.get_many(store.keys(place, one, 0)))
        assert [turn.id for turn in read.turns] == [turn.id for turn in turns]
    assert (single.turns, single.total) == (window.turns, window.total)
