"""The Lambda entry points: an event of API Gateway in, its answer out."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

import anyio
import httpx
import pytest
from fastapi import FastAPI

from silvercup import container as wiring
from silvercup.ids import uuid7
from silvercup.paging import Listed
from tests.unit.http.fakes import FakeContainer


@pytest.fixture
def fakes() -> Iterator[FakeContainer]:
    fake = FakeContainer()
    wiring.install(fake)  # pyright: ignore[reportArgumentType]
    yield fake
    wiring.install(None)


def event(method: str, path: str, body: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Authorization": "Bearer fixed-key", "Host": "id.execute-api.us-east-1.amazonaws.com"},
        "multiValueHeaders": {
            "Authorization": ["Bearer fixed-key"],
            "Host": ["id.execute-api.us-east-1.amazonaws.com"],
        },
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"requestId": "11111111-aaaa", "stage": "api", "path": f"/api{path}"},
        "body": body,
        "isBase64Encoded": False,
        **more,
    }


def test_a_rest_api_event_is_answered(fakes: FakeContainer):
    from functions.api.handler import handler

    made = handler(event("POST", "/agents", json.dumps({"name": "Ä"})), None)
    assert made["statusCode"] == 201
    agent = json.loads(made["body"])
    assert agent["name"] == "Ä"
    assert made["headers"]["x-request-id"] == "11111111-aaaa"
    got = handler(event("GET", f"/agents/{agent['id']}"), None)
    assert json.loads(got["body"]) == agent
    listed = handler(event("GET", "/agents", multiValueQueryStringParameters={"metadata_filter.a": ["1"]}), None)
    assert json.loads(listed["body"]) == {"items": []}


def test_a_yaml_body_may_come_as_base64(fakes: FakeContainer):
    from functions.api.handler import handler

    body = base64.b64encode(b"name: T\nmain: []\n").decode()
    sent = event("POST", f"/agents/{'0' * 8}-0000-7000-8000-{'0' * 12}/tasks", body, isBase64Encoded=True)
    sent["multiValueHeaders"]["Content-Type"] = ["application/yaml"]
    assert handler(sent, None)["statusCode"] == 201
    assert fakes.tasks.sources[0].value == {"name": "T", "main": []}


def test_a_stage_in_the_path_is_passed_over(fakes: FakeContainer):
    from functions.api.handler import handler

    assert json.loads(handler(event("GET", "/api/healthz"), None)["body"]) == {"status": "ok"}


def test_the_stream_function_serves_the_same_routes(fakes: FakeContainer):
    from functions.api.handler import _mangum
    from functions.stream.app import app

    assert app.openapi()["paths"] == cast("FastAPI", _mangum.app).openapi()["paths"]


def test_an_answer_that_lambda_would_not_hand_on_says_what_to_do(fakes: FakeContainer, monkeypatch: pytest.MonkeyPatch):
    from functions.api.handler import MAX_ANSWER, handler

    def agents(size: int, text: str = "x") -> None:
        monkeypatch.setattr(fakes.agents, "list", lambda *_, **__: Listed([{"about": text * size}], None))

    agents(5_900_000)
    assert handler(event("GET", "/agents"), None)["statusCode"] == 200
    agents(1_900_000, "€")
    assert handler(event("GET", "/agents"), None)["statusCode"] == 200
    for size, text in ((6_100_000, "x"), (3_100_000, '"'), (2_100_000, "€")):
        agents(size, text)
        answer = handler(event("GET", "/agents"), None)
        assert len(json.dumps(answer)) < 2000 < MAX_ANSWER
        assert answer["statusCode"] == 413
        error = json.loads(answer["body"])["error"]
        assert error["code"] == "too_large"
        assert "ask for fewer items with limit" in error["message"]
        for name in ("headers", "multiValueHeaders"):
            assert {str(len(answer["body"])), "application/json"} <= set(str(answer[name].values()).split("'")[1::2])
    monkeypatch.setattr(fakes.agents, "get", lambda *_: {"about": "x" * 7_000_000})
    monkeypatch.setattr(fakes.agents, "create", lambda *_, **__: {"about": "x" * 7_000_000})
    answer = handler(event("POST", "/agents", json.dumps({"name": "A"})), None)
    assert answer["statusCode"] == 413
    assert "was carried out" in json.loads(answer["body"])["error"]["message"]


def test_the_stream_function_sends_what_is_over_6_mb(fakes: FakeContainer, monkeypatch: pytest.MonkeyPatch):
    from functions.stream.app import app

    monkeypatch.setattr(fakes.executions, "get", lambda *_: {"output": "x" * 9_000_000})

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(f"/executions/{uuid7()}", headers={"Authorization": "Bearer fixed-key"})

    answer = anyio.run(get)
    assert answer.status_code == 200
    assert len(answer.json()["output"]) == 9_000_000
