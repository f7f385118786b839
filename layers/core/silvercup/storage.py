"""The storage ports: a table of items found by key, and a store of larger bodies.

Items are flat dicts. An attribute is ``str``, ``int``, ``bool``, ``bytes``, ``set[str]``, ``None`` (left out), or a
list or dict of those. JSON values of users are kept as JSON text, so that no number changes on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

type Item = dict[str, Any]
type Strings = set[str]


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an item: which table, and the partition key ``pk`` (tables have no sort key)."""

    table: str
    pk: str


@dataclass(frozen=True, slots=True)
class Change:
    """An update of one item by its key.

    Attributes:
        set: Attributes to write.
        remove: Attributes to take away.
        add_to: Strings to add to a set attribute.
        delete_from: Strings to take from a set attribute.
        condition: A DynamoDB condition expression in which ``#name`` stands for an attribute and ``:name`` for ``args[name]``.
        args: The values of the condition.
    """

    set: Mapping[str, Any] = field(default_factory=dict[str, Any])
    remove: Sequence[str] = ()
    add_to: Mapping[str, Strings] = field(default_factory=dict[str, Strings])
    delete_from: Mapping[str, Strings] = field(default_factory=dict[str, Strings])
    condition: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Page:
    """Items of an index in its order, and where the next page starts (None at the end)."""

    items: list[Item]
    next: Item | None


class Tables(Protocol):
    """Items by key. Every read is consistent except ``query``, which reads an index."""

    def get(self, key: Key) -> Item | None:
        """One item, or None."""
        ...

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """The items that exist, in one batch per 100 keys, over several tables; what was not processed is asked again."""
        ...

    def put(
        self,
        table: str,
        item: Item,
        *,
        if_absent: bool = False,
        condition: str | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a whole item.

        Raises:
            ConditionFailed: ``if_absent`` and the key exists, or the condition does not hold; carries the item found.
        """
        ...

    def put_many(self, items: Iterable[tuple[str, Item]]) -> None:
        """Write whole items (table, item), at most 25, in one request; each by itself, whatever is there."""
        ...

    def update(self, key: Key, change: Change) -> Item:
        """Change one item and return all of it as it is after the change (made when absent, unless the condition forbids).

        Raises:
            ConditionFailed: The condition does not hold; carries the item found.
        """
        ...

    def delete(self, key: Key, *, condition: str | None = None, args: Mapping[str, Any] | None = None) -> None:
        """Take an item away; nothing happens when there is none.

        Raises:
            ConditionFailed: The condition does not hold; carries the item found.
        """
        ...

    def query(
        self,
        table: str,
        index: str,
        hash_value: str,
        *,
        descending: bool = False,
        limit: int | None = None,
        start: Item | None = None,
        after: Any = None,
        before: Any = None,
    ) -> Page:
        """One page of an index's partition.

        Args:
            table: The table's logical name.
            index: The index's name; its key attributes are found in ``adapters.dynamodb.INDEXES``.
            hash_value: The partition.
            descending: Newest first.
            limit: How many items at most.
            start: ``Page.next`` of the page before.
            after: Only range keys greater than this.
            before: Only range keys less than this.
        """
        ...


class Blobs(Protocol):
    """Larger bodies by name."""

    def get(self, name: str) -> bytes | None:
        """The body, or None when there is none."""
        ...

    def put(self, name: str, body: bytes) -> None:
        """Write a body; the same name with the same body may be written again."""
        ...

    def names(self, prefix: str, limit: int) -> list[str]:
        """Names that start with ``prefix``, in order, at most ``limit`` (up to 1,000) of them."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Take bodies away; names that don't exist are passed over."""
        ...
