"""What holds for every route: prefix, keys, errors, bodies, headers."""

from __future__ import annotations

import json
import logging

import pytest

from silvercup.errors import ConditionFailed, InternalError, TransientError
from silvercup.http.edge import MAX_BODY
from silvercup.ids import uuid7
from tests.unit.http.conftest import Api


@pytest.mark.parametrize("path", ["/healthz", "/api/healthz", "/api/healthz/", "/healthz/"])
def test_the_same_routes_are_under_api_and_at_the_root(api: Api, path: str):
    answer = api("GET", path, headers={"authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_missing_key_is_401_and_a_wrong_one_403(api: Api):
    for given in ("", "Bearer", "Bearer   ", "Basic Zm9vOmJhcg=="):
        answer = api("GET", "/agents", headers={"authorization": given})
        assert answer.status_code == 401, given
        assert answer.json()["error"]["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"
    well_formed = f"sc_{'0' * 32}_{'a' * 43}"
    for given in ("Bearer wrong", f"Bearer {well_formed}", "wrong", "bearer fixed-keyx"):
        answer = api("GET", "/agents", headers={"authorization": given})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), given
    for given in ("Bearer fixed-key", "bearer fixed-key", "fixed-key"):
        assert api("GET", "/agents", headers={"authorization": given}).status_code == 200, given


def test_an_unknown_route_and_method_are_told(api: Api):
    answer = api("GET", "/api/nothing")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "http_error")
    assert "GET /nothing" in answer.json()["error"]["message"]
    answer = api("DELETE", "/agents")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "http_405")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"name": "A",}', "line 1, column"),
        (b'{"name":\n "A"', "line 2"),
        (b"", "empty"),
        (b"\xff{}", "UTF-8"),
        (b'{"name": "A", "metadata": {"x": NaN}}', "NaN"),
        (b'{"name": "A", "metadata": {"x": 1e999}}', "too large"),
        (b'{"name": "A", "metadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, "100 levels"),
        (b'{"name": "A", "metadata": ' + b'{"a":' * 150 + b"1" + b"}" * 151, "100 levels"),
        (b'{"name": "A", "metadata": {"x": ' + b"9" * 5000 + b"}}", "digits"),
    ],
)
def test_a_body_that_is_not_json_is_400_and_says_where(api: Api, body: bytes, told: str):
    answer = api("POST", "/agents", content=body)
    assert answer.status_code == 400, answer.text
    assert told in answer.json()["error"]["message"]
    assert api.container.tables.items == {}


def test_odd_text_is_stored_as_text(api: Api):
    body = b'{"name": "lone \\ud800 null \\u0000 end", "metadata": {"\\u0000k": "\\ud83d\\ude00"}}'
    answer = api("POST", "/agents", content=body)
    assert answer.status_code == 201
    agent = answer.json()
    assert (agent["name"], agent["metadata"]) == ("lone ? null  end", {"k": "😀"})


def test_the_content_type_does_not_matter_for_json(api: Api):
    for content_type in ("application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"):
        answer = api("POST", "/agents", content=b'{"name": "A"}', headers={"content-type": content_type})
        assert answer.status_code == 201


def test_a_body_over_the_limit_is_413_and_names_it(api: Api):
    answer = api("POST", "/agents", content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert "6,000,000" in answer.json()["error"]["message"]
    fine = b'{"name": "A"}'
    assert api("POST", "/agents", content=fine + b" " * (MAX_BODY - len(fine))).status_code == 201


def test_head_options_and_cors(api: Api):
    head = api("HEAD", "/agents")
    assert (head.status_code, head.content) == (200, b"")
    assert api("HEAD", "/agents", headers={"authorization": ""}).status_code == 401
    options = api("OPTIONS", "/agents")
    assert options.status_code == 204
    assert "PATCH" in options.headers["allow"]
    asked = {
        "origin": "http://app.example",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization",
    }
    preflight = api("OPTIONS", "/agents/x", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    answer = api("GET", "/agents", headers={"origin": "http://app.example", "authorization": "Bearer wrong"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (403, "*")
    assert "x-silvercup-warnings" in answer.headers["access-control-expose-headers"].lower()


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str):
        raise self.error


def test_a_bug_is_500_in_the_same_shape_and_tells_no_data(api: Api, caplog: pytest.LogCaptureFixture):
    for error in (RuntimeError("secret-data"), InternalError("secret-data")):
        api.container.agents = Broken(error)  # pyright: ignore[reportAttributeAccessIssue]
        with caplog.at_level(logging.ERROR):
            answer = api("GET", "/agents", headers={"origin": "http://app.example"})
        assert answer.status_code == 500
        told = answer.json()["error"]
        assert told["code"] == "internal_error"
        assert told["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "secret-data" not in answer.text
        assert "secret-data" not in caplog.text
        assert told["request_id"] in caplog.text
        assert type(error).__name__ in caplog.text


def test_trouble_outside_asks_to_come_back(api: Api):
    api.container.agents = Broken(TransientError("dynamodb:get_item is throttled"))  # pyright: ignore[reportAttributeAccessIssue]
    answer = api("GET", "/agents")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    api.container.agents = Broken(ConditionFailed({"pk": "secret-data"}))  # pyright: ignore[reportAttributeAccessIssue]
    answer = api("GET", "/agents")
    assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "true")
    assert "secret-data" not in answer.text


def test_a_repeated_post_gives_the_first_answer(api: Api):
    def post(retry: str | None = None, key: str | None = None, name: str = "A"):
        headers = {"x-stainless-retry-count": retry, "idempotency-key": key}
        answer = api(
            "POST", "/agents", json={"name": name}, headers={k: v for k, v in headers.items() if v is not None}
        )
        return answer.json()["id"] if answer.status_code == 201 else answer.status_code

    first = post("0")
    assert post("1") == first
    assert post("2") == first
    second = post("0")
    assert second != first
    assert post("1") == second
    assert post("3", name="never came before") not in {first, second}
    keyed = post(key="k1")
    assert keyed not in {first, second}
    assert post("1", key="k1") == keyed
    assert post(key="k1") == keyed
    assert post(key="k2") != keyed
    assert post(key="k1", name="another body") == 409
    assert post(key="") == 400
    assert len(api("GET", "/agents?limit=1000").json()["items"]) == 5


def test_the_openapi_document_describes_every_route(api: Api):
    document = api("GET", "/api/openapi.json", headers={"authorization": ""}).json()
    assert document["info"]["title"] == "Silvercup"
    assert document["servers"] == [{"url": "/api"}]
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for reference in set(text.split('"#/components/schemas/')[1:]):
        assert reference.split('"')[0] in schemas
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in {"post", "put", "patch"}:
                assert operation.get("requestBody", {}).get("content") or path.endswith("/complete"), (method, path)
            open_to_all = (path, method) in {("/healthz", "get"), ("/executions", "post"), ("/openapi.json", "get")}
            assert ("security" in operation) != open_to_all, (method, path)
    assert "application/x-yaml" in document["paths"]["/agents/{agent_id}/tasks"]["post"]["requestBody"]["content"]
    assert document["components"]["schemas"]["AgentWrite"]["required"] == ["name"]


def test_every_tenant_has_its_own_repeats(api: Api):
    _, key = api.container.keys.create(uuid7(), "other")
    mine = api("POST", "/agents", json={"name": "A"}, headers={"idempotency-key": "k"}).json()
    theirs = api("POST", "/agents", json={"name": "A"}, headers={"idempotency-key": "k", "authorization": key}).json()
    assert mine["id"] != theirs["id"]
