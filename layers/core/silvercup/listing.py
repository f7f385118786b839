"""One page of a list: entries of an index, and one batch of what they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, cast

from silvercup.errors import NotFound
from silvercup.paging import MAX_LIMIT, Listed, ListQuery, wrong_cursor
from silvercup.storage import Item, Key, Tables

_CHUNK = 100
"""Entries whose items are read at once: as many as one batch of reads takes."""
_PICKED_FROM = 25
"""Entries that are looked at, at least, where not all of them are wanted."""
_POSITION = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Owner:
    """What a list belongs to. It is read together with the first items; of what is not there, there is no list.

    Attributes:
        key: Its key.
        missing: Makes the error.
    """

    key: Key
    missing: Callable[[], NotFound]

    def check(self, found: Mapping[Key, Item]) -> None:
        """Stop here when it is not there.

        Raises:
            NotFound: It is not among what was read, or a tombstone.
        """
        if "gone" in found.get(self.key, {"gone": 1}):
            raise self.missing()


@dataclass(frozen=True, slots=True)
class Listing[T]:
    """What is listed, and from where.

    Attributes:
        table: The table.
        index: Its index.
        range: The index's range key, a string that tells its item from all others of the partition.
        partition: The index's partition.
        keys: What has to be read for an entry of the index.
        show: (entries, what was read) -> what each of them stands for, None where it is gone or not wanted.
        owner: What the list belongs to.
        picks: Whether ``show`` leaves out what is there; then the offset counts what it keeps.
        passes: Whether an entry is worth loading.
        after: Only range keys greater than this.
        before: Only range keys less than this.
        filters: What else narrows the list; a cursor is good for this alone.
    """

    table: str
    index: str
    range: str
    partition: str
    keys: Callable[[Item], Iterable[Key]]
    show: Callable[[Sequence[Item], Mapping[Key, Item]], Sequence[T | None]]
    owner: Owner | None = None
    picks: bool = False
    passes: Callable[[Item], bool] | None = None
    after: str | None = None
    before: str | None = None
    filters: str = ""

    def showing[R](
        self,
        keys: Callable[[Item], Iterable[Key]],
        show: Callable[[Sequence[Item], Mapping[Key, Item]], Sequence[R | None]],
    ) -> Listing[R]:
        """The same list with something else shown for each entry."""
        return replace(cast("Listing[R]", self), keys=keys, show=show)


def item_listing(
    table: str,
    partition: str,
    query: ListQuery,
    owner: Owner | None = None,
    wanted: Callable[[Item], bool] | None = None,
) -> Listing[Item]:
    """A list of the items of a table, in the order that the query asks for; one deleted in between is left out."""
    index, range_name = ("by_updated", "updated") if query.sort_by == "updated_at" else ("by_created", "created")
    passes = query.matches if query.metadata_filter else None

    def keys(entry: Item) -> Iterable[Key]:
        return (Key(table, entry["pk"]),)

    def show(entries: Sequence[Item], found: Mapping[Key, Item]) -> Sequence[Item | None]:
        items = [found.get(Key(table, entry["pk"])) for entry in entries]
        return [
            item if item is not None and "gone" not in item and (wanted is None or wanted(item)) else None
            for item in items
        ]

    return Listing(table, index, range_name, partition, keys, show, owner, passes=passes)


def list_items(
    tables: Tables, table: str, partition: str, query: ListQuery, owner: Owner | None = None
) -> Listed[Item]:
    """One page of an ``item_listing``.

    Raises:
        InvalidRequest: The cursor is not one of this list.
        NotFound: The owner is not there.
    """
    return list_page(tables, item_listing(table, partition, query, owner), query)


def list_page[T](tables: Tables, listing: Listing[T], query: ListQuery) -> Listed[T]:
    """One page: one query of the index and one batch of reads per ``_CHUNK`` items, and more where entries are left out.

    Raises:
        InvalidRequest: The cursor is not one of this list.
        NotFound: The owner is not there.
    """
    scope = f"{listing.index}#{listing.partition}#{listing.filters}"
    entries = _entries(tables, listing, query, query.position(scope))
    skip = query.offset
    if not listing.picks:
        skip -= sum(1 for _ in islice(entries, query.offset))
    owner = listing.owner
    shown: list[T] = []
    while True:
        needed = skip + query.limit - len(shown)
        chunk = list(islice(entries, min(max(needed, _PICKED_FROM) if listing.picks else needed, _CHUNK)))
        keys = [key for entry in chunk for key in listing.keys(entry)]
        found = tables.get_many([owner.key, *keys] if owner else keys) if owner or keys else {}
        if owner is not None:
            owner.check(found)
            owner = None
        for i, (entry, one) in enumerate(zip(chunk, listing.show(chunk, found), strict=True)):
            if one is None:
                continue
            if skip:
                skip -= 1
                continue
            shown.append(one)
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
