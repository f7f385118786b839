"""What prompts used, on a whole stack: the template's index, its projection, deletions, other developers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.names import STACK
from local.stack import Stack
from silvercup.ids import uuid7
from silvercup.usage.spending import ATTRIBUTES
from tests.support.local import Runs
from tests.support.provider import FakeProvider, Reply
from tests.support.runs import Api, wait_until

PROMPT = {"prompt": "say it", "unwrap": True}


@pytest.fixture(scope="module")
def runs(api: Api, stack: Stack) -> Runs:
    return Runs(api, stack)


def used(http: httpx.Client, **asked: str) -> dict[str, Any]:
    """What was used from yesterday to tomorrow: a test may go over midnight."""
    today, day = datetime.now(UTC).date(), timedelta(1)
    answer = http.get("/usage", params={"start": str(today - day), "end": str(today + day), **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_prompts_are_counted_and_stay_so_when_all_else_is_deleted(
    api: Api, stack: Stack, runs: Runs, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stack.container.remover, "_linger", 0)
    before = used(api.http)["totals"]["calls"]
    model = "claude-opus-5-5"
    counts = {"input_tokens": 11, "output_tokens": 3}, {"input_tokens": 7, "output_tokens": 2}
    provider.script(Reply("one", usage=counts[0]), Reply("two", usage=counts[1]))
    agent = api.agent()
    settings = {"model": model, "max_tokens": 10}
    task = api.task(agent, {"main": [{**PROMPT, "settings": settings}, {"evaluate": {"x": "$ _"}}, PROMPT]})
    execution = api.call("POST", f"/tasks/{task}/executions", {"input": {}})["id"]
    shown = runs.until(execution, "succeeded")
    assert shown["output"] == "two"

    found = used(api.http, execution=execution)
    assert found["totals"] == {
        "calls": 2,
        "prompt_tokens": 18,
        "completion_tokens": 5,
        "total_tokens": 23,
        "own_key_calls": 0,
    }
    by_model = {row["model"]: (row["calls"], row["prompt_tokens"]) for row in found["items"]}
    assert by_model.pop(model) == (1, 11)
    assert list(by_model.values()) == [(1, 7)]
    assert used(api.http, agent=agent) == used(api.http, task=task) == found
    assert used(api.http)["totals"]["calls"] == before + 2

    assert api.http.delete(f"/agents/{agent}").status_code == 202
    wait_until(lambda: api.http.get(f"/executions/{execution}").status_code == 404, "the execution is gone")
    wait_until(lambda: not records(stack, execution), "its records are gone")
    assert used(api.http, execution=execution, agent=agent, task=task) == found
    assert used(api.http)["totals"]["calls"] == before + 2

    _, key = stack.container.keys.create(uuid7(), "another")
    with httpx.Client(base_url=api.http.base_url, headers={"authorization": f"Bearer {key}"}) as other:
        assert used(other)["items"] == []
        assert used(other, execution=execution)["totals"]["calls"] == 0


def records(stack: Stack, execution: str) -> list[str]:
    pages = stack.aws.client("dynamodb").get_paginator("scan").paginate(TableName=f"{STACK}-runs")
    return [item["pk"]["S"] for page in pages for item in page["Items"] if execution in item["pk"]["S"]]


@pytest.mark.parametrize("table", ["core", "runs"])
def test_the_index_holds_what_is_summed_and_no_more(stack: Stack, table: str):
    described = stack.aws.client("dynamodb").describe_table(TableName=f"{STACK}-{table}")["Table"]
    (index,) = [found for found in described["GlobalSecondaryIndexes"] if found["IndexName"] == "usage"]
    keys = [part["AttributeName"] for part in index["KeySchema"]]
    assert {*keys, *index["Projection"]["NonKeyAttributes"]} == set(ATTRIBUTES)
