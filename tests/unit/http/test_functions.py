"""The Lambda entry points: an event of API Gateway in, its answer out."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from fastapi import FastAPI

from silvercup import container as wiring
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
