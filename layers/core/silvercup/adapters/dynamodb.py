"""Tables in DynamoDB: items by key, conditional writes, one page of an index."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any, cast

from silvercup.adapters.attributes import absent, decode, encode, encode_value
from silvercup.adapters.aws import Refused, call
from silvercup.errors import ConditionFailed, InternalError, TransientError
from silvercup.storage import Change, Item, Key, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100
"""Keys that one BatchGetItem takes."""
ROUNDS = 8
"""How often a batch is asked for without any progress; the last wait is up to 1.6 seconds."""
ABSENT = "attribute_not_exists(#pk)"

_NAME = re.compile(r"#(\w+)")
_VALUE = re.compile(r":(\w+)")


@dataclass(frozen=True, slots=True)
class Index:
    """The key attributes of a secondary index."""

    hash: str
    range: str


INDEXES: Mapping[str, Index] = {
    "by_created": Index("ix", "created"),
    "by_updated": Index("ix", "updated"),
    "by_tenant": Index("all", "created"),
    "all_docs": Index("all", "id"),
    "by_state": Index("state", "created"),
    "by_run": Index("run", "t"),
    "sweep": Index("sweep", "sweep_at"),
    "inbox": Index("inbox", "inbox_at"),
    "usage": Index("spent", "spent_at"),
}
"""An index's name means the same in every table that has it."""


class DynamoTables:
    """``silvercup.storage.Tables`` over a DynamoDB client.

    Requests: ``get``, ``put``, ``put_many``, ``update``, ``delete`` and ``query`` send one each, ``get_many`` one per 100 keys
    (and more where DynamoDB leaves something over: 16 MB an answer).

    A conditional write that is sent again after its answer was lost finds what it wrote itself: ``ConditionFailed.found`` is
    then the caller's own item, and the caller tells by comparing.
    """

    def __init__(
        self, client: DynamoDBClient, names: Mapping[str, str], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Take a client and its tables.

        Args:
            client: A DynamoDB client.
            names: The tables' physical names by their logical ones; a name that is not in it is taken as it is.
            sleep: Waits, in seconds.
        """
        self._client = client
        self._names = names
        self._sleep = sleep

    def _physical(self, table: str) -> str:
        return self._names.get(table, table)

    def get(self, key: Key) -> Item | None:
        """See ``Tables.get``."""
        answer = call(
            self._client.get_item, TableName=self._physical(key.table), Key={"pk": {"S": key.pk}}, ConsistentRead=True
        )
        return decode(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """See ``Tables.get_many``."""
        found: dict[Key, Item] = {}
        for batch in batched(dict.fromkeys(keys), BATCH):
            found.update(self._get_batch(batch))
        return found

    def _get_batch(self, keys: Iterable[Key]) -> Iterator[tuple[Key, Item]]:
        asked = {(self._physical(key.table), key.pk): key for key in keys}
        request: dict[str, Any] = {}
        for table, pk in asked:
            request.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append({"pk": {"S": pk}})
        fruitless = 0
        while request:
            answer = call(self._client.batch_get_item, RequestItems=request)
            got = 0
            for table, items in answer.get("Responses", {}).items():
                got += len(items)
                for wire in items:
                    item = decode(wire)
                    yield asked[table, item["pk"]], item
            request = cast("dict[str, Any]", answer.get("UnprocessedKeys", {}))
            if not request or got:
                fruitless = 0
                continue
            fruitless += 1
            self._wait(fruitless, "batch_get_item left all keys over")

    def _wait(self, fruitless: int, what: str) -> None:
        if fruitless == ROUNDS:
            raise TransientError(f"dynamodb:{what} several times; it may work later")
        self._sleep(random.uniform(0, 0.0125 * 2**fruitless))  # noqa: S311

    def put(
        self,
        table: str,
        item: Item,
        *,
        if_absent: bool = False,
        condition: str | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        """See ``Tables.put``; with both ``if_absent`` and a condition, both have to hold."""
        request: dict[str, Any] = {"TableName": self._physical(table), "Item": encode(item)}
        if if_absent:
            condition = f"{ABSENT} AND ({condition})" if condition else ABSENT
        _conditional(self._client.put_item, request | _expressions(condition, args or {}))

    def put_many(self, items: Iterable[tuple[str, Item]]) -> None:
        """See ``Tables.put_many``."""
        request: dict[str, Any] = {}
        for table, item in items:
            request.setdefault(self._physical(table), []).append({"PutRequest": {"Item": encode(item)}})
        fruitless = 0
        while request:
            left = cast("dict[str, Any]", call(self._client.batch_write_item, RequestItems=request)["UnprocessedItems"])
            fruitless = fruitless + 1 if _writes(left) == _writes(request) else 0
            request = left
            if fruitless:
                self._wait(fruitless, "batch_write_item left all items over")

    def update(self, key: Key, change: Change) -> Item:
        """See ``Tables.update``; setting an attribute to ``None`` or to an empty set removes it."""
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        request: dict[str, Any] = {
            "TableName": self._physical(key.table),
            "Key": {"pk": {"S": key.pk}},
            "ReturnValues": "ALL_NEW",
        }
        if update := _update_expression(change, names, values):
            request["UpdateExpression"] = update
        answer = _conditional(
            self._client.update_item, request | _expressions(change.condition, change.args, names, values)
        )
        return decode(answer["Attributes"])

    def delete(self, key: Key, *, condition: str | None = None, args: Mapping[str, Any] | None = None) -> None:
        """See ``Tables.delete``."""
        request = {"TableName": self._physical(key.table), "Key": {"pk": {"S": key.pk}}}
        _conditional(self._client.delete_item, request | _expressions(condition, args or {}))

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
        """See ``Tables.query``; a page may hold fewer items than ``limit`` and yet have a next one."""
        keys = INDEXES[index]
        names = {"#hash": keys.hash}
        values: dict[str, Any] = {":hash": hash_value}
        condition = "#hash = :hash"
        if after is not None or before is not None:
            within, bounds = _range_condition(after, before)
            if len(bounds) > 1 and bounds[":after"] >= bounds[":before"]:
                return Page([], None)
            names["#range"] = keys.range
            values |= bounds
            condition += f" AND {within}"
        request: dict[str, Any] = {
            "TableName": self._physical(table),
            "IndexName": index,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": encode(values),
            "ScanIndexForward": not descending,
        }
        if limit is not None:
            request["Limit"] = limit
        if start is not None:
            request["ExclusiveStartKey"] = encode(start)
        answer = call(self._client.query, **request)
        items = [decode(wire) for wire in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        return Page([item for item in items if item[keys.range] != before], decode(last) if last else None)


def _writes(request: Mapping[str, Any]) -> int:
    return sum(len(writes) for writes in request.values())


def _conditional[R](method: Callable[..., R], request: Mapping[str, Any]) -> R:
    try:
        return call(method, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request)
    except Refused as refused:
        if refused.aws_code != "ConditionalCheckFailedException":
            raise
        found = refused.answer.get("Item")
        raise ConditionFailed(decode(found) if found else None) from None


def _range_condition(after: Any, before: Any) -> tuple[str, dict[str, Any]]:
    """The condition for a range key between two bounds, both left out, and its values; BETWEEN still takes ``before`` in."""
    if before is None:
        return "#range > :after", {":after": after}
    if after is None:
        return "#range < :before", {":before": before}
    next_one = after + 1 if isinstance(after, int) else after + "\0"
    return "#range BETWEEN :after AND :before", {":after": next_one, ":before": before}


def _update_expression(change: Change, names: dict[str, str], values: dict[str, Any]) -> str:
    """The update expression of a change; the names and values that it uses are added to the two dicts."""

    def name(attribute: str) -> str:
        names[attribute] = attribute
        return f"#{attribute}"

    def value(of: Any) -> str:
        place = str(len(values))
        values[place] = of
        return f":{place}"

    removed = [*change.remove, *(attribute for attribute, new in change.set.items() if absent(new))]
    clauses = {
        "SET": [f"{name(one)} = {value(new)}" for one, new in change.set.items() if not absent(new)],
        "REMOVE": [name(one) for one in dict.fromkeys(removed)],
        "ADD": [f"{name(one)} {value(some)}" for one, some in change.add_to.items() if some],
        "DELETE": [f"{name(one)} {value(some)}" for one, some in change.delete_from.items() if some],
    }
    return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)


def _expressions(
    condition: str | None,
    args: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The request's parts for a condition, together with the names and values that an update uses."""
    all_names, all_values = dict(names or {}), dict(values or {})
    if condition:
        all_names |= {name: name for name in _NAME.findall(condition)}
        for name in _VALUE.findall(condition):
            if name not in args:
                raise InternalError(f"The condition {condition!r} has no value for ':{name}'")
            all_values[name] = args[name]
    parts: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
    if all_names:
        parts["ExpressionAttributeNames"] = {f"#{short}": name for short, name in all_names.items()}
    if all_values:
        parts["ExpressionAttributeValues"] = {f":{name}": encode_value(value) for name, value in all_values.items()}
    return parts
