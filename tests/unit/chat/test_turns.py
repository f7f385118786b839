"""Turns are kept whole and in order, whoever writes them at the same time and whoever is killed in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from silvercup.chat import packs as module
from silvercup.chat.packs import packed_from
from silvercup.chat.turn_store import Read, TurnStore
from silvercup.chat.turns import Place, Turn, place_of
from silvercup.chat.window import PACKED, TAIL, Window
from silvercup.ids import uuid7
from silvercup.storage import Key
from tests.support.tables import MemoryBlobs, MemoryTables

PLACE = Place("00000000-0000-0000-0000-000000000000", uuid7())


class Session:
    """A session's turns, and a list that says what they should be."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.blobs = MemoryBlobs()
        self.store = TurnStore(self.tables, self.blobs)
        self.tables.put("core", {"pk": PLACE.key.pk, "id": PLACE.session, "updated_at": 0})
        self.said: list[str] = []

    @property
    def seen(self) -> str | None:
        return self.tables.items[PLACE.key].get("window")

    def look(self, budget: int | None = None) -> tuple[str | None, Read]:
        seen = self.seen
        window = Window.decode(seen)
        start = window.start if budget is None else window.back(budget)
        if (packed := packed_from(window)) is not None:
            start = min(start, packed)
        found = self.tables.get_many(self.store.keys(PLACE, window, start))
        return seen, self.store.read(PLACE, window, start, found)

    def put(self, read: Read, text: str, once: str = "", *, again: bool = False) -> tuple[Turn, Window]:
        entries = ({"role": "user", "content": text, "source": "api_request", "tokens": 3},)
        turn = Turn(0, uuid7(), len(self.said) * 1000, entries, tokens=3, once=once, again=again)
        return self.store.put(PLACE, turn, read.window, {})

    def say(self, text: str, *, killed: bool = False, looked: tuple[str | None, Read] | None = None) -> None:
        seen, read = looked or self.look()
        written, window = self.put(read, text)
        self.said.insert(written.number, text)
        if not killed:
            window = self.store.packs.pack(PLACE, window, [*self.store.whole(read.turns), written])
            assert self.store.note(PLACE, window, seen, {})

    def texts(self, budget: int | None = None) -> list[str]:
        _, read = self.look(budget)
        return [str(turn.entries[0]["content"]) for turn in self.store.whole(read.turns)]


def test_a_turn_is_found_again_whole() -> None:
    session = Session()
    session.say("a")
    session.say("b" * 100_000)
    assert session.texts() == session.said
    assert len(session.blobs.bodies) == 1, "a large one is beside its item"
    assert Window.decode(session.seen).total == 6


def test_ten_thousand_turns_are_read_with_one_batch() -> None:
    session = Session()
    for number in range(5_000):
        session.say(f"turn {number}", looked=session.look(budget=30))
    window = Window.decode(session.seen)
    keys = session.store.keys(PLACE, window, 0)
    assert len(keys) < 100
    session.tables.requests.clear()
    assert session.texts() == session.said
    assert session.tables.requests == ["get_many"]
    assert len(session.texts(budget=30)) <= TAIL + PACKED, "and no more of it than is sent, but for what is packed next"


def test_a_writer_that_was_killed_leaves_a_turn_and_not_a_gap() -> None:
    session = Session()
    session.say("a")
    session.say("b", killed=True)
    session.say("c", killed=True)
    assert session.texts() == ["a", "b", "c"]
    session.say("d")
    assert session.texts() == ["a", "b", "c", "d"]
    assert Window.decode(session.seen).total == 12


def test_a_retry_while_the_first_attempt_still_runs_is_one_turn() -> None:
    session = Session()
    first, second = session.look(), session.look()
    one, window = session.put(first[1], "a", once="x")
    session.store.note(PLACE, window, first[0], {})
    other, _ = session.put(second[1], "a", once="x", again=True)
    assert other == one
    assert session.texts() == ["a"]


def test_two_requests_that_are_alike_are_two_turns() -> None:
    session = Session()
    first, second = session.look(), session.look()
    one, _ = session.put(first[1], "a", once="x")
    other, window = session.put(second[1], "a", once="x")
    assert other != one
    session.store.note(PLACE, window, second[0], {})
    assert session.texts() == ["a", "a"]


def test_a_session_that_was_deleted_takes_no_turns() -> None:
    session = Session()
    seen, read = session.look()
    written, window = session.put(read, "a")
    session.tables.delete(PLACE.key)
    assert not session.store.note(PLACE, window, seen, {})
    assert written.number == 0


def test_large_turns_are_packed_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_PACK_BYTES", 600)
    session = Session()
    for number in range(TAIL + 40):
        session.say("".join(uuid7() for _ in range(3)) + str(number))
    window = Window.decode(session.seen)
    assert window.packs
    assert len(window.tail) <= TAIL
    assert session.texts() == session.said


def test_a_pack_that_is_missing_costs_time_and_nothing_else() -> None:
    session = Session()
    for number in range(TAIL + 8):
        session.say(f"{number}")
    window = Window.decode(session.seen)
    session.tables.delete(PLACE.pack(window.packs[0].number))
    assert session.texts() == session.said


def test_an_entry_that_was_deleted_is_not_read_from_a_pack() -> None:
    session = Session()
    for number in range(TAIL + 8):
        session.say(f"{number}")
    turn = session.store.get(PLACE, 3)
    assert turn is not None
    session.store.rewrite(PLACE, replace(turn, entries=({**turn.entries[0], "content": "gone"},)))
    window = Window.decode(session.seen)
    assert session.store.swap(PLACE, session.store.packs.repack(PLACE, window, 3), session.seen or "", {})
    assert session.texts()[3] == "gone"
    stale = session.store.packs.pack(PLACE, window, [])
    assert stale == window


def test_entries_are_found_by_their_ids() -> None:
    turn = Turn(123_456, uuid7(), 1_700_000_000_000_000, (), 0)
    assert place_of(turn.entry_id(77)) == (123_456, 77)
    assert turn.entry_id(1) < turn.entry_id(2)


class _Steps:
    """What may happen to a session, in any order."""

    kinds = st.sampled_from(["say", "kill", "race", "clear", "lose the note"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_Steps.kinds, st.integers(1, 40)), min_size=1, max_size=8))
def test_whatever_happens_every_turn_is_there_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    session = Session()
    for kind, times in steps:
        for _ in range(times):
            text = f"{len(session.said)}"
            match kind:
                case "say":
                    session.say(text)
                case "kill" if times < 5:
                    session.say(text, killed=True)
                case "race":
                    looked = session.look()
                    session.say(text)
                    session.say(f"{text} too", looked=looked)
                case "clear" if times < 3:
                    _clear(session)
                case _:
                    pass
    assert session.texts() == session.said
    window = session.look()[1].window
    assert window.tokens == 3 * len(session.said)


def _clear(session: Session) -> None:
    _, read = session.look()
    if session.seen is not None:
        session.store.swap(PLACE, read.window.cleared(), session.seen, {})
        session.said.clear()
        session.said = _Shifted(read.window.turns)


class _Shifted(list[Any]):
    """What is said after a history was cleared: the turns' numbers go on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def insert(self, index: Any, value: Any) -> None:
        super().insert(index - self._first, value)


def test_keys_stay_within_the_tenant_and_the_session() -> None:
    store = Session().store
    window = Window(tail=(1, 2), tail_first=0)
    for key in store.keys(PLACE, window, 0):
        assert isinstance(key, Key)
        assert key.pk.startswith(f"{PLACE.tenant}#")
        assert PLACE.session in key.pk
