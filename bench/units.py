"""What DynamoDB charges: sizes of items, and the writes that a write makes in its indexes. moto does not work this out.

Source: "DynamoDB read and write capacity" and "Item sizes and formats" of the DynamoDB developer guide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.template import Table

type Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: the attributes that an item must have to be in it, and those that are copied."""

    keys: tuple[str, ...]
    copied: tuple[str, ...]


def indexes_of(table: Table) -> Sequence[Index]:
    """The indexes of a table of the template."""
    found: list[Index] = []
    for index in table.definition.get("GlobalSecondaryIndexes", ()):
        keys = tuple(part["AttributeName"] for part in index["KeySchema"])
        more = tuple(index["Projection"].get("NonKeyAttributes", ()))
        found.append(Index(keys, (*table.key, *keys, *more)))
    return found


def index_units(index: Index, before: Item, after: Item) -> int:
    """Write units that a write costs in one index: none when nothing of it changed, two writes when its key changed."""
    old, new = _projected(index, before), _projected(index, after)
    if old == new:
        return 0
    if old and new and [old[key] for key in index.keys] == [new[key] for key in index.keys]:
        return _units(max(item_size(old), item_size(new)))
    return sum(_units(item_size(entry)) for entry in (old, new) if entry)


def _projected(index: Index, item: Item) -> Item:
    if not all(key in item for key in index.keys):
        return {}
    return {name: item[name] for name in index.copied if name in item}


def _units(size: int) -> int:
    return max(1, math.ceil(size / 1024))


def item_size(item: Item) -> int:
    """An item's size in bytes; the item is in DynamoDB's JSON."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Item) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(inner.encode())
        case "N":
            return (len(inner.strip("-0.")) + 1) // 2 + 1
        case "SS":
            return sum(len(text.encode()) for text in inner)
        case "L":
            return 3 + sum(1 + _value_size(part) for part in inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(part) for name, part in inner.items())
        case "B":
            return len(inner)
        case _:
            return 1
