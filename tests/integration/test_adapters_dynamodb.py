"""Tables over a real client and moto's DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast
from uuid import uuid4

import pytest

from silvercup.adapters.aws import Clients, Refused
from silvercup.adapters.dynamodb import ROUNDS, DynamoTables
from silvercup.errors import ConditionFailed, InternalError, TransientError
from silvercup.storage import Change, Item, Key
from tests.support.moto_aws import TABLES


@pytest.fixture
def sent(aws: Clients) -> Iterator[list[str]]:
    """The operations sent to DynamoDB in this test."""
    operations: list[str] = []

    def record(model: Any, **_: Any) -> None:
        operations.append(model.name)

    events = aws.get("dynamodb").meta.events
    events.register("before-call.dynamodb", record)
    yield operations
    events.unregister("before-call.dynamodb", record)


@pytest.fixture
def tables(aws: Clients) -> DynamoTables:
    return DynamoTables(aws.get("dynamodb"), TABLES)


@pytest.fixture
def pk() -> str:
    return f"test#{uuid4()}"


def test_an_item_is_read_as_it_was_written(tables: DynamoTables, pk: str):
    item = {
        "pk": pk,
        "text": "ü\n",
        "n": -5,
        "yes": False,
        "raw": b"\x00\xff",
        "tags": {"a", "b"},
        "list": [1, None, {"k": "v"}],
        "gone": None,
    }
    tables.put("core", item)
    assert tables.get(Key("core", pk)) == {name: value for name, value in item.items() if name != "gone"}


def test_what_is_not_there_is_none_and_may_be_deleted(tables: DynamoTables, pk: str):
    tables.delete(Key("core", pk))
    assert tables.get(Key("core", pk)) is None


def test_tables_are_apart_and_a_physical_name_means_the_same(tables: DynamoTables, pk: str):
    tables.put("core", {"pk": pk})
    assert tables.get(Key("runs", pk)) is None
    assert tables.get(Key("silvercup-core", pk)) == {"pk": pk}


def test_if_absent_writes_once_and_carries_what_it_found(tables: DynamoTables, pk: str):
    tables.put("core", {"pk": pk, "n": 1, "tags": {"x"}}, if_absent=True)
    with pytest.raises(ConditionFailed) as failed:
        tables.put("core", {"pk": pk, "n": 2}, if_absent=True)
    assert failed.value.found == {"pk": pk, "n": 1, "tags": {"x"}}
    assert tables.get(Key("core", pk)) == {"pk": pk, "n": 1, "tags": {"x"}}


def test_a_condition_of_a_put_on_nothing_found_nothing(tables: DynamoTables, pk: str):
    with pytest.raises(ConditionFailed) as failed:
        tables.put("core", {"pk": pk}, condition="#status = :old", args={"old": "queued"})
    assert failed.value.found is None


def test_a_condition_sees_names_that_dynamodb_reserves(tables: DynamoTables, pk: str):
    tables.put("core", {"pk": pk, "status": "queued", "count": 1})
    tables.put(
        "core",
        {"pk": pk, "status": "running", "count": 2},
        condition="#status = :was AND #count < :two",
        args={"was": "queued", "two": 2, "unused": 9},
    )
    assert tables.get(Key("core", pk)) == {"pk": pk, "status": "running", "count": 2}


def test_an_update_sets_removes_adds_and_deletes_at_once(tables: DynamoTables, pk: str):
    tables.put("runs", {"pk": pk, "old": 1, "kept": 2, "nulled": 3, "waits": {"a", "b"}, "done": {"x", "y"}})
    change = Change(
        set={"status": "running", "nulled": None, "none": set()},
        remove=["old"],
        add_to={"waits": {"c"}, "new": {"n"}, "nothing": set()},
        delete_from={"done": {"x"}},
        condition="#kept = :kept AND attribute_not_exists(#status)",
        args={"kept": 2},
    )
    expected = {"pk": pk, "status": "running", "kept": 2, "waits": {"a", "b", "c"}, "new": {"n"}, "done": {"y"}}
    assert tables.update(Key("runs", pk), change) == expected
    assert tables.get(Key("runs", pk)) == expected
    with pytest.raises(ConditionFailed) as failed:
        tables.update(Key("runs", pk), change)
    assert failed.value.found == expected


def test_an_update_makes_what_is_not_there_unless_forbidden(tables: DynamoTables, pk: str):
    with pytest.raises(ConditionFailed) as failed:
        tables.update(Key("core", pk), Change(set={"n": 1}, condition="attribute_exists(#pk)"))
    assert failed.value.found is None
    assert tables.update(Key("core", pk), Change(set={"n": 1})) == {"pk": pk, "n": 1}


def test_a_condition_without_its_value_is_a_bug_that_is_named(tables: DynamoTables, pk: str):
    with pytest.raises(InternalError, match="no value for ':was'"):
        tables.put("core", {"pk": pk}, condition="#status = :was")


def test_many_keys_take_one_request_per_hundred_over_both_tables(tables: DynamoTables, pk: str, sent: list[str]):
    keys = [Key(("core", "runs")[n % 2], f"{pk}#{n}") for n in range(150)]
    for key in keys:
        tables.put(key.table, {"pk": key.pk, "table": key.table})
    sent.clear()
    found = tables.get_many([*keys, *keys[:30], Key("core", f"{pk}#none")])
    assert sent == ["BatchGetItem", "BatchGetItem"]
    assert found == {key: {"pk": key.pk, "table": key.table} for key in keys}
    assert tables.get_many([]) == {}
    assert len(sent) == 2


def test_several_items_are_written_in_one_request(tables: DynamoTables, pk: str, sent: list[str]):
    tables.put("core", {"pk": pk, "n": 1, "old": True})
    tables.put_many([("core", {"pk": pk, "n": 2}), ("runs", {"pk": pk, "n": 3})])
    assert sent == ["PutItem", "BatchWriteItem"]
    found = tables.get_many([Key("core", pk), Key("runs", pk)])
    assert list(found.values()) == [{"pk": pk, "n": 2}, {"pk": pk, "n": 3}]


def test_items_that_were_left_over_are_written_again(pk: str):
    waits: list[float] = []
    asked: list[int] = []

    class Lazy:
        def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
            asked.append(sum(map(len, RequestItems.values())))
            if len(asked) < 3:
                (name, writes) = next(iter(RequestItems.items()))
                return {"UnprocessedItems": {name: writes[:2]}}
            return {"UnprocessedItems": {}}

    DynamoTables(cast("Any", Lazy()), TABLES, waits.append).put_many([("core", {"pk": f"{pk}{i}"}) for i in range(3)])
    assert (asked, len(waits)) == ([3, 2, 2], 1)


def test_keys_that_were_left_over_are_asked_for_again(aws: Clients, pk: str):
    waits: list[float] = []
    tables = DynamoTables(aws.get("dynamodb"), TABLES, sleep=waits.append)
    keys = [Key("core", f"{pk}#{n}") for n in range(4)]
    for key in keys:
        tables.put("core", {"pk": key.pk})
    answers: list[Callable[[dict[str, Any]], None]] = [hold_back(4), hold_back(2), hold_back(0)]

    def interfere(parsed: dict[str, Any], **_: Any) -> None:
        answers.pop(0)(parsed)

    with on_answers(aws, "BatchGetItem", interfere):
        assert set(tables.get_many(keys)) == set(keys)
    assert not answers
    assert len(waits) == 1, "only the answer without any item is waited after"


def test_keys_that_are_left_over_for_ever_end_as_a_transient_error(aws: Clients, pk: str):
    waits: list[float] = []
    tables = DynamoTables(aws.get("dynamodb"), TABLES, sleep=waits.append)
    tables.put("core", {"pk": pk})
    hold = hold_back(1)

    def interfere(parsed: dict[str, Any], **_: Any) -> None:
        hold(parsed)

    with on_answers(aws, "BatchGetItem", interfere), pytest.raises(TransientError, match="left all keys over"):
        tables.get_many([Key("core", pk)])
    assert len(waits) == ROUNDS - 1
    assert sum(waits) < 3.5


def hold_back(count: int) -> Callable[[dict[str, Any]], None]:
    """Take the last ``count`` items out of a BatchGetItem's answer and call them unprocessed."""

    def change(parsed: dict[str, Any]) -> None:
        table = TABLES["core"]
        items = parsed["Responses"].get(table, [])
        held = [items.pop() for _ in range(count)]
        if held:
            keys = [{"pk": item["pk"]} for item in held]
            parsed["UnprocessedKeys"] = {table: {"Keys": keys, "ConsistentRead": True}}

    return change


class on_answers:  # noqa: N801
    """Call a handler with each answer of one operation."""

    def __init__(self, aws: Clients, operation: str, handler: Callable[..., None]) -> None:
        self._events = aws.get("dynamodb").meta.events
        self._name = f"after-call.dynamodb.{operation}"
        self._handler = handler

    def __enter__(self) -> None:
        self._events.register(self._name, self._handler)

    def __exit__(self, *_: object) -> None:
        self._events.unregister(self._name, self._handler)


@pytest.fixture
def listed(tables: DynamoTables, pk: str) -> list[Item]:
    items: list[Item] = [
        {"pk": f"{pk}#{n}", "id": str(n), "ix": pk, "created": f"{n:03d}", "updated": f"{9 - n:03d}", "run": pk, "t": n}
        for n in range(5)
    ]
    for item in items:
        tables.put("core", item)
        tables.put("runs", item)
    return items


def ids(items: list[Item]) -> str:
    return "".join(item["id"] for item in items)


def test_an_index_is_read_in_its_order(tables: DynamoTables, pk: str, listed: list[Item]):
    assert ids(tables.query("core", "by_created", pk).items) == "01234"
    assert ids(tables.query("core", "by_created", pk, descending=True).items) == "43210"
    assert ids(tables.query("core", "by_updated", pk).items) == "43210"
    assert tables.query("core", "by_created", "another").items == []


def test_pages_follow_each_other_until_none(tables: DynamoTables, pk: str, listed: list[Item]):
    first = tables.query("core", "by_created", pk, limit=2)
    second = tables.query("core", "by_created", pk, limit=2, start=first.next)
    last = tables.query("core", "by_created", pk, limit=2, start=second.next)
    assert [ids(first.items), ids(second.items), ids(last.items)] == ["01", "23", "4"]
    assert last.next is None


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((None, None), "01234"),
        ((1, None), "234"),
        ((None, 3), "012"),
        ((1, 4), "23"),
        ((1, 2), ""),
        ((3, 1), ""),
        ((2, 2), ""),
    ],
)
def test_bounds_are_left_out_for_numbers_and_for_text(
    tables: DynamoTables, pk: str, listed: list[Item], bounds: tuple[int | None, int | None], expected: str
):
    after, before = bounds
    assert ids(tables.query("runs", "by_run", pk, after=after, before=before).items) == expected
    after_text, before_text = (None if bound is None else f"{bound:03d}" for bound in bounds)
    assert ids(tables.query("core", "by_created", pk, after=after_text, before=before_text).items) == expected


def test_a_refusal_names_the_operation_and_no_data(aws: Clients):
    tables = DynamoTables(aws.get("dynamodb"), {"core": "no-such-table"})
    with pytest.raises(Refused) as failed:
        tables.get(Key("core", "secret"))
    assert failed.value.message == "dynamodb:get_item failed with ResourceNotFoundException"
