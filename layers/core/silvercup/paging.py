"""Lists: what a caller may ask for, and one page read as index entries plus one batch of items."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, cast

from silvercup import values
from silvercup.errors import InvalidRequest
from silvercup.ids import decode_cursor, encode_cursor, hash128
from silvercup.storage import Item, Key, Tables

MAX_LIMIT = 1000
MAX_OFFSET = 100_000

_CHUNK = 100
"""Items that are loaded at once: as many as one batch of reads takes."""
_PICKED_FROM = 25
"""Items that are loaded at least, where not all of them are wanted."""
_POSITION = re.compile(r"[!-~]{1,200}")

type SortBy = Literal["created_at", "updated_at"]
type Direction = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list request asks for; the defaults are v1's.

    Attributes:
        limit: How many at most, 1 to ``MAX_LIMIT``.
        offset: How many to pass over, 0 to ``MAX_OFFSET``.
        sort_by: The time that gives the order.
        direction: ``desc``: the newest first.
        metadata_filter: Top-level keys of ``metadata`` and what they must be, as the query string has it; all must match.
        cursor: The ``next_cursor`` of the page before; ``offset`` counts from there.

    Raises:
        InvalidRequest: ``limit`` or ``offset`` is out of range.
    """

    limit: int = 100
    offset: int = 0
    sort_by: SortBy = "created_at"
    direction: Direction = "desc"
    metadata_filter: Mapping[str, str] = field(default_factory=dict[str, str])
    cursor: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidRequest(f"Limit must be between 1 and {MAX_LIMIT}; it is {self.limit}")
        if not 0 <= self.offset <= MAX_OFFSET:
            raise InvalidRequest(f"Offset must be >= 0 and at most {MAX_OFFSET}; it is {self.offset}")

    def matches(self, entry: Item) -> bool:
        """Whether an item, or its entry in an index, passes the filter; its attribute ``metadata`` is JSON text."""
        if not self.metadata_filter:
            return True
        metadata: dict[str, Any] = values.loads(entry.get("metadata") or "{}")
        return all(key in metadata and _equal(text, metadata[key]) for key, text in self.metadata_filter.items())

    def cursor_of(self, scope: str, position: Any) -> str:
        """The cursor that goes on after a position of this list.

        Args:
            scope: What is listed; with the order and the filter it is all that a cursor is good for.
            position: A JSON value.
        """
        return encode_cursor([self._bound_to(scope), position])

    def position(self, scope: str) -> Any:
        """Where the cursor goes on; None without a cursor.

        Raises:
            InvalidRequest: The cursor is none, or another list's.
        """
        if self.cursor is None:
            return None
        found = decode_cursor(self.cursor)
        pair: list[Any] = cast("list[Any]", found) if isinstance(found, list) else []
        if len(pair) != 2 or pair[0] != self._bound_to(scope) or pair[1] is None:
            raise wrong_cursor()
        return pair[1]

    def _bound_to(self, scope: str) -> str:
        filters = values.dumps(sorted(self.metadata_filter.items()))
        return hash128("cursor", scope, self.sort_by, self.direction, filters).hex()[:16]


@dataclass(frozen=True, slots=True)
class Listed[T]:
    """One page of a list.

    Attributes:
        items: In order.
        next_cursor: Gives the next page; None at the end.
    """

    items: list[T]
    next_cursor: str | None = None

    def map[R](self, show: Callable[[T], R]) -> Listed[R]:
        """The page with each item shown otherwise."""
        return Listed([show(item) for item in self.items], self.next_cursor)


def wrong_cursor() -> InvalidRequest:
    """The error for a cursor that is not this list's."""
    return InvalidRequest(
        "The cursor is not one of this list: send the next_cursor of the page before, with the same path, order and filters"
    )


def _equal(text: str, value: Any) -> bool:
    """Whether a value of the query string means a JSON value: as in v1, what reads as a number is one, and no text."""
    number = _number(text)
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, int | float):
        return number == value
    return number is None and text == value


def _number(text: str) -> int | float | None:
    if "_" in text or text != text.strip():
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def index_attributes(partition: str, entity_id: str, created_at: int, updated_at: int) -> Item:
    """The attributes that put an item into the list ``partition``.

    Args:
        partition: ``tenant#kind`` or ``tenant#kind#parent``.
        entity_id: The item's id, which breaks ties.
        created_at: Microseconds since the epoch.
        updated_at: Microseconds since the epoch.
    """
    return {"ix": partition, "created": f"{created_at:017d}#{entity_id}", "updated": f"{updated_at:017d}#{entity_id}"}


@dataclass(frozen=True, slots=True)
class Listing[T]:
    """What is listed, and from where.

    Attributes:
        table: The table.
        index: Its index.
        range: The index's range key, a string that tells its item from all others of the partition.
        partition: The index's partition.
        load: (entries of the index) -> what each of them stands for, None where it is gone or not wanted.
        picks: Whether ``load`` leaves out what is there; then the offset counts what it keeps.
        passes: Whether an entry is worth loading.
        after: Only range keys greater than this.
        before: Only range keys less than this.
        filters: What else narrows the list; a cursor is good for this alone.
    """

    table: str
    index: str
    range: str
    partition: str
    load: Callable[[Sequence[Item]], Sequence[T | None]]
    picks: bool = False
    passes: Callable[[Item], bool] | None = None
    after: str | None = None
    before: str | None = None
    filters: str = ""


def list_items(tables: Tables, table: str, partition: str, query: ListQuery) -> Listed[Item]:
    """One page of a list, in order; an item deleted in between is left out.

    Raises:
        InvalidRequest: The cursor is not one of this list.
    """
    index, range_name = ("by_updated", "updated") if query.sort_by == "updated_at" else ("by_created", "created")
    passes = query.matches if query.metadata_filter else None
    return list_page(tables, Listing(table, index, range_name, partition, loader(tables, table), passes=passes), query)


def loader(
    tables: Tables, table: str, wanted: Callable[[Item], bool] | None = None
) -> Callable[[Sequence[Item]], Sequence[Item | None]]:
    """``Listing.load`` for entries of the items of a table."""

    def load(entries: Sequence[Item]) -> Sequence[Item | None]:
        keys = [Key(table, entry["pk"]) for entry in entries]
        found = tables.get_many(keys)
        shown = {key: item for key, item in found.items() if "gone" not in item and (wanted is None or wanted(item))}
        return [shown.get(key) for key in keys]

    return load


def list_page[T](tables: Tables, listing: Listing[T], query: ListQuery) -> Listed[T]:
    """One page: one query of the index and one ``load`` per ``_CHUNK`` items, and more where entries are left out.

    Raises:
        InvalidRequest: The cursor is not one of this list.
    """
    scope = f"{listing.index}#{listing.partition}#{listing.filters}"
    entries = _entries(tables, listing, query, query.position(scope))
    skip = query.offset
    if not listing.picks:
        skip -= sum(1 for _ in islice(entries, query.offset))
    shown: list[T] = []
    while True:
        needed = skip + query.limit - len(shown)
        chunk = list(islice(entries, min(max(needed, _PICKED_FROM) if listing.picks else needed, _CHUNK)))
        for i, (entry, found) in enumerate(zip(chunk, listing.load(chunk) if chunk else (), strict=True)):
            if found is None:
                continue
            if skip:
                skip -= 1
                continue
            shown.append(found)
            if len(shown) == query.limit:
                more = i + 1 < len(chunk) or next(entries, None) is not None
                return Listed(shown, query.cursor_of(scope, entry[listing.range]) if more else None)
        if not chunk:
            return Listed(shown)


def _entries[T](tables: Tables, listing: Listing[T], query: ListQuery, position: Any) -> Iterator[Item]:
    """The entries that pass, in order, read as far as they are asked for."""
    if position is not None and not (isinstance(position, str) and _POSITION.fullmatch(position)):
        raise wrong_cursor()
    descending = query.direction == "desc"
    after, before = listing.after, listing.before
    if position is not None and descending:
        before = min(position, before or position)
    elif position is not None:
        after = max(position, after or position)
    needed = max(query.offset + query.limit + 1, _PICKED_FROM if listing.picks else 0)
    start: Item | None = None
    while True:
        page = tables.query(
            listing.table,
            listing.index,
            listing.partition,
            descending=descending,
            limit=MAX_LIMIT if listing.passes is not None else min(needed, MAX_LIMIT),
            start=start,
            after=after,
            before=before,
        )
        yield from (entry for entry in page.items if listing.passes is None or listing.passes(entry))
        start = page.next
        if start is None:
            return
