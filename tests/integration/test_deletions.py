"""Deletes on a whole stack: through the queue, in small slices, until nothing of the agent is left."""

from __future__ import annotations

from typing import Any

import pytest

from local.names import STACK
from local.stack import Stack
from tests.support.local import Runs
from tests.support.runs import Api, wait_until

WAIT = {"wait_for_input": {"info": {}}}


@pytest.fixture(scope="module")
def runs(api: Api, stack: Stack) -> Runs:
    return Runs(api, stack)


def left(stack: Stack) -> set[str]:
    """Keys of everything that is stored, but of what repeated POSTs leave to expire."""
    dynamodb = stack.aws.client("dynamodb")
    found: set[str] = set()
    for table in ("core", "runs"):
        pages = dynamodb.get_paginator("scan").paginate(TableName=f"{STACK}-{table}")
        found |= {item["pk"]["S"] for page in pages for item in page["Items"] if item.get("kind") != {"S": "once"}}
    pages = stack.aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=f"{STACK}-data")
    return found | {body["Key"] for page in pages for body in page.get("Contents", [])}


def status(api: Api, path: str) -> int:
    return api.http.get(path).status_code


def test_an_agent_takes_everything_with_it(api: Api, stack: Stack, runs: Runs, monkeypatch: pytest.MonkeyPatch):
    before = left(stack)
    monkeypatch.setattr(stack.container.remover, "_size", 3)
    monkeypatch.setattr(stack.container.remover, "_linger", 0)
    agent = api.agent()
    tool = {"name": "look", "type": "function", "function": {"parameters": {}}}
    api.call("POST", f"/agents/{agent}/tools", tool)
    main = [{"evaluate": {"x": "$ _.text"}}, {"tool": "look", "arguments": {"q": "$ _.x[:2]"}}]
    task = api.task(agent, {"main": main, "inherit_tools": True, "canonical_name": "goes"})
    api.call("PATCH", f"/agents/{agent}/tasks/{task}", {"description": "the second"})
    quick = api.task(agent, {"main": [{"evaluate": {"x": "$ 1"}}]})
    started: list[str] = []
    for name in (task, task, quick, quick, quick):
        body = {"input": {"text": "x" * 100_000}}
        started.append(api.call("POST", f"/tasks/{name}/executions", body)["id"])
    runs.until(started[0], "awaiting_input")
    runs.until(started[4], "succeeded")

    assert api.http.delete(f"/agents/{agent}").status_code == 202
    assert status(api, f"/agents/{agent}") == 404
    assert api.http.delete(f"/agents/{agent}").status_code == 404
    wait_until(lambda: left(stack) == before, f"nothing is left: {left(stack) - before}")
    for path in (f"/tasks/{task}", f"/executions/{started[0]}", f"/executions/{started[4]}/transitions"):
        assert status(api, path) == 404


def test_a_task_and_an_execution_are_gone_at_once(api: Api, runs: Runs):
    agent = api.agent()
    task = api.task(agent, {"main": [WAIT]})
    first, second = (api.call("POST", f"/tasks/{task}/executions", {"input": {}})["id"] for _ in range(2))
    runs.until(first, "awaiting_input")
    runs.until(second, "awaiting_input")
    answer: dict[str, Any] = api.http.delete(f"/executions/{first}").json()
    assert (answer["id"], answer["jobs"]) == (first, [])
    for path in (f"/executions/{first}", f"/executions/{first}/transitions", f"/jobs/{first}"):
        assert status(api, path) == 404
    assert api.http.delete(f"/executions/{first}").status_code == 404
    assert [one["id"] for one in api.call("GET", f"/tasks/{task}/executions")["items"]] == [second]

    assert api.http.delete(f"/agents/{agent}/tasks/{task}").status_code == 202
    for path in (f"/tasks/{task}", f"/tasks/{task}/executions", f"/tasks/{task}/versions"):
        assert status(api, path) == 404
    assert api.http.post(f"/tasks/{task}/executions", json={"input": {}}).status_code == 404
    assert api.call("GET", f"/agents/{agent}/tasks")["items"] == []
    wait_until(lambda: status(api, f"/executions/{second}") == 404, "the other execution is gone")


def test_a_session_goes_with_its_links_and_outlives_its_agent(api: Api, stack: Stack, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stack.container.remover, "_size", 2)
    monkeypatch.setattr(stack.container.remover, "_linger", 0)
    agent, other = api.agent(), api.agent()
    users = [api.call("POST", "/users", {"name": "U"})["id"] for _ in range(3)]
    gone = api.call("POST", "/sessions", {"agents": [agent, other], "users": users})["id"]
    kept = api.call("POST", "/sessions", {"agents": [agent, other], "users": users})["id"]
    stack.container.blobs.put(f"{stack.container.keys.tenant_of('any')}/sessions/{gone}/0", b"x")

    assert api.http.delete(f"/sessions/{gone}").status_code == 202
    assert status(api, f"/sessions/{gone}") == 404
    assert [one["id"] for one in api.call("GET", f"/sessions?agent={agent}&user={users[0]}")["items"]] == [kept]
    wait_until(lambda: not [name for name in left(stack) if gone in name], "nothing is left of the session")

    assert api.http.delete(f"/agents/{agent}").status_code == 202
    wait_until(lambda: not [name for name in left(stack) if agent in name], "nothing is left of the agent")
    assert api.call("GET", f"/sessions/{kept}")["agents"] == [agent, other]
    assert status(api, f"/sessions?agent={agent}") == 404
    assert [one["id"] for one in api.call("GET", f"/sessions?agent={other}")["items"]] == [kept]
