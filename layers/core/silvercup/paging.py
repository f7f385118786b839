"""Lists: what a caller may ask for, and one page read as index entries plus one batch of items."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from silvercup import values
from silvercup.errors import InvalidRequest
from silvercup.storage import Item, Key, Tables

MAX_LIMIT = 1000
MAX_OFFSET = 100_000

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

    Raises:
        InvalidRequest: ``limit`` or ``offset`` is out of range.
    """

    limit: int = 100
    offset: int = 0
    sort_by: SortBy = "created_at"
    direction: Direction = "desc"
    metadata_filter: Mapping[str, str] = field(default_factory=dict[str, str])

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


def list_items(tables: Tables, table: str, partition: str, query: ListQuery) -> list[Item]:
    """One page of a list, in order; an item deleted in between is left out."""
    index = "by_updated" if query.sort_by == "updated_at" else "by_created"
    wanted = query.offset + query.limit
    entries: list[Item] = []
    start: Item | None = None
    while len(entries) < wanted:
        page = tables.query(
            table,
            index,
            partition,
            descending=query.direction == "desc",
            limit=MAX_LIMIT if query.metadata_filter else min(wanted - len(entries), MAX_LIMIT),
            start=start,
        )
        entries += [entry for entry in page.items if query.matches(entry)]
        if page.next is None:
            break
        start = page.next
    keys = [Key(table, entry["pk"]) for entry in entries[query.offset : wanted]]
    found = tables.get_many(keys)
    return [found[key] for key in keys if key in found]
