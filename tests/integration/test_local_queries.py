"""The third seam: a Query finds by partition what moto's own finds in the whole table."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from moto.dynamodb.models.table import Table

from local import seams
from local.aws import Aws
from local.template import load

CORE, RUNS = "silvercup-local-core", "silvercup-local-runs"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with Aws(load()) as made:
        yield made


def pages(aws: Aws, **query: Any) -> list[dict[str, Any]]:
    """All pages of a query."""
    found: list[dict[str, Any]] = []
    client = aws.client("dynamodb")
    while True:
        page = client.query(**query)
        page.pop("ResponseMetadata")
        found.append(page)
        if "LastEvaluatedKey" not in page:
            return found
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def both(aws: Aws, monkeypatch: pytest.MonkeyPatch, **query: Any) -> list[dict[str, Any]]:
    """What ours gives, which must be what moto's own gives."""
    ours = pages(aws, **query)
    with monkeypatch.context() as patch:
        patch.setattr(Table, "query", seams.ORIGINAL_QUERY)
        assert pages(aws, **query) == ours
    return ours


def change(client: Any, rng: random.Random, number: int) -> None:
    """One write of any kind to one of few keys, so that items come, go, and move between partitions."""

    def key() -> dict[str, Any]:
        return {"pk": {"S": f"k{rng.randrange(25)}"}}

    def item() -> dict[str, Any]:
        made: dict[str, Any] = key() | {"id": {"S": str(number)}, "kind": {"S": "x"}}
        if rng.random() < 0.8:
            made["ix"] = {"S": f"t{rng.randrange(3)}#é"}
        if rng.random() < 0.9:
            made["created"] = {"S": f"{rng.randrange(6)}"}
        if rng.random() < 0.5:
            made |= {"sweep": {"S": f"sweep#{rng.randrange(2)}"}, "sweep_at": {"N": str(rng.randrange(100))}}
        return made

    match rng.randrange(7):
        case 0 | 1:
            client.put_item(TableName=CORE, Item=item())
        case 2:
            client.delete_item(TableName=CORE, Key=key())
        case 3:
            values = {":ix": {"S": f"t{rng.randrange(3)}#é"}, ":at": {"N": str(rng.randrange(100))}}
            client.update_item(
                TableName=CORE,
                Key=key(),
                UpdateExpression="SET ix = :ix, sweep_at = :at REMOVE created",
                ExpressionAttributeValues=values,
            )
        case 4:
            client.update_item(TableName=CORE, Key=key(), UpdateExpression="REMOVE sweep, ix")
        case 5:
            first, second = rng.sample(range(25), 2)
            client.batch_write_item(
                RequestItems={
                    CORE: [
                        {"PutRequest": {"Item": item() | {"pk": {"S": f"k{first}"}}}},
                        {"DeleteRequest": {"Key": {"pk": {"S": f"k{second}"}}}},
                    ]
                }
            )
        case _:
            with contextlib.suppress(client.exceptions.TransactionCanceledException):
                client.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": CORE, "Item": item() | {"pk": {"S": "k1"}}}},
                        {
                            "Delete": {
                                "TableName": CORE,
                                "Key": {"pk": {"S": "k2"}},
                                "ConditionExpression": "attribute_exists(pk)",
                            }
                        },
                    ]
                )


@pytest.mark.parametrize("seed", range(3))
def test_the_same_answers_after_any_writes(aws: Aws, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    client, rng = aws.client("dynamodb"), random.Random(seed)
    found = 0
    for number in range(120):
        change(client, rng, number)
        if number % 10:
            continue
        for index, attribute, value in [
            ("by_created", "ix", f"t{rng.randrange(3)}#é"),
            ("sweep", "sweep", f"sweep#{rng.randrange(2)}"),
            ("by_created", "ix", "none"),
        ]:
            query = {
                "TableName": CORE,
                "IndexName": index,
                "ExpressionAttributeValues": {":h": {"S": value}},
                "KeyConditionExpression": f"{attribute} = :h",
            }
            for extra in ({}, {"ScanIndexForward": False, "Limit": 2}):
                found += sum(page["Count"] for page in both(aws, monkeypatch, **query, **extra))
    assert found > 50


@pytest.mark.parametrize(
    ("condition", "expected"), [("t > :a", [3, 4]), ("t < :a", [0, 1]), ("t BETWEEN :a AND :b", [2, 3])]
)
def test_range_conditions_and_filters(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, condition: str, expected: list[int]
) -> None:
    client = aws.client("dynamodb")
    for number in range(5):
        for run in ("r1", "r2"):
            item = {
                "pk": {"S": f"{run}/{number}"},
                "run": {"S": run},
                "t": {"N": str(number)},
                "kind": {"S": "pure" if number % 2 else "effect"},
            }
            client.put_item(TableName=RUNS, Item=item)
    values = {":h": {"S": "r1"}, ":a": {"N": "2"}} | ({":b": {"N": "3"}} if ":b" in condition else {})
    query: dict[str, Any] = {
        "TableName": RUNS,
        "IndexName": "by_run",
        "KeyConditionExpression": f"run = :h AND {condition}",
    }
    (page,) = both(aws, monkeypatch, **query, ExpressionAttributeValues=values)
    assert [int(item["t"]["N"]) for item in page["Items"]] == expected
    (page,) = both(
        aws,
        monkeypatch,
        **query,
        FilterExpression="kind = :k",
        ExpressionAttributeValues=values | {":k": {"S": "pure"}},
    )
    assert [int(item["t"]["N"]) for item in page["Items"]] == [number for number in expected if number % 2]


def test_a_query_of_the_table_itself_is_left_to_moto(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.client("dynamodb").put_item(TableName=CORE, Item={"pk": {"S": "alone"}})
    (page,) = both(
        aws,
        monkeypatch,
        TableName=CORE,
        KeyConditionExpression="pk = :h",
        ExpressionAttributeValues={":h": {"S": "alone"}},
    )
    assert page["Items"] == [{"pk": {"S": "alone"}}]


def test_a_query_looks_at_its_partition_only(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    client, seen = aws.client("dynamodb"), []
    for number in range(40):
        client.put_item(
            TableName=RUNS, Item={"pk": {"S": f"s{number}"}, "run": {"S": f"run{number % 10}"}, "t": {"N": str(number)}}
        )
    original = Table.all_items

    def counted(self: Table) -> list[Any]:
        items = original(self)
        seen.append(len(items))
        return items

    monkeypatch.setattr(Table, "all_items", counted)
    page = client.query(
        TableName=RUNS,
        IndexName="by_run",
        KeyConditionExpression="run = :h",
        ExpressionAttributeValues={":h": {"S": "run3"}},
    )
    assert (page["Count"], seen) == (4, [4])
