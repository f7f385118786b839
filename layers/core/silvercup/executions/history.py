"""An execution's transitions, in order of time, as lists and one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from silvercup.errors import NotFound
from silvercup.executions.execution import final_key, is_final
from silvercup.executions.keys import INDEX_BY_RUN, RUNS, ExecutionRef, RecordKey
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.executions.transition import Transition
from silvercup.ids import is_uuid
from silvercup.paging import Listed, ListQuery, wrong_cursor
from silvercup.storage import Item, Tables
from silvercup.values import JsonObject

_PAGE = 100
_HASH = re.compile("[0-9a-f]{32}")
_MAX_T = 10**17


class History:
    """Lists transitions."""

    def __init__(self, store: RunStore, tables: Tables) -> None:
        self._store = store
        self._tables = tables

    def list(self, ref: ExecutionRef, query: ListQuery, scope_id: str | None) -> Listed[JsonObject]:
        """One page of transitions.

        Args:
            ref: The execution.
            query: Which page; always sorted by time.
            scope_id: Only those whose current step is in this scope.

        Raises:
            NotFound: There is no such execution.
            InvalidRequest: The cursor is not one of this list.
        """
        item = self._store.item(ref)
        scope = f"transitions#{ref.run}#{scope_id}"
        after = _place(query.position(scope))
        descending = query.direction == "desc"
        skip, needed = query.offset, query.offset + query.limit + 1
        entries = self._entries(ref, item, after, descending=descending, page=min(needed, _PAGE))
        if scope_id is None and after is None:
            entries, skip = _skip(entries, skip)
        batch = _PAGE if scope_id is not None else min(needed, _PAGE)
        found = self._transitions(entries, scope_id, descending=descending, batch=batch)
        if after is not None:
            found = _passing(found, ref, after, descending=descending)
        shown = list(islice(found, skip, skip + query.limit + 1))
        more = len(shown) > query.limit
        del shown[query.limit :]
        last = shown[-1] if more else None
        place = None if last is None else [last.record.t, ref.record_hash(last.record.key), last.i]
        following = None if place is None else query.cursor_of(scope, place)
        return Listed([self._show(ref, found) for found in shown], following)

    def get(self, ref: ExecutionRef, transition_id: str) -> JsonObject:
        """One transition; its id says when it was written.

        Raises:
            NotFound: There is none of that id.
        """
        item = self._store.item(ref)
        if is_uuid(transition_id):
            millis = int(transition_id.replace("-", "")[:12], 16)
            page = self._tables.query(
                RUNS, INDEX_BY_RUN, ref.run, descending=True, limit=_PAGE, before=(millis + 1) * 1000
            )
            entries = [entry for entry in page.items if not hidden(ref, item, entry)]
            for found in self._transitions(iter(entries), None, descending=True):
                if found.transition.id == transition_id:
                    return self._show(ref, found)
        raise NotFound(f"The execution {ref.id} has no transition {transition_id[:40]}")

    def count(self, ref: ExecutionRef, item: Item) -> int:
        """How many transitions an execution that has ended shows, where its last record can't know."""
        return sum(entry["n"] for entry in self._entries(ref, item, None, descending=False, page=_PAGE * 10))

    def show_all(self, ref: ExecutionRef, items: list[Item]) -> list[tuple[JsonObject, int]]:
        """The transitions of some records, with their times."""
        found = (one for stored in items for one in self._of(Record.from_item(stored)))
        return [(self._show(ref, one), one.record.t + one.i) for one in found]

    def _entries(
        self, ref: ExecutionRef, item: Item, after: _Place | None, *, descending: bool, page: int
    ) -> Iterator[Item]:
        """Index entries of records that are shown, in order; the terminal one is there even if the index lags.

        With a place, its record comes first, as some of it may be left.
        """
        final_pk = ref.record_pk(final_key(item)) if is_final(item) else None
        seen_final = final_pk is None or (after is not None and (descending or after.pk(ref.run) == final_pk))
        start: Item | None = None
        if after is not None:
            start = {"pk": after.pk(ref.run), "run": ref.run, "t": after.t}
            yield start
        while True:
            found = self._tables.query(RUNS, INDEX_BY_RUN, ref.run, descending=descending, limit=page, start=start)
            if descending and final_pk is not None and not seen_final:
                there = next((entry for entry in found.items if entry["pk"] == final_pk), None)
                terminal = there or self._store.records([final_pk]).get(final_pk)
                if terminal is not None:
                    yield terminal
                seen_final = True
            for entry in found.items:
                if entry["pk"] == final_pk:
                    if not seen_final:
                        yield entry
                    seen_final = True
                elif entry["n"] and not hidden(ref, item, entry):
                    yield entry
            start = found.next
            if start is None:
                break
        if not seen_final and final_pk is not None:
            terminal = self._store.records([final_pk]).get(final_pk)
            if terminal is not None:
                yield terminal

    def _transitions(
        self, entries: Iterator[Item], scope_id: str | None, *, descending: bool, batch: int = _PAGE
    ) -> Iterator[_Found]:
        while some := list(islice(entries, batch)):
            found = self._store.records([entry["pk"] for entry in some])
            for entry in some:
                if entry["pk"] not in found:
                    continue
                ordered = self._of(Record.from_item(found[entry["pk"]]))
                for one in reversed(ordered) if descending else ordered:
                    if scope_id is None or one.transition.current.scope_id == scope_id:
                        yield one

    def _of(self, record: Record) -> list[_Found]:
        return [_Found(record, i, *found) for i, found in enumerate(self._store.transitions(record))]

    def _show(self, ref: ExecutionRef, found: _Found) -> JsonObject:
        return found.transition.as_dict(ref.id, found.record.t + found.i, self._store.load(found.text))


@dataclass(frozen=True, slots=True)
class _Found:
    """A transition: its record, its number there, and the stored text of its output."""

    record: Record
    i: int
    transition: Transition
    text: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A transition in the history: its record's time and hash, and which of the record's it is."""

    t: int
    hash: str
    i: int

    def pk(self, run: str) -> str:
        return f"{run}#{self.hash}"


def _place(position: Any) -> _Place | None:
    """The place that a cursor holds.

    Raises:
        InvalidRequest: It holds something else.
    """
    match position:
        case None:
            return None
        case [int(t), str(found), int(i)] if (
            _HASH.fullmatch(found) and 0 <= t < _MAX_T and bool not in {type(t), type(i)}
        ):
            return _Place(t, found, i)
        case _:
            raise wrong_cursor()


def _passing(found: Iterator[_Found], ref: ExecutionRef, after: _Place, *, descending: bool) -> Iterator[_Found]:
    """Leave out what of the place's own record was shown already."""
    for one in found:
        own = one.record.t == after.t and ref.record_hash(one.record.key) == after.hash
        if not own or (one.i < after.i if descending else one.i > after.i):
            yield one


def hidden(ref: ExecutionRef, item: Item, entry: Item) -> bool:
    """Whether a record is not shown.

    It came after the end, or would end an execution that ended otherwise, or it is of a loop that a ``return`` had ended.
    """
    for closing in item.get("closed") or ():
        t, _, prefix = closing.partition("|")
        if entry["t"] > int(t) and RecordKey.parse(entry.get("key", "")).path.startswith(prefix):
            return True
    if not is_final(item):
        return entry["kind"] == "end"
    if entry["pk"] == ref.record_pk(final_key(item)):
        return False
    return entry["t"] > item["final_t"] or entry["kind"] == "end"


def _skip(entries: Iterator[Item], offset: int) -> tuple[Iterator[Item], int]:
    """Pass over whole records while the offset allows; what is left of it falls into the next one."""
    left = offset
    for entry in entries:
        if entry["n"] > left:

            def rest(first: Item = entry) -> Iterator[Item]:
                yield first
                yield from entries

            return rest(), left
        left -= entry["n"]
    return iter(()), 0
