"""The routes of secrets: nothing of a body in an answer, whatever is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.secrets import found_in
from tests.unit.http.conftest import Api

VALUE = "planted-value/1"
NOBODY = "00000000-0000-7000-8000-000000000000"


def agent(api: Api) -> str:
    return str(api("POST", "/agents", json={"name": "a"}).json()["id"])


@pytest.mark.parametrize("of_agent", [False, True])
def test_a_secret_goes_round(api: Api, *, of_agent: bool):
    path = f"/agents/{agent(api)}/secrets" if of_agent else "/secrets"
    made = api("POST", path, json={"name": "A", "value": VALUE, "description": "d"})
    assert made.status_code == 201
    secret = made.json()
    assert (secret["name"], secret["value"], secret["description"], secret["metadata"]) == ("A", "ENCRYPTED", "d", {})
    one = f"{path}/{secret['id']}"
    assert api("GET", one).json() == secret
    listed = api("GET", path).json()
    assert listed == ({"items": [secret]} if of_agent else [secret])
    put = api("PUT", one, json={"value": "planted-value/2", "name": None, "metadata": {"a": 1}})
    assert put.status_code == 200
    assert (put.json()["name"], put.json()["description"]) == ("A", "d")
    patched = api("PATCH", one, json={"metadata": {"b": 2}, "description": "e"}).json()
    assert (patched["metadata"], patched["description"]) == ({"a": 1, "b": 2}, "e")
    assert api("POST", path, json={"name": "A", "value": "x"}).status_code == 409
    assert api("DELETE", one).status_code == 202
    for method in ("GET", "PUT", "DELETE"):
        assert api(method, one, json={}).status_code == 404


def test_lists_page_by_offset(api: Api):
    for name in ("A", "B", "C"):
        api("POST", "/secrets", json={"name": name, "value": VALUE, "metadata": {"name": name}})
    assert [one["name"] for one in api("GET", "/secrets?limit=2").json()] == ["C", "B"]
    assert [one["name"] for one in api("GET", "/secrets?limit=2&offset=2").json()] == ["A"]
    assert api("GET", "/secrets?offset=3").json() == []
    assert [one["name"] for one in api("GET", "/secrets?metadata_filter.name=B").json()] == ["B"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "1A", "value": VALUE}, 422),
        ({"name": VALUE, "value": VALUE}, 422),
        ({"value": VALUE}, 422),
        ({"name": "A"}, 422),
        ({"name": "A", "value": [VALUE]}, 422),
        ({"name": "A", "value": {VALUE: VALUE}}, 422),
        ({"name": "A", "value": ""}, 422),
        ({"name": "A", "value": VALUE, "metadata": VALUE}, 422),
        ({"name": "A", "value": VALUE * 400}, 413),
        ({"name": "A", "value": "x", "vaule": VALUE}, 422),
        ([VALUE], 422),
        (VALUE, 422),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_what_is_wrong_is_said_without_what_was_sent(api: Api, method: str, body: Any, status: int):
    path = "/secrets"
    if method != "POST":
        path = f"/secrets/{api('POST', '/secrets', json={'name': 'B', 'value': 'b'}).json()['id']}"
        if body in ({"value": VALUE}, {"name": "A"}):
            assert api(method, path, json=body).status_code == 200
            return
    found = api(method, f"{path}?strict=true", json=body)
    assert found.status_code == status, found.text
    assert not found_in(found.text + repr(found.headers), [VALUE])


def test_a_body_that_is_no_json_is_not_shown(api: Api):
    for text in (f'{{"name": "A", "value": "{VALUE}"', f"{VALUE}"):
        found = api("POST", "/secrets", content=text.encode())
        assert found.status_code == 400
        assert not found_in(found.text, [VALUE])


def test_unknown_keys_are_told_by_their_names_alone(api: Api):
    found = api("POST", "/secrets", json={"name": "A", "value": VALUE, "more": VALUE})
    assert found.status_code == 201
    assert "more" in found.headers["x-silvercup-warnings"]
    assert not found_in(repr(found.headers) + found.text, [VALUE])


def test_a_repeated_post_makes_one_and_leaves_no_hash_behind(api: Api):
    body = {"name": "A", "value": VALUE}
    first = api("POST", "/secrets", json=body, headers={"idempotency-key": "k"})
    assert api("POST", "/secrets", json=body, headers={"idempotency-key": "k"}).json() == first.json()
    other = api("POST", "/secrets", json={**body, "value": "planted-value/2"}, headers={"idempotency-key": "k"})
    assert other.status_code == 409
    assert api("POST", "/secrets", json=body, headers={"x-stainless-retry-count": "1"}).json() == first.json()
    assert api("POST", "/secrets", json=body).status_code == 409
    claims = [item for item in api.container.tables.items.values() if item.get("kind") == "once"]
    assert len(claims) == 1
    guess = api("POST", "/users", json=body, headers={"idempotency-key": "guess"})
    assert guess.status_code == 201
    hashes = [item["body"] for item in api.container.tables.items.values() if item.get("kind") == "once"]
    assert len(set(hashes)) == 2, "the hash of a guessed body is not the one that the secret left"
    assert not found_in(json.dumps([repr(item) for item in api.container.tables.items.values()]), [VALUE])


@pytest.mark.parametrize("path", [f"/secrets/{NOBODY}", "/secrets/A", f"/agents/{NOBODY}/secrets"])
def test_what_is_not_there_is_404(api: Api, path: str):
    assert api("GET", path).status_code == 404
