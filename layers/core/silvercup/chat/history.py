"""The history of a session: read in pages, added to without a chat, deleted as a whole or entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched

from silvercup.chat import summaries
from silvercup.chat.reading import Reader
from silvercup.chat.request import Entry, entry_of, wrong
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import DELETED, Place, Turn, place_of
from silvercup.chat.window import Window
from silvercup.deletions import Graves, deleted
from silvercup.errors import Conflict, InvalidRequest, NotFound
from silvercup.ids import decode_cursor, encode_cursor, now_us
from silvercup.paging import MAX_OFFSET
from silvercup.resources.sessions import touched
from silvercup.storage import Item, Tables
from silvercup.times import iso
from silvercup.values import JsonObject

SHOWN = frozenset({"api_request", "api_response"})
"""The sources of entries that v1 showed."""
SOURCES = frozenset({*SHOWN, "tool_request", "tool_response", "summarizer"})
MAX_LIMIT = 10_000
"""Entries of one page; v1's clients know no pages and ask for all."""
MAX_ADDED = 1_000
_BATCH = 100
_BEHIND = 1 << 16
RELATION = "summarized_by"


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which part of a history.

    Attributes:
        limit: How many entries at most.
        offset: How many to pass over.
        newest_first: The order.
        sources: Which entries.
        cursor: The ``next_cursor`` of the page before.
    """

    limit: int = MAX_LIMIT
    offset: int = 0
    newest_first: bool = False
    sources: frozenset[str] = field(default_factory=lambda: SHOWN)
    cursor: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidRequest(f"Limit must be between 1 and {MAX_LIMIT:,}; it is {self.limit}")
        if not 0 <= self.offset <= MAX_OFFSET:
            raise InvalidRequest(f"Offset must be >= 0 and at most {MAX_OFFSET}; it is {self.offset}")
        if unknown := self.sources - SOURCES:
            raise InvalidRequest(f"Unknown source {min(unknown)[:40]!r}; there are {', '.join(sorted(SOURCES))}")


class HistoryService:
    """Histories of all tenants' sessions.

    Args:
        tables: Where sessions are.
        turns: Their turns.
        graves: Takes what was deleted.
    """

    def __init__(self, tables: Tables, turns: TurnStore, graves: Graves) -> None:
        self._tables = tables
        self._turns = turns
        self._graves = graves
        self._reader = Reader(tables, turns)

    def list(self, tenant: str, session_id: str, query: HistoryQuery) -> JsonObject:
        """A page: ``{entries, relations, session_id, created_at, next_cursor?}``.

        Raises:
            NotFound: There is no such session.
            InvalidRequest: The cursor is none of this list.
        """
        place = Place(tenant, session_id)
        item = self._reader.session(place)
        window = Window.decode(item.get("window"))
        summed = self._summaries(place, window)
        position = self._position(query, session_id)
        skip, shown, relations = query.offset, list[_Row](), list[JsonObject]()
        more = False
        for row in self._rows(place, window, summed, query, position):
            if skip:
                skip -= 1
            elif len(shown) == query.limit:
                more = True
                break
            else:
                shown.append(row)
                relations.extend(_related(row, summed))
        answer: JsonObject = {
            "entries": [row.entry for row in shown],
            "relations": relations,
            "session_id": session_id,
            "created_at": iso(item["created_at"]),
        }
        return {**answer, "next_cursor": encode_cursor([session_id, *shown[-1].position])} if more else answer

    def append(
        self,
        tenant: str,
        session_id: str,
        messages: Sequence[JsonObject],
        *,
        turn_id: str,
        once: str = "",
        since: int = 0,
        again: bool = False,
    ) -> JsonObject:
        """Add entries without asking a model; they are one turn.

        Args:
            tenant: Whose.
            session_id: To which session.
            messages: ``{role, content, name?, tool_calls?, tool_call_id?}``.
            turn_id: The turn's id.
            once: What tells the request from others.
            again: Whether it was sent before.
            since: When it can have been sent first, microseconds since the epoch.

        Returns:
            ``{entries}`` as they are shown.

        Raises:
            NotFound: There is no such session.
            InvalidRequest: There is no message, or there are too many.
        """
        if not 1 <= len(messages) <= MAX_ADDED:
            raise wrong("entries", f"there are {len(messages):,}; send 1 to {MAX_ADDED:,} at once")
        place = Place(tenant, session_id)
        item = self._reader.session(place)
        window = Window.decode(item.get("window"))
        recent = max(window.first, window.turns - 4)
        read = self._turns.read(
            place,
            window,
            recent,
            self._tables.get_many(self._turns.keys(place, window, max(recent, window.tail_first))),
        )
        entries = tuple(entry_of(message, _source(message)) for message in messages)
        tokens = sum(one["tokens"] for one in entries)
        turn = Turn(read.window.turns, turn_id, now_us(), entries, tokens, once=once, again=again)
        done = next((one for one in reversed(read.turns) if again and one.t >= since and turn.repeats(one)), None)
        if done is not None:
            return _entries(self._turns.whole([done])[0])
        written, window = self._turns.put(place, turn, read.window, {})
        if not self._turns.note(place, window, item.get("window"), _changed(item, place, written.t)):
            self._turns.forget(place, written)
            raise NotFound(f"Session {session_id} was deleted meanwhile")
        return _entries(written)

    def clear(self, tenant: str, session_id: str) -> JsonObject:
        """Delete the whole history. It is gone at once; its items follow in slices.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: There is no such session.
        """
        place = Place(tenant, session_id)
        now = now_us()
        before = self._change(place, Window.cleared, {"summary": None})
        if before is not None:
            keep = {"session": session_id, "upto": before.turns, "window": before.encode()}
            self._graves.lay("history", tenant, f"{session_id}#{before.turns:08d}", keep)
        return deleted(session_id, now)

    def delete(self, tenant: str, session_id: str, entry_id: str) -> JsonObject:
        """Delete one entry; with a call of tools its results, which mean nothing without it.

        A summary that was made of it before stays as it is.

        Raises:
            NotFound: The session has no such entry.
        """
        place = Place(tenant, session_id)
        self._reader.session(place)
        number, index = place_of(entry_id)
        turn = self._turns.get(place, number)
        there = turn is not None and index < len(turn.entries) and turn.entry_id(index) == entry_id
        if turn is None or not there or turn.entries[index]["source"] == DELETED:
            raise NotFound(f"Session {session_id} has no entry {entry_id}")
        calls = {call["id"] for call in turn.entries[index].get("tool_calls") or ()}
        kept = [
            _EMPTY if place_ == index or entry.get("tool_call_id") in calls else entry
            for place_, entry in enumerate(turn.entries)
        ]
        tokens = sum(entry["tokens"] for entry in kept)
        self._turns.rewrite(place, replace(turn, entries=tuple(kept), tokens=tokens))
        self._change(place, lambda window: self._turns.packs.repack(place, window, number), {})
        self._turns.tidy(place, number)
        return deleted(entry_id, now_us())

    def _change(self, place: Place, change: Callable[[Window], Window], more: Item) -> Window | None:
        """Change the window of a session's item, and give the one before; None where it has no turns."""
        for _ in range(20):
            item = self._reader.session(place)
            if item.get("window") is None:
                return None
            before = self._turns.caught_up(place, Window.decode(item["window"]))
            if self._turns.swap(place, change(before), item["window"], {**_changed(item, place, now_us()), **more}):
                return before
        raise Conflict(f"Session {place.session} is being used by others all the time; try again", should_retry=True)

    def _summaries(self, place: Place, window: Window) -> Sequence[Item]:
        """The summaries, oldest first."""
        if window.summary is None:
            return []
        found = self._tables.get_many(place.summary(number) for number in range(window.summary.number + 1))
        return sorted((item for item in found.values() if item["upto"] > window.first), key=lambda one: one["upto"])

    def _position(self, query: HistoryQuery, session_id: str) -> tuple[int, int] | None:
        if query.cursor is None:
            return None
        match decode_cursor(query.cursor):
            case [str(owner), int(number), int(index)] if owner == session_id:
                return number, index
            case _:
                raise InvalidRequest("The cursor is not one of this list: send the next_cursor of the page before")

    def _rows(
        self,
        place: Place,
        window: Window,
        summed: Sequence[Item],
        query: HistoryQuery,
        position: tuple[int, int] | None,
    ) -> Iterator[_Row]:
        """The entries that are wanted, in order, read as far as they are asked for."""
        first, last = window.first, self._turns.caught_up(place, window).turns
        if position is not None and query.newest_first:
            last = min(last, position[0] + 1)
        elif position is not None:
            first = max(first, position[0])
        numbers = range(first, last)
        for batch in batched(reversed(numbers) if query.newest_first else numbers, _BATCH):
            turns = self._turns.get_many(place, batch)
            for number in batch:
                rows = [*_of_turn(turns.get(number)), *_of_summaries(summed, number)]
                for row in reversed(rows) if query.newest_first else rows:
                    beyond = position is None or (
                        row.position < position if query.newest_first else row.position > position
                    )
                    if beyond and row.entry["source"] in query.sources:
                        yield row


@dataclass(frozen=True, slots=True)
class _Row:
    """An entry as it is shown.

    Attributes:
        position: The turn, and the place in it; a summary stands behind the last turn that it covers.
        entry: What is shown.
        known: The number of the summary that it is itself; -1: it is none.
    """

    position: tuple[int, int]
    entry: JsonObject
    known: int = -1


def _of_turn(turn: Turn | None) -> list[_Row]:
    if turn is None:
        return []
    return [_Row((turn.number, index), turn.shown(index)) for index in range(len(turn.entries))]


def _of_summaries(summed: Sequence[Item], number: int) -> list[_Row]:
    return [
        _Row((number, _BEHIND + at), summaries.shown(one), at)
        for at, one in enumerate(summed)
        if one["upto"] == number + 1
    ]


def _related(row: _Row, summed: Sequence[Item]) -> list[JsonObject]:
    """The relation of an entry to the first summary that stands for it."""
    later = summed[row.known + 1 :] if row.known >= 0 else [one for one in summed if one["upto"] > row.position[0]]
    return [{"head": row.entry["id"], "relation": RELATION, "tail": one["id"]} for one in later[:1]]


_EMPTY: Entry = {"role": "deleted", "content": None, "source": DELETED, "tokens": 0}


def _source(message: JsonObject) -> str:
    return "api_response" if message["role"] == "assistant" else "api_request"


def _entries(turn: Turn) -> JsonObject:
    return {"entries": [turn.shown(index) for index in range(len(turn.entries))]}


def _changed(item: Item, place: Place, t: int) -> Item:
    return touched(place.session, max(t, item["updated_at"] + 1))
