"""The routes of docs, down to items in tables and chunks in an index."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from silvercup.http.answers import WARNINGS_HEADER
from silvercup.ids import uuid7
from tests.support.docs import LetterEmbedder
from tests.unit.http.conftest import Api


@pytest.fixture(params=["agents", "users"])
def at(request: pytest.FixtureRequest, api: Api) -> str:
    owner = api("POST", f"/{request.param}", json={"name": "Ada"}).json()
    return f"/{request.param}/{owner['id']}"


def make(api: Api, at: str, content: Any = "A text.", **fields: Any) -> dict[str, Any]:
    answer = api("POST", f"{at}/docs", json={"title": "T", "content": content, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def warnings(answer: Any) -> list[dict[str, str]]:
    return json.loads(answer.headers.get(WARNINGS_HEADER, "[]"))


def test_a_doc_goes_through_its_life(api: Api, at: str):
    doc = make(api, at, metadata={"a": 1})
    assert (doc["content"], doc["embeddings"], doc["embedding_status"]) == (["A text."], None, "pending")
    assert api("GET", f"/jobs/{doc['jobs'][0]}").json()["state"] == "pending"
    api.container.index_docs()
    got = api("GET", f"/docs/{doc['id']}").json()
    assert (got["embedding_status"], len(got["embeddings"][0])) == ("ready", 26)
    assert api("GET", f"/docs/{doc['id']}?include_embeddings=false").json()["embeddings"] is None
    assert api("GET", f"/jobs/{doc['id']}").json()["state"] == "succeeded"
    patched = api("PATCH", f"/docs/{doc['id']}", json={"metadata": {"b": 2}}).json()
    assert (patched["metadata"], patched["version"]) == ({"a": 1, "b": 2}, 2)
    put = api("PUT", f"/docs/{doc['id']}", json={"title": "New", "content": ["x", "y"]}).json()
    assert (put["title"], put["content"], put["metadata"]) == ("New", ["x", "y"], {})
    assert [one["id"] for one in api("GET", f"{at}/docs").json()["items"]] == [doc["id"]]
    gone = api("DELETE", f"{at}/docs/{doc['id']}")
    assert (gone.status_code, gone.json()["id"]) == (202, doc["id"])
    assert api("DELETE", f"{at}/docs/{doc['id']}").status_code == 404
    assert api("DELETE", f"/docs/{doc['id']}").status_code == 404
    assert api("GET", f"/docs/{doc['id']}").status_code == 404
    assert api("GET", f"/jobs/{doc['id']}").status_code == 404


def test_lists_show_embeddings_unless_told_otherwise(api: Api, at: str):
    make(api, at, metadata={"kind": "a"})
    make(api, at, "Another.", metadata={"kind": "b"})
    api.container.index_docs()
    assert all(doc["embeddings"] for doc in api("GET", f"{at}/docs").json()["items"])
    found = api("GET", f"{at}/docs?include_embeddings=false&metadata_filter.kind=b").json()["items"]
    assert [(doc["content"], doc["embeddings"]) for doc in found] == [(["Another."], None)]


def test_a_doc_of_nobody_is_409_as_in_v1(api: Api):
    answer = api("POST", f"/users/{uuid7()}/docs", json={"title": "T", "content": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert api("GET", f"/users/{uuid7()}/docs").status_code == 404
    assert api("POST", f"/users/{uuid7()}/search", json={"text": "x"}).status_code == 404


def test_the_same_doc_twice_is_409_and_a_repeated_post_is_not(api: Api, at: str):
    body = {"title": "T", "content": "x"}
    first = api("POST", f"{at}/docs", json=body, headers={"idempotency-key": "k"})
    assert api("POST", f"{at}/docs", json=body, headers={"idempotency-key": "k"}).json() == first.json()
    assert api("POST", f"{at}/docs", json=body).status_code == 409


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"title": "T"}, "content"),
        ({"content": "x"}, "title"),
        ({"title": "T", "content": ""}, "content"),
        ({"title": "T", "content": []}, "content"),
        ({"title": "T", "content": [1]}, "content"),
        ({"title": "T", "content": ["x", "y" * 30_001]}, "content[1]"),
        ({"title": "x" * 801, "content": "x"}, "title"),
        ({"title": "T", "content": "x", "metadata": []}, "metadata"),
        ({"title": "T", "content": "x", "language": "not a language"}, "language"),
        ({"title": "T", "content": "x", "chunking": {"max_chars": 1}}, "chunking.max_chars"),
    ],
)
def test_a_wrong_doc_is_422_and_says_where(api: Api, at: str, body: dict[str, Any], loc: str):
    answer = api("POST", f"{at}/docs", json=body)
    assert answer.status_code == 422, answer.text
    assert any(detail["loc"].startswith(loc) for detail in answer.json()["error"]["details"])


def test_what_is_not_known_is_told(api: Api, at: str):
    answer = api("POST", f"{at}/docs", json={"title": "T", "content": "x", "contents": 1, "language": "tlh"})
    assert [warning["loc"] for warning in warnings(answer)] == ["contents", "language"]
    assert api("POST", f"{at}/docs?strict=true", json={"title": "T", "content": "x", "contents": 1}).status_code == 422
    search = api("POST", f"{at}/search", json={"text": "x", "lang": "tlh"})
    assert "as they are written" in warnings(search)[0]["msg"]


def test_bulk_deletes(api: Api, at: str):
    ids = [make(api, at, f"text {i}", metadata={"n": i})["id"] for i in range(4)]
    assert api("DELETE", f"{at}/docs", json={}).json() == {"items": []}
    some = api("DELETE", f"{at}/docs", json={"metadata_filter": {"n": 2}, "delete_all": False})
    assert (some.status_code, [one["id"] for one in some.json()["items"]]) == (202, [ids[2]])
    rest = api("DELETE", f"{at}/docs", json={"metadata_filter": {}, "delete_all": True}).json()["items"]
    assert sorted(one["id"] for one in rest) == sorted({*ids} - {ids[2]})
    assert api("GET", f"{at}/docs").json()["items"] == []


def test_searches(api: Api, at: str):
    doc = make(api, at, ["the cat", "the dog"], metadata={"a": {"b": 1}})
    api.container.index_docs()
    (found,) = api("POST", f"{at}/search", json={"text": "dog"}).json()["docs"]
    assert (found["id"], found["snippet"]["index"], found["snippet"]["content"]) == (doc["id"], 1, "the dog")
    assert found["owner"] == {"id": at.split("/")[2], "role": at.split("/")[1][:-1]}
    vector = api("POST", "/embed", json={"text": "Title: T\n\nthe cat"}).json()["vectors"][0]
    for body in ({"vector": vector}, {"vector": vector, "text": "cat"}, {"text": "the cat", "mode": "hybrid"}):
        answer = api("POST", f"{at}/search", json={**body, "metadata_filter": {"a": {"b": 1}}, "confidence": -1}).json()
        assert answer["docs"][0]["snippet"]["content"] == "the cat"
        assert answer["time"] > 0
        assert not api("POST", f"{at}/search", json={**body, "metadata_filter": {"a": {"b": "1"}}}).json()["docs"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"text": "x", "limit": 0}, 422),
        ({"text": "x", "limit": 51}, 422),
        ({"vector": []}, 422),
        ({"vector": ["x"]}, 422),
        ({"vector": [0.5] * 1024}, 422),
        ({"vector": [0.0] * 26}, 422),
        ({"vector": [1.0] * 26, "confidence": 2}, 422),
        ({"vector": [1.0] * 26, "mmr_strength": 1}, 422),
        ({"text": "x", "lang": "??"}, 422),
        ({"text": "x", "metadata_filter": "a"}, 422),
        ({"text": "x", "metadata_filter": {str(i): i for i in range(200)}}, 400),
        ({"text": "x", "mode": "magic"}, 422),
        ({"text": 'a" OR -b*) ^2 \\ {} [x TO y]'}, 200),
        ({"text": "x" * 100_000}, 200),
        ({"text": "\u0000 🦆 ﬁne"}, 200),
        ({"text": "", "vector": [1.0] * 26}, 200),
        ({"text": "x", "metadata_filter": {"": None, "a": [], "b": {"c": [1.5, None, True]}}}, 200),
        ({"vector": [1e300] * 26}, 200),
        ({"vector": [1e-300] * 26}, 200),
    ],
)
def test_odd_searches_are_answered_or_refused_clearly(api: Api, at: str, body: dict[str, Any], status: int):
    make(api, at, metadata={"a": 1})
    api.container.index_docs()
    answer = api("POST", f"{at}/search", json=body)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["error"]["message"]


def test_embed_takes_one_text_or_many(api: Api):
    embedder = api.container.embedder = LetterEmbedder()
    assert len(api("POST", "/embed", json={"text": "a"}).json()["vectors"]) == 1
    assert len(api("POST", "/embed", json={"text": ["a", "b"], "embed_instruction": "Say: "}).json()["vectors"]) == 2
    assert embedder.asked == [["a"], ["Say: a", "Say: b"]]
    for body in ({"text": []}, {"text": ["a"] * 101}, {}, {"text": 1}):
        assert api("POST", "/embed", json=body).status_code == 422
    embedder.down = True
    assert api("POST", "/embed", json={"text": "a"}).status_code == 502


def test_a_file_becomes_a_doc(api: Api, at: str):
    content = base64.b64encode(b"# Cats\n\nThey purr.\n\n# Dogs\n\nThey bark.").decode()
    body = {"name": "pets.md", "content": content, "metadata": {"from": "file"}}
    answer = api("POST", f"{at}/docs/file", json=body)
    assert answer.status_code == 201, answer.text
    doc = answer.json()
    assert "They purr." in doc["content"][0]
    assert doc["metadata"] == {"from": "file"}
    assert api("POST", f"{at}/docs/file", json={**body, "content": "no base64!"}).status_code == 422
    binary = base64.b64encode(bytes(range(256))).decode()
    refused = api("POST", f"{at}/docs/file", json={"name": "x.bin", "content": binary})
    assert refused.status_code == 400
    assert "PDF" in refused.json()["error"]["message"]


def test_another_developers_owner_and_doc_are_not_there(api: Api, at: str):
    doc = make(api, at)
    _, key = api.container.keys.create(uuid7(), "theirs")
    theirs = {"authorization": f"Bearer {key}"}
    assert api("POST", f"{at}/docs", json={"title": "T", "content": "x"}, headers=theirs).status_code == 409
    for method, path, body in (
        ("GET", f"{at}/docs", None),
        ("POST", f"{at}/search", {"text": "text"}),
        ("DELETE", f"{at}/docs", {"delete_all": True}),
        ("DELETE", f"{at}/docs/{doc['id']}", None),
        ("GET", f"/docs/{doc['id']}", None),
        ("PATCH", f"/docs/{doc['id']}", {"title": "Mine"}),
        ("PUT", f"/docs/{doc['id']}", {"title": "Mine", "content": "x"}),
        ("DELETE", f"/docs/{doc['id']}", None),
        ("GET", f"/jobs/{doc['id']}", None),
    ):
        assert api(method, path, json=body, headers=theirs).status_code == 404, path
    assert api("GET", f"/docs/{doc['id']}").json()["title"] == "T"
