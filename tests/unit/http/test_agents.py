"""The routes of agents, down to items in tables."""

from __future__ import annotations

import base64
import json
import re

import pytest

from silvercup.ids import decode_cursor, encode_cursor, uuid7
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE
from tests.unit.http.conftest import Api

FIELDS = {
    "id",
    "name",
    "canonical_name",
    "about",
    "model",
    "instructions",
    "default_settings",
    "default_system_template",
    "metadata",
    "project",
    "created_at",
    "updated_at",
}


def test_an_agent_gets_every_default(api: Api):
    answer = api("POST", "/agents", json={"name": "Ada"})
    assert answer.status_code == 201
    agent = answer.json()
    assert set(agent) == FIELDS
    assert re.fullmatch(r"[a-z]+_[a-z]+_[a-z0-9]{3}", agent["canonical_name"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", agent["created_at"])
    assert (agent["about"], agent["model"], agent["instructions"]) == ("", "", [])
    assert (agent["default_settings"], agent["metadata"], agent["project"]) == ({}, {}, "default")
    assert agent["default_system_template"] == DEFAULT_SYSTEM_TEMPLATE
    assert agent["updated_at"] == agent["created_at"]
    assert api("GET", f"/agents/{agent['id']}").json() == agent


def test_a_create_takes_three_requests_and_a_get_one(api: Api):
    agent = api("POST", "/agents", json={"name": "Ada", "model": "gpt-4o"}).json()
    assert api.container.tables.requests == ["put", "put", "put"]
    api.container.tables.requests.clear()
    api("GET", f"/agents/{agent['id']}")
    assert api.container.tables.requests == ["get"]


def test_fields_are_kept_and_null_means_default(api: Api):
    body = {
        "name": "Ada",
        "canonical_name": "Ada_1",
        "about": "Null\0 characters go \ud83d\ude00".replace("\ud83d\ude00", "😀"),
        "model": "claude-sonnet-4",
        "instructions": "be brief",
        "default_settings": {"temperature": 0.5, "deep": {"x": [1, 2.0, None]}},
        "default_system_template": "You are {{agent.name}}",
        "metadata": {"big": 12345678901234567890, "exact": 0.1},
        "project": "default",
    }
    agent = api("POST", "/agents", json=body).json()
    expected = {**body, "about": "Null characters go 😀", "instructions": ["be brief"]}
    assert {name: agent[name] for name in body} == expected
    again = api("POST", "/agents", json={"name": "B", "about": None, "metadata": None, "canonical_name": None}).json()
    assert (again["about"], again["metadata"]) == ("", {})


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, "name", "missing"),
        ({"name": ""}, "name", "string_too_short"),
        ({"name": "x" * 256}, "name", "string_too_long"),
        ({"name": 5}, "name", "string_type"),
        ({"name": "A", "about": "x" * 16_001}, "about", "string_too_long"),
        ({"name": "A", "canonical_name": "1st"}, "canonical_name", "string_pattern_mismatch"),
        ({"name": "A", "canonical_name": "a\n"}, "canonical_name", "string_pattern_mismatch"),
        ({"name": "A", "instructions": ["fine", 7]}, "instructions[1]", "string_type"),
        ({"name": "A", "metadata": []}, "metadata", "dict_type"),
        ([], "", "dict_type"),
        ("text", "", "dict_type"),
    ],
)
def test_a_wrong_shape_is_422_and_names_the_field(api: Api, body: object, loc: str, kind: str):
    answer = api("POST", "/agents", json=body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "validation_error"
    assert error["message"].startswith(f"Validation error: {loc}")
    found = [detail for detail in error["details"] if (detail["loc"], detail["type"]) == (loc, kind)]
    assert found
    assert ("received" in found[0]) == (kind != "missing")
    assert api.container.tables.items == {}


def test_an_unknown_model_is_400_and_lists_what_there_is(api: Api):
    answer = api("POST", "/agents", json={"name": "A", "model": "gpt-99"})
    assert answer.status_code == 400
    assert "claude-sonnet-4, gpt-4o" in answer.json()["error"]["message"]
    agent = api("POST", "/agents", json={"name": "A"}).json()
    assert api("PATCH", f"/agents/{agent['id']}", json={"model": "gpt-99"}).status_code == 400
    assert api("GET", f"/agents/{agent['id']}").json() == agent


def test_models_are_listed(api: Api):
    assert api("GET", "/agents/models").json() == {"models": [{"id": "claude-sonnet-4"}, {"id": "gpt-4o"}]}


def test_another_model_that_answers_is_told(api: Api):
    answer = api("POST", "/agents", json={"name": "A", "model": "gpt-4o"})
    assert json.loads(answer.headers["x-silvercup-warnings"]) == [
        {"loc": "model", "msg": "gpt-4o is served by claude-sonnet-4"}
    ]


def test_unknown_keys_are_told_and_strict_refuses_them(api: Api):
    answer = api("POST", "/agents", json={"name": "A", "instruction": "typo", "späße": 1})
    assert answer.status_code == 201
    assert json.loads(answer.headers["x-silvercup-warnings"]) == [
        {"loc": "instruction", "msg": "Unknown key; did you mean 'instructions'?"},
        {"loc": "späße", "msg": "Unknown key"},
    ]
    refused = api("POST", "/agents?strict=true", json={"name": "A", "instruction": "typo"})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"][0]["loc"] == "instruction"


def test_many_warnings_stay_under_4_kb(api: Api):
    answer = api("POST", "/agents", json={"name": "A", **{f"unknown_{i}_ü": i for i in range(500)}})
    header = answer.headers["x-silvercup-warnings"]
    assert len(header) <= 4096
    assert header.isascii()
    assert re.fullmatch(r"\.\.\. and \d+ more", json.loads(header)[-1]["msg"])


def test_a_canonical_name_is_unique_whatever_its_case(api: Api):
    first = api("POST", "/agents", json={"name": "A", "canonical_name": "Helper"}).json()
    answer = api("POST", "/agents", json={"name": "B", "canonical_name": "hELPER"})
    assert answer.status_code == 409
    assert answer.headers["x-should-retry"] == "false"
    assert "hELPER" in answer.json()["error"]["message"]
    assert api("GET", "/agents?canonical_name=helper").json()["items"] == [first]
    assert api("GET", "/agents?canonical_name=nobody").json()["items"] == []


def test_a_name_is_free_again_after_delete_and_rename(api: Api):
    first = api("POST", "/agents", json={"name": "A", "canonical_name": "one"}).json()
    renamed = api("PATCH", f"/agents/{first['id']}", json={"canonical_name": "two"})
    assert renamed.json()["canonical_name"] == "two"
    second = api("POST", "/agents", json={"name": "B", "canonical_name": "one"})
    assert second.status_code == 201
    deleted = api("DELETE", f"/agents/{first['id']}")
    assert deleted.status_code == 202
    assert set(deleted.json()) == {"id", "deleted_at", "jobs"}
    assert (deleted.json()["id"], deleted.json()["jobs"]) == (first["id"], [])
    assert api("POST", "/agents", json={"name": "C", "canonical_name": "TWO"}).status_code == 201
    assert api("DELETE", f"/agents/{first['id']}").status_code == 404
    assert api("GET", f"/agents/{first['id']}").status_code == 404


def test_patch_changes_what_is_given_and_merges_metadata(api: Api):
    body = {"name": "A", "about": "old", "metadata": {"a": 1, "b": {"x": 1}}, "default_settings": {"t": 1, "u": 2}}
    old = api("POST", "/agents", json=body).json()
    patch = {"metadata": {"b": {"y": 2}, "c": 3}, "default_settings": {"t": 9}, "about": None}
    new = api("PATCH", f"/agents/{old['id']}", json=patch).json()
    assert new["metadata"] == {"a": 1, "b": {"y": 2}, "c": 3}
    assert new["default_settings"] == {"t": 9}
    assert (new["about"], new["created_at"]) == ("old", old["created_at"])
    assert new["updated_at"] > old["updated_at"]


def test_put_replaces_all_but_the_canonical_name(api: Api):
    old = api(
        "POST",
        "/agents",
        json={"name": "A", "about": "x", "instructions": ["i"], "metadata": {"a": 1}, "canonical_name": "keep"},
    ).json()
    new = api("PUT", f"/agents/{old['id']}", json={"name": "B", "instructions": ["j", "k"]}).json()
    assert (new["name"], new["about"], new["instructions"], new["metadata"]) == ("B", "", ["j", "k"], {})
    assert (new["canonical_name"], new["created_at"]) == ("keep", old["created_at"])
    assert api("PUT", f"/agents/{old['id']}", json={"about": "no name"}).status_code == 422
    assert api("PUT", f"/agents/{uuid7()}", json={"name": "B"}).status_code == 404


def test_create_or_update_makes_and_then_writes_anew(api: Api):
    agent_id = uuid7()
    made = api("POST", f"/agents/{agent_id}", json={"name": "A", "about": "x", "canonical_name": "first"})
    assert (made.status_code, made.json()["id"]) == (201, agent_id)
    again = api("POST", f"/agents/{agent_id.upper()}", json={"name": "B", "canonical_name": "second"})
    assert again.status_code == 201
    assert (again.json()["name"], again.json()["about"], again.json()["canonical_name"]) == ("B", "", "first")
    assert api("POST", "/agents/my-agent", json={"name": "A"}).status_code == 422


def test_an_unknown_project_is_404(api: Api):
    answer = api("POST", "/agents", json={"name": "A", "project": "nowhere"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Project 'nowhere' not found")


def test_an_agent_that_is_too_large_is_413_and_leaves_nothing(api: Api):
    answer = api("POST", "/agents", json={"name": "A", "metadata": {"x": "y" * 200_000}})
    assert answer.status_code == 413
    assert "170,000" in answer.json()["error"]["message"]
    assert [key.pk.split("#")[1] for key in api.container.tables.items] == ["once"]


def test_lists_page_sort_and_filter(api: Api):
    made = [
        api("POST", "/agents", json={"name": str(i), "metadata": {"n": i, "s": str(i), "odd": i % 2 == 1}}).json()
        for i in range(5)
    ]

    def names(query: str) -> str:
        answer = api("GET", f"/agents?{query}")
        assert answer.status_code == 200, answer.text
        return "".join(agent["name"] for agent in answer.json()["items"])

    assert names("") == "43210"
    assert names("direction=asc&limit=2") == "01"
    assert names("direction=asc&limit=2&offset=2") == "23"
    assert names("offset=5") == ""
    assert names("metadata_filter.n=3") == "3"
    assert names("metadata_filter.n=3.0") == "3"
    assert names("metadata_filter.odd=true") == "31"
    assert names("metadata_filter.odd=true&metadata_filter.n=1") == "1"
    assert names("metadata_filter.odd=true&limit=1&offset=1") == "1"
    assert names("metadata_filter.s=3") == ""
    assert names("metadata_filter.missing=x") == ""
    api("PATCH", f"/agents/{made[0]['id']}", json={"about": "new"})
    assert names("sort_by=updated_at") == "04321"


def test_a_cursor_goes_on_where_the_page_ended(api: Api):
    for i in range(5):
        api("POST", "/agents", json={"name": str(i), "metadata": {"odd": i % 2 == 1}})

    def walk(query: str) -> list[str]:
        pages, cursor = [], ""
        while cursor is not None:
            page = api("GET", f"/agents?{query}{cursor and '&cursor='}{cursor}").json()
            pages.append("".join(agent["name"] for agent in page["items"]))
            cursor = page.get("next_cursor")
        return pages

    assert walk("limit=2") == ["43", "21", "0"]
    assert walk("limit=5") == ["43210"]
    assert walk("limit=2&direction=asc") == ["01", "23", "4"]
    assert walk("limit=2&sort_by=updated_at") == ["43", "21", "0"]
    assert walk("limit=1&metadata_filter.odd=true") == ["3", "1"]
    cursor = api("GET", "/agents?limit=2").json()["next_cursor"]
    api("POST", "/agents", json={"name": "new"})
    assert [one["name"] for one in api("GET", f"/agents?cursor={cursor}").json()["items"]] == ["2", "1", "0"]
    assert [one["name"] for one in api("GET", f"/agents?cursor={cursor}&offset=1").json()["items"]] == ["1", "0"]


def test_a_cursor_of_something_else_is_400(api: Api):
    for i in range(3):
        api("POST", "/agents", json={"name": str(i)})
    cursor = api("GET", "/agents?limit=2").json()["next_cursor"]
    bound = decode_cursor(cursor)[0]
    _, key = api.container.keys.create(uuid7(), "other")
    other = {"authorization": f"Bearer {key}"}
    forged = [encode_cursor([bound, wrong]) for wrong in (None, 1, "", "\u00e9", "x" * 300, ["x"], {"a": 1})]
    deep = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    for wrong in (
        f"{cursor}&direction=asc",
        f"{cursor}&metadata_filter.a=1",
        "",
        "%00",
        "abc",
        "\u00e9",
        deep,
        *forged,
    ):
        answer = api("GET", f"/agents?cursor={wrong}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request"), wrong
    assert api("GET", f"/agents?cursor={cursor}", headers=other).status_code == 400


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("limit=0", 400, "Limit must be between 1 and 1000"),
        ("limit=1001", 400, "Limit must be between 1 and 1000"),
        ("offset=-1", 400, "Offset must be >= 0"),
        ("sort_by=name", 400, "Invalid sort field"),
        ("direction=up", 400, "Invalid sort direction"),
        ("limit=many", 422, "Validation error: query.limit"),
    ],
)
def test_wrong_list_parameters_are_told(api: Api, query: str, status: int, message: str):
    answer = api("GET", f"/agents?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(message)


def test_ids_that_are_none_or_another_tenants_are_404(api: Api):
    agent = api("POST", "/agents", json={"name": "A"}).json()
    _, key = api.container.keys.create(uuid7(), "other")
    other = {"authorization": f"Bearer {key}"}
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"name": "B"}), ("PATCH", {"about": "x"})):
        for path in (f"/agents/{agent['id']}", "/agents/nonsense", f"/agents/{uuid7()}"):
            answer = api(method, path, headers=other, json=body)
            assert answer.status_code == 404, (method, path)
            assert answer.json()["error"]["code"] == "not_found"
    assert api("GET", "/agents", headers=other).json() == {"items": []}
    assert api("GET", f"/agents/{agent['id']}").json() == agent


def test_a_template_that_no_chat_could_render_is_told(api: Api):
    agent = api("POST", "/agents", json={"name": "Ada", "default_system_template": "Hello\n{% if %}"})
    session = api("POST", "/sessions", json={"agent": agent.json()["id"], "system_template": "Hello\n{% if %}"})
    for answer, field in ((agent, "default_system_template"), (session, "system_template")):
        assert answer.status_code == 201
        (told,) = json.loads(answer.headers["x-silvercup-warnings"])
        assert told["loc"] == field
        assert told["line"] == 2
        assert "Template syntax error" in told["msg"]
