"""The versions of a task: the newest is the task's own item, an older one an item with its number in the key."""

from __future__ import annotations

from silvercup import values
from silvercup.errors import NotFound
from silvercup.paging import Listed, ListQuery, index_attributes, wrong_cursor
from silvercup.storage import Blobs, Item, Key, Tables
from silvercup.times import iso
from silvercup.values import JsonObject

_TABLE = "core"
_NOT_KEPT = frozenset({"pk", "ix", "created", "updated"})


def version_item(tenant: str, item: Item) -> Item:
    """The item that a task's item becomes when a newer version takes its place."""
    task_id, number, at = item["id"], item["version"], item["updated_at"]
    kept = {name: value for name, value in item.items() if name not in _NOT_KEPT}
    indexed = index_attributes(f"{tenant}#version#{task_id}", f"{number:08d}", at, at)
    return {**kept, "pk": _key(tenant, task_id, number).pk, "kind": "version", **indexed}


class Versions:
    """Reads versions. Their numbers have no gaps, so they are found by key."""

    def __init__(self, tables: Tables, blobs: Blobs) -> None:
        self._tables = tables
        self._blobs = blobs

    def list(self, tenant: str, newest: Item, query: ListQuery) -> Listed[JsonObject]:
        """A page of versions, by number, whatever ``sort_by`` says.

        Args:
            tenant: Whose.
            newest: The task's item.
            query: Which page.

        Raises:
            InvalidRequest: The cursor is not one of this list.
        """
        scope = f"versions#{newest['id']}"
        position = query.position(scope)
        if position is not None and not (isinstance(position, int) and 1 <= position < 1 << 53):
            raise wrong_cursor()
        last = newest["version"]
        if query.direction == "desc":
            numbers = range(min(last, last if position is None else position - 1) - query.offset, 0, -1)
        else:
            numbers = range((position or 0) + 1 + query.offset, last + 1)
        page = numbers[: query.limit]
        older = self._tables.get_many(_key(tenant, newest["id"], number) for number in page if number != last)
        by_number = {item["version"]: item for item in older.values()} | {last: newest}
        items = [by_number[number] for number in page if number in by_number]
        following = query.cursor_of(scope, page[-1]) if len(numbers) > len(page) else None
        return Listed([self.show(item) for item in items if query.matches(item)], following)

    def find(self, tenant: str, newest: Item, number: int) -> Item:
        """One version's item.

        Raises:
            NotFound: The task has no such version.
        """
        if number == newest["version"]:
            return newest
        found = self._tables.get(_key(tenant, newest["id"], number)) if 0 < number < newest["version"] else None
        if found is None:
            raise NotFound(f"Task {newest['id']} has no version {number}; the newest is {newest['version']}")
        return found

    def show(self, item: Item) -> JsonObject:
        """A version as lists show it."""
        return {
            "task_id": item["id"],
            "version": item["version"],
            "canonical_name": item["canonical_name"],
            "digest": item["digest"],
            "metadata": values.loads(item["metadata"]),
            "report": values.loads(item["report"]),
            "created_at": iso(item["updated_at"]),
        }

    def definition(self, item: Item) -> JsonObject:
        """The state machine's definition.

        Raises:
            NotFound: The task was deleted in between.
        """
        body = self._blobs.get(item["definition"])
        if body is None:
            raise NotFound(f"Task {item['id']} not found")
        return values.loads(body)


def _key(tenant: str, task_id: str, number: int) -> Key:
    return Key(_TABLE, f"{tenant}#version#{task_id}#{number}")
