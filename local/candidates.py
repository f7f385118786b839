"""Which items a Query can find, kept by index partition, so that moto need not look at the whole table (ADR 0013).

``Front`` tells of every item that a request wrote; the third seam (``local.seams``) asks. It is a hint: moto itself checks every
item that is named here, so only one that is not named would be missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local import moto_state
from local.names import arn
from local.template import Table


class Candidates:
    """The keys of every index's items, by partition; for tables whose key is one string."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {table.name: _Indexes(table) for table in tables if len(table.key) == 1}
        self._by_arn = {arn("dynamodb", f"table/{name}"): indexes for name, indexes in self._tables.items()}

    def refresh(self, table: str, key: Mapping[str, Any]) -> None:
        """Look at an item again, which may have changed, come, or gone; ``key`` is in DynamoDB's JSON."""
        ((kind, text),) = next(iter(key.values())).items()
        if kind == "S" and (indexes := self._tables.get(table)):
            indexes.refresh(text, moto_state.read_strings(table, key))

    def find(self, table_arn: str, index: str, partition: Mapping[str, str]) -> list[str] | None:
        """The keys of the items that a Query can find, in order.

        Args:
            table_arn: The table.
            index: The index's name.
            partition: The attributes of the partition and the strings that they must have.

        Returns:
            None when it is not known here.
        """
        indexes = self._by_arn.get(table_arn)
        return indexes.find(index, partition) if indexes else None


class _Indexes:
    """The indexes of one table whose partition is one string."""

    def __init__(self, table: Table) -> None:
        kinds = {part["AttributeName"]: part["AttributeType"] for part in table.definition["AttributeDefinitions"]}
        self._attribute_of: dict[str, str] = {}
        for index in table.definition.get("GlobalSecondaryIndexes", []):
            hashes = [part["AttributeName"] for part in index["KeySchema"] if part["KeyType"] == "HASH"]
            if len(hashes) == 1 and kinds[hashes[0]] == "S":
                self._attribute_of[index["IndexName"]] = hashes[0]
        self._keys: dict[str, dict[str, set[str]]] = {name: {} for name in self._attribute_of}
        self._partitions: dict[str, dict[str, str]] = {}

    def refresh(self, key: str, strings: Mapping[str, str]) -> None:
        """Take notice of an item's string attributes; of an item that is gone there are none."""
        now = {name: strings[attribute] for name, attribute in self._attribute_of.items() if attribute in strings}
        before = self._partitions.get(key, {})
        if now == before:
            return
        for name, partition in before.items():
            keys = self._keys[name][partition]
            keys.discard(key)
            if not keys:
                del self._keys[name][partition]
        for name, partition in now.items():
            self._keys[name].setdefault(partition, set()).add(key)
        if now:
            self._partitions[key] = now
        else:
            del self._partitions[key]

    def find(self, index: str, partition: Mapping[str, str]) -> list[str] | None:
        attribute = self._attribute_of.get(index)
        if attribute is None or set(partition) != {attribute}:
            return None
        return sorted(self._keys[index].get(partition[attribute], ()))
