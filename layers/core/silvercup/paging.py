"""What a caller may ask of a list, what a page of it is, and the attributes that put an item into one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from silvercup import values
from silvercup.errors import InvalidRequest
from silvercup.ids import decode_cursor, encode_cursor, hash128
from silvercup.storage import Item

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
