"""What callers get wrong, on every route: always a 4xx that says where, never a 5xx, and nothing is left half written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from local.stack import Stack
from silvercup.ids import uuid7
from tests.support.operations import AGENT, TASK, Operation, operations, whole
from tests.support.runs import wait_until

CHECK = "/tasks/check"
"""It answers 200 and lists what is wrong."""
OPERATIONS = [one for one in operations() if ".stream" not in one.path and one.path != CHECK]
WITH_BODY = [one for one in OPERATIONS if one.body]
WITH_ID = [one for one in operations() if one.places]
LISTS = [one for one in OPERATIONS if "limit" in one.parameters]
NAMED = [one for one in WITH_BODY if "canonical_name" in one.properties() and one.method == "POST" and not one.places]
ONCE = [one for one in OPERATIONS if "Idempotency-Key" in one.parameters]

BROKEN = {
    "nothing": b"",
    "cut off": b'{"name": "A"',
    "a list": b"[]",
    "a text": b'"text"',
    "null": b"null",
    "a number": b"5",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "NaN": b'{"name": "A", "metadata": {"x": NaN}, "input": {"x": NaN}, "main": [NaN]}',
    "infinite": b'{"name": "A", "metadata": {"x": 1e999}, "input": {"x": 1e999}, "main": [1e999]}',
    "5000 digits": b'{"name": "A", "metadata": {"x": 1' + b"0" * 5000 + b"}}",
    "deep lists": b'{"name": "A", "input": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep objects": b'{"name": "A", "metadata": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    "150 levels": b'{"name": "A", "input": {}, "metadata": ' + b'{"a":' * 150 + b"1" + b"}" * 151,
}
BROKEN_YAML = {
    "nothing": b"",
    "a tab": b"name: A\n\tmain: []",
    "a text": b"text",
    "deep lists": b"name: A\nmain: " + b"[" * 10_000 + b"]" * 10_000,
    "a bomb": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(8)),
    "an object": b"name: !!python/object/apply:os.system ['true']\nmain: []",
    "itself": b"name: A\nmain: &m [*m]",
    "null characters": b"name: A\0B\nmain: []",
    "no anchor": b"name: *nowhere\nmain: []",
}
ODD = {
    "lone surrogates": "\ud800 \udfff",
    "null characters": "a\0b",
    "right to left": "\u202e\u05d0\u0628 abc",
    "emoji": "👩‍👩‍👧‍👦",
    "not characters": "\ufffe\uffff\U0010ffff",
    "spaces": "\u00a0\u2028\u2029\u3000",
    "markup": "<script>${x} {{x}} {% x %} %s %n ../../etc",
    "20,000": "é" * 20_000,
}
UNKNOWN = ("nonsense", "0" * 400, "..%2F..", "%00", "%F0%9F%98%80", "%ED%A0%80", "%FF", "0", "null", "a%23b", "%20")
WRONG = (5, -1.5, True, "text", "", [], [1], {}, {"a": 1}, None, "x" * 300, "1 2")
HUGE = "x" * 60_000
_OF_DOCS = ("pk", "version", "body", "metadata")


@dataclass
class World:
    """A stack, two tenants, and things of the first one.

    Attributes:
        http: With the first tenant's key.
        stack: Theirs.
        ids: By kind, as in paths.
    """

    http: httpx.Client
    stack: Stack
    ids: dict[str, str]

    def make(self, path: str, body: Any) -> str:
        answer = self.http.post(path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        made = answer.json()
        return (made if "id" in made else made["entries"][0])["id"]

    def written(self) -> dict[str, Any]:
        """Everything in the tables but what makes POSTs repeatable, when keys were last used, and what the indexer does."""
        pages = self.stack.aws.client("dynamodb").get_paginator("scan")
        settings = self.stack.container.settings
        found = pages.paginate(TableName=settings.core_table)
        items = {item["pk"]["S"]: item for page in found for item in page["Items"]}
        for page in pages.paginate(TableName=settings.docs_table):
            docs = [item for item in page["Items"] if "body" in item]
            items |= {item["pk"]["S"]: {name: item[name] for name in _OF_DOCS} for item in docs}
        return {key: item for key, item in items.items() if "#once#" not in key and "#key#" not in key}

    def other(self) -> str:
        """The ``Authorization`` of another tenant, a new one each time."""
        return f"Bearer {self.stack.container.keys.create(uuid7(), 'other')[1]}"


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    with httpx.Client(base_url=f"{stack.url}/api", headers={"authorization": "Bearer any"}, timeout=60) as http:
        made = World(http, stack, {"versions": "1"})
        agent = made.ids["agents"] = made.make(f"/agents/{AGENT}", {"name": "A"})
        task = made.ids["tasks"] = made.make(f"/agents/{agent}/tasks", TASK)
        execution = made.ids["executions"] = made.make(f"/tasks/{task}/executions", {"input": {}})
        made.ids["jobs"] = execution
        wait_until(lambda: bool(http.get(f"/executions/{execution}").json()["waits"]), "the wait")
        made.ids["transitions"] = http.get(f"/executions/{execution}/transitions").json()["items"][0]["id"]
        for one in OPERATIONS:
            kind = one.path.rpartition("/")[2]
            if one in ONCE and kind not in made.ids:
                made.ids[kind] = made.make(one.at(made.ids), one.good())
        yield made


def without_owner(one: Operation) -> int:
    """The status of a request for something whose agent or user is not there: for new docs v1's."""
    return 409 if one.method == "POST" and "/docs" in one.path else 404


def refused(answer: httpx.Response, where: object) -> str:
    """Check that an answer is a 4xx in the API's shape; its error as text."""
    assert 400 <= answer.status_code < 500, f"{where}: {answer.status_code} {answer.text[:500]}"
    error = answer.json()["error"]
    assert error["message"], where
    assert error["code"], where
    assert len(answer.content) < 20_000, where
    assert answer.headers["x-request-id"], where
    return json.dumps(error)


def raw(world: World, one: Operation, content: bytes, media: str = "application/json", **headers: str):
    headers = {"content-type": media, **headers}
    return world.http.request(one.method, one.at(world.ids), content=content, headers=headers)


def named(one: Operation, what: str) -> dict[str, Any]:
    """A right body that no other request has."""
    unlike = {"name": f"{what}_{uuid7().replace('-', '')}"} if "name" in one.good() else {"metadata": {what: uuid7()}}
    return {**one.good(), **unlike}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("one", WITH_BODY, ids=str)
def test_broken_bodies(world: World, one: Operation):
    before = world.written()
    for name, body in BROKEN.items():
        assert not refused(raw(world, one, body), name).isspace()
    if one.takes_yaml:
        for name, body in BROKEN_YAML.items():
            refused(raw(world, one, body, "application/yaml"), name)
    assert world.written() == before


@pytest.mark.parametrize("one", WITH_BODY, ids=str)
def test_a_body_of_10_mb(world: World, one: Operation):
    before = world.written()
    answer = raw(world, one, encoded({**one.good(), "metadata": {"x": "y" * 10_000_000}}))
    assert answer.status_code == 413
    assert "6,000,000" in refused(answer, one)
    assert world.written() == before


@pytest.mark.parametrize("one", [one for one in WITH_BODY if not one.takes_yaml], ids=str)
def test_wrong_types_name_the_field(world: World, one: Operation):
    before = world.written()
    for key, schema in one.properties().items():
        check = Draft202012Validator(whole(schema))
        for value in WRONG:
            if check.is_valid(value):
                continue
            told = refused(raw(world, one, encoded({**one.good(), key: value})), f"{key}={value!r}")
            assert key in told, f"{key}={value!r}: {told}"
    assert world.written() == before


@pytest.mark.parametrize("one", [one for one in WITH_BODY if one.takes_yaml], ids=str)
def test_wrong_types_in_a_task_name_the_field(world: World, one: Operation):
    before = world.written()
    for key in ("name", "main", "description", "input_schema", "tools", "metadata", "canonical_name", "inherit_tools"):
        for value in (5, [[5]], {"a": [5]}, "§ 1"):
            if key in {"metadata", "input_schema"} and isinstance(value, dict):
                continue
            if key in {"name", "description"} and isinstance(value, str):
                continue
            told = refused(raw(world, one, encoded({**TASK, key: value})), f"{key}={value!r}")
            assert key in told, f"{key}={value!r}: {told}"
    assert world.written() == before


@pytest.mark.parametrize("one", WITH_BODY, ids=str)
def test_required_and_unknown_keys_are_named(world: World, one: Operation):
    before = world.written()
    good = one.good()
    for key in (one.body or {}).get("required", ()):
        told = refused(raw(world, one, encoded({name: good[name] for name in good if name != key})), key)
        assert key in told
    if "strict" in one.parameters:
        path = one.at(world.ids)
        answer = world.http.request(one.method, f"{path}?strict=true", json={**good, "colour": "red"})
        assert "colour" in refused(answer, one)
        assert "strict" in refused(world.http.request(one.method, f"{path}?strict=perhaps", json=good), one)
    assert world.written() == before


@pytest.mark.parametrize("one", WITH_ID, ids=str)
def test_unknown_ids(world: World, one: Operation):
    before = world.written()
    for name, kind in one.places.items():
        for unknown in (*UNKNOWN, uuid7()):
            if name == one.chosen and len(unknown) == 36:
                continue
            path = one.at({**world.ids, kind: unknown})
            answer = world.http.request(one.method, path, content=encoded(one.good()) if one.body else None)
            refused(answer, path)
            expected = {without_owner(one)} if without_owner(one) == 409 and len(unknown) == 36 else {404, 405}
            expected = {422, 404, 405} if name == one.chosen or "versions" in one.places.values() else expected
            assert answer.status_code in expected, f"{path}: {answer.text}"
    assert world.written() == before


@pytest.mark.parametrize("one", WITH_ID, ids=str)
def test_another_tenant_s_ids_are_not_there(world: World, one: Operation):
    before = world.written()
    headers = {"authorization": world.other()}
    path = one.at(world.ids)
    answer = world.http.request(one.method, path, content=encoded(one.good()) if one.body else None, headers=headers)
    if one.chosen and len(one.places) == 1:
        # ids are each tenant's own: this made a thing of theirs, where it needed nothing of the first one's
        assert answer.status_code == (400 if AGENT in json.dumps(one.good()) else 201), answer.text
    else:
        assert answer.status_code == without_owner(one), answer.text
    after = world.written()
    assert {key: after.get(key) for key in before} == before


@pytest.mark.parametrize("one", [one for one in WITH_ID if one.chosen], ids=str)
def test_a_chosen_id_that_another_kind_or_owner_has(world: World, one: Operation):
    before = world.written()
    kind = one.places[str(one.chosen)]
    for other, taken in world.ids.items():
        if other != kind:
            answer = world.http.request(one.method, one.at({**world.ids, kind: taken}), json=one.good())
            assert answer.status_code == 201 or refused(answer, taken)
    assert {key: item for key, item in world.written().items() if key in before} == before
    if "agents" in one.places.values() and kind != "agents":
        elsewhere = world.make("/agents", {"name": "Elsewhere"})
        before = world.written()
        answer = world.http.request(one.method, one.at({**world.ids, "agents": elsewhere}), json=one.good())
        assert world.ids[kind] in refused(answer, one)
        assert world.written() == before


@pytest.mark.parametrize("one", LISTS, ids=str)
def test_list_parameters_out_of_range_are_named(world: World, one: Operation):
    path = one.at(world.ids)
    wrong = {
        "limit": ("0", "-1", "1001", "x", "1.5", "1" + "0" * 30, "", "1x"),
        "offset": ("-1", "100001", "x", "1" + "0" * 5000, ""),
        "sort_by": ("name", "", "x" * 5000, "\0"),
        "direction": ("up", "", "ASC "),
        "cursor": ("", "x", "AAAA", "é", "\0", "x" * 5000, "bnVsbA==", "W10="),
    }
    for name, values in wrong.items():
        for value in values:
            told = refused(world.http.get(path, params={name: value}), f"{name}={value[:50]!r}")
            assert name.partition("_")[0] in told.lower(), f"{name}={value[:50]!r}: {told}"
    for key, value in (
        ("metadata_filter.", "x"),
        ("metadata_filter.a", "\0"),
        ("metadata_filter.\ud800", "x"),
        ("é", ""),
    ):
        query = httpx.QueryParams({key.encode("utf-8", "replace").decode(): value})
        assert world.http.get(path, params=query).status_code < 500


@pytest.mark.parametrize("one", WITH_BODY, ids=str)
def test_content_types_and_headers_that_make_no_sense(world: World, one: Operation):
    before = world.written()
    for media in ("multipart/form-data", "application/xml", "x" * 1000, ";;;", "", "application/yaml; charset=utf-16"):
        refused(raw(world, one, b"{", media), media)
    for name, value in (
        ("x-big", HUGE),
        ("authorization", f"Bearer {HUGE}"),
        ("authorization", "Bearer \xff"),
        ("idempotency-key", "x" * 300),
        ("x-stainless-retry-count", "-1"),
        ("x-stainless-retry-count", "9" * 300),
        ("accept-encoding", "x" * 500),
        ("expect", "the-unexpected"),
        ("last-event-id", "\xe9"),
    ):
        answer = raw(world, one, b"[]", **{name: value.encode("latin-1")})  # pyright: ignore[reportArgumentType]
        assert 400 <= answer.status_code < 500, f"{name}: {answer.status_code}"
    assert world.written() == before


@pytest.mark.parametrize("path", sorted({one.path for one in OPERATIONS}))
def test_methods_that_a_path_does_not_have(world: World, path: str):
    here = {one.method: one for one in OPERATIONS if one.path == path}
    at = next(iter(here.values())).at(world.ids)
    before = world.written()
    for method in ("HEAD", "TRACE", "PROPFIND", "GET", "POST", "PUT", "PATCH", "DELETE"):
        if method in here or (method == "HEAD" and "GET" in here):
            continue
        answer = world.http.request(method, at)
        if path.endswith(("/agents/models", "/docs/file")) and answer.status_code in {404, 422}:
            continue  # an agent's or a doc's id could stand there
        assert answer.status_code == 405, f"{method} {path}: {answer.status_code}"
        assert method == "HEAD" or method in refused(answer, method)
    if "GET" in here:
        head = world.http.head(at)
        assert (head.status_code, head.content) == (world.http.get(at).status_code, b"")
    options = world.http.options(at)
    assert (options.status_code, options.content) == (204, b"")
    assert world.written() == before


@pytest.mark.parametrize("one", NAMED, ids=str)
def test_a_name_is_there_once(world: World, one: Operation):
    name = f"n_{uuid7().replace('-', '')}"
    body = {**one.good(), "canonical_name": name}
    world.make(one.path, body)
    before = world.written()
    for again in (name, name.upper()):
        answer = world.http.post(one.path, json={**body, "canonical_name": again})
        assert answer.status_code == 409
        assert again in refused(answer, one)
        assert answer.headers["x-should-retry"] == "false"
    for wrong in ("1x", "a b", "a-b", "é", "a\n", "", "x" * 256):
        answer = world.http.post(one.path, json={**body, "canonical_name": wrong})
        assert "canonical_name" in refused(answer, wrong)
    assert world.written() == before


@pytest.mark.parametrize("one", ONCE, ids=str)
def test_a_repeated_post_makes_one_thing(world: World, one: Operation):
    path = one.at(world.ids)

    def post(**headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return world.http.post(path, json=body, headers=sent)

    body = named(one, "first")
    first = post(idempotency_key=f"{path} {uuid7()}").json()["id"]
    key = uuid7()
    body = named(one, "second")
    before = set(world.written())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(idempotency_key=key), range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409}, [answer.text for answer in answers]
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert first not in made
    again = post(idempotency_key=key, x_stainless_retry_count="3")
    assert (again.status_code, {again.json()["id"]}) == (201, made)
    new = {name.rsplit("#", 1)[-1] for name in set(world.written()) - before if made & set(name.split("#"))}
    assert new == made
    body = named(one, "third")
    other = post(idempotency_key=key)
    assert (other.status_code, other.headers["x-should-retry"]) == (409, "false")
    assert "Idempotency-Key" in refused(other, one)


@pytest.mark.parametrize("one", ONCE, ids=str)
def test_a_client_s_own_retry_makes_one_thing(world: World, one: Operation):
    body = named(one, "once")

    def post(count: int) -> str:
        headers = {"x-stainless-retry-count": str(count)}
        answer = world.http.post(one.at(world.ids), json=body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        made = answer.json()
        return (made if "id" in made else made["entries"][0])["id"]

    first = post(0)
    assert {post(1), post(2)} == {first}
    if (
        "tools" not in one.path and "docs" not in one.path
    ):  # a tool's name is there once, and so are a doc's title and content
        second = post(0)
        assert second != first
        assert post(1) == second


def test_numbers_of_any_size_are_kept(world: World):
    numbers = [0, -1, 2**53 + 1, 10**300, 1.5, -0.0, 1e-300, 5e-324, math.pi]
    made = world.http.post("/agents", content=encoded({"name": "N", "metadata": {"n": numbers}})).json()
    assert world.http.get(f"/agents/{made['id']}").json()["metadata"]["n"] == numbers


def test_a_check_of_what_is_broken_says_so(world: World):
    for name, body in BROKEN.items():
        answer = world.http.post(CHECK, content=body)
        assert answer.status_code < 500, f"{name}: {answer.text}"
    for name, body in BROKEN_YAML.items():
        answer = world.http.post(CHECK, content=body, headers={"content-type": "application/yaml"})
        assert answer.status_code < 500, f"{name}: {answer.text}"


@pytest.mark.parametrize("one", WITH_BODY, ids=str)
def test_odd_text_is_refused_or_read_back(world: World, one: Operation):
    keys = list(dict.fromkeys([*one.properties(), "metadata"]))
    for turn, (name, text) in enumerate(ODD.items()):
        shapes = (text, {text: text}, [text])
        for at, key in enumerate(keys[:1] if len(text) > 100 else keys):
            answer = raw(world, one, encoded({**one.good(), key: shapes[(at + turn) % 3]}))
            if answer.status_code >= 400:
                refused(answer, f"{key}={name}")
            else:
                answer.json()
                assert "\0" not in answer.text
    listed = f"GET {one.path}"
    if listed in {str(other) for other in LISTS}:
        assert world.http.get(one.at(world.ids), params={"limit": 1000}).status_code == 200
