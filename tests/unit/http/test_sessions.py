"""The routes of sessions, down to items in tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from silvercup.http.answers import WARNINGS_HEADER
from silvercup.ids import uuid7
from tests.unit.http.conftest import Api

FIELDS = {
    "id",
    "kind",
    "agent",
    "agents",
    "users",
    "situation",
    "system_template",
    "summary",
    "render_templates",
    "token_budget",
    "context_overflow",
    "forward_tool_calls",
    "auto_run_tools",
    "recall_options",
    "metadata",
    "created_at",
    "updated_at",
}


@pytest.fixture
def agent(api: Api) -> str:
    return api("POST", "/agents", json={"name": "Ada"}).json()["id"]


@pytest.fixture
def user(api: Api) -> str:
    return api("POST", "/users", json={"name": "Bo"}).json()["id"]


def make(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api("POST", "/sessions", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def warnings(answer: Any) -> list[tuple[str, str]]:
    return [(one["loc"], one["msg"]) for one in json.loads(answer.headers.get(WARNINGS_HEADER, "[]"))]


def test_a_session_gets_every_default(api: Api, agent: str):
    session = make(api, agent=agent)
    assert set(session) == FIELDS
    assert (session["agent"], session["agents"], session["users"]) == (agent, [agent], [])
    assert (session["render_templates"], session["forward_tool_calls"], session["auto_run_tools"]) == (
        True,
        False,
        False,
    )
    nothing = ("situation", "system_template", "summary", "token_budget", "context_overflow", "recall_options")
    assert [session[name] for name in nothing] == [None] * 6
    assert (session["metadata"], session["kind"]) == ({}, "single_agent_no_user")
    assert api("GET", f"/sessions/{session['id']}").json() == session


def test_a_session_goes_through_its_life(api: Api, agent: str, user: str):
    at = f"/sessions/{make(api, agent=agent.upper(), user=user, metadata={'a': 1})['id']}"
    session = api("GET", at).json()
    assert (session["agent"], session["user"]) == (agent, user)
    patched = api("PATCH", at, json={"metadata": {"b": 2}, "situation": "x", "context_overflow": "adaptive"}).json()
    assert (patched["metadata"], patched["situation"]) == ({"a": 1, "b": 2}, "x")
    assert (patched["context_overflow"], patched["user"]) == ("adaptive", user)
    put = api("PUT", at, json={"system_template": "{{ situation }}", "auto_run_tools": True, "token_budget": 1}).json()
    assert (put["situation"], put["metadata"], put["user"]) == (None, {}, user)
    assert (put["system_template"], put["auto_run_tools"], put["token_budget"]) == ("{{ situation }}", True, 1)
    anew = api("POST", at, json={"agent": agent})
    assert (anew.status_code, anew.json()["users"], anew.json()["created_at"]) == (201, [], session["created_at"])
    gone = api("DELETE", at)
    assert (gone.status_code, gone.json()["id"], gone.json()["jobs"]) == (202, session["id"], [])
    for method in ("GET", "DELETE"):
        assert api(method, at).status_code == 404
    for method in ("PUT", "PATCH"):
        assert api(method, at, json={}).status_code == 404
    assert api("GET", "/sessions").json() == {"items": []}


def test_a_chosen_id(api: Api, agent: str):
    chosen = uuid7()
    answer = api("POST", f"/sessions/{chosen}", json={"agent": agent})
    assert (answer.status_code, answer.json()["id"]) == (201, chosen)
    assert api("POST", "/sessions/nonsense", json={"agent": agent}).status_code == 422
    assert api("POST", f"/sessions/{uuid7()}", json={}).status_code == 400


def test_lists_by_agent_and_user(api: Api, agent: str, user: str):
    other = api("POST", "/agents", json={"name": "Cy"}).json()["id"]
    one = make(api, agents=[agent, other], user=user)["id"]
    two = make(api, agent=other)["id"]

    def found(query: str) -> list[str]:
        answer = api("GET", f"/sessions?{query}")
        assert answer.status_code == 200, answer.text
        return [session["id"] for session in answer.json()["items"]]

    assert found("") == found(f"agent={other}") == [two, one]
    assert found(f"agent={agent.upper()}") == found(f"user={user}") == found(f"agent={other}&user={user}") == [one]
    assert found(f"agent={other}&sort_by=updated_at&direction=asc&limit=1") == [one]
    for query in (f"agent={user}", f"user={uuid7()}", "agent=x", "user="):
        answer = api("GET", f"/sessions?{query}")
        assert answer.status_code == 404, query
        assert query[:5].strip("=").lower() in answer.json()["error"]["message"].lower()


@pytest.mark.parametrize(
    ("fields", "status", "loc"),
    [
        ({}, 400, "agent"),
        ({"agent": None, "agents": None}, 400, "agent"),
        ({"agents": []}, 400, "agent"),
        ({"agent": "AGENT", "agents": ["AGENT"]}, 400, "agents"),
        ({"agent": "USER"}, 400, "agents"),
        ({"agent": "AGENT", "users": ["AGENT"]}, 400, "users"),
        ({"agent": "AGENT", "situation": " "}, 400, "situation"),
        ({"agent": "AGENT", "system_template": ""}, 400, "system_template"),
        ({"agent": "x"}, 422, "agent"),
        ({"agents": ["AGENT", 5]}, 422, "agents[1]"),
        ({"agents": "AGENT"}, 422, "agents"),
        ({"agent": "AGENT", "users": {}}, 422, "users"),
        ({"agent": "AGENT", "token_budget": 0}, 422, "token_budget"),
        ({"agent": "AGENT", "token_budget": "9"}, 422, "token_budget"),
        ({"agent": "AGENT", "context_overflow": "cut"}, 422, "context_overflow"),
        ({"agent": "AGENT", "render_templates": "yes"}, 422, "render_templates"),
        ({"agent": "AGENT", "metadata": []}, 422, "metadata"),
        ({"agent": "AGENT", "recall_options": []}, 422, "recall_options"),
        ({"agent": "AGENT", "recall_options": {"mode": "x"}}, 422, "recall_options.mode"),
        ({"agent": "AGENT", "recall_options": {"limit": 0}}, 422, "recall_options.limit"),
        ({"agent": "AGENT", "recall_options": {"limit": 51}}, 422, "recall_options.limit"),
        ({"agent": "AGENT", "recall_options": {"num_search_messages": 51}}, 422, "recall_options.num_search_messages"),
        ({"agent": "AGENT", "recall_options": {"max_query_length": 99}}, 422, "recall_options.max_query_length"),
        ({"agent": "AGENT", "recall_options": {"confidence": 1.1}}, 422, "recall_options.confidence"),
        ({"agent": "AGENT", "recall_options": {"mmr_strength": 1}}, 422, "recall_options.mmr_strength"),
        ({"agent": "AGENT", "recall_options": {"mode": "hybrid", "alpha": -1}}, 422, "recall_options.alpha"),
        (
            {"agent": "AGENT", "recall_options": {"mode": "hybrid", "k_multiplier": -1}},
            422,
            "recall_options.k_multiplier",
        ),
        ({"agent": "AGENT", "recall_options": {"lang": "not one"}}, 422, "recall_options.lang"),
        ({"agent": "AGENT", "recall_options": {"metadata_filter": 5}}, 422, "recall_options.metadata_filter"),
        ({"agent": "AGENT", "recall_options": {"metadata_filter": {"a": [*range(101)]}}}, 400, "metadata_filter"),
    ],
)
def test_a_wrong_session_is_told_and_leaves_nothing(
    api: Api, agent: str, user: str, fields: dict[str, Any], status: int, loc: str
):
    known = {"AGENT": agent, "USER": user}
    text = json.dumps(fields)
    for name, value in known.items():
        text = text.replace(name, value)
    session = make(api, agent=agent, situation="x")
    before = {key.pk: item for key, item in api.container.tables.items.items() if "#once#" not in key.pk}
    requests = [("POST", "/sessions"), ("POST", f"/sessions/{uuid7()}")]
    if any(value is not None for value in fields.values()):
        requests += [("PUT", f"/sessions/{session['id']}"), ("PATCH", f"/sessions/{session['id']}")]
    for method, path in requests:
        answer = api(method, path, content=text)
        assert answer.status_code == status, answer.text
        assert any(detail["loc"].startswith(loc) for detail in answer.json()["error"]["details"]), answer.text
    after = {key.pk: item for key, item in api.container.tables.items.items() if "#once#" not in key.pk}
    assert after == before


def test_recall_options_are_kept_as_given_and_merged(api: Api, agent: str):
    session = make(api, agent=agent, recall_options={"mode": "hybrid", "alpha": 0.7, "limit": 3, "confidence": None})
    assert session["recall_options"] == {"mode": "hybrid", "alpha": 0.7, "limit": 3}
    at = f"/sessions/{session['id']}"

    def patch(**options: Any) -> Any:
        answer = api("PATCH", at, json={"recall_options": options})
        assert answer.status_code == 200, answer.text
        return answer.json()["recall_options"]

    assert patch(confidence=0.2) == {"mode": "hybrid", "alpha": 0.7, "limit": 3, "confidence": 0.2}
    assert patch(alpha=None) == {"mode": "hybrid", "limit": 3, "confidence": 0.2}
    assert patch(mode="text", trigram_similarity_threshold=0.6) == {
        "mode": "text",
        "limit": 3,
        "trigram_similarity_threshold": 0.6,
    }
    assert patch() == patch(mode="text")
    assert api("PATCH", at, json={"recall_options": None}).json()["recall_options"]["mode"] == "text"
    assert api("PUT", at, json={}).json()["recall_options"] is None
    assert patch(limit=1) == {"mode": "vector", "limit": 1}


def test_what_means_nothing_is_told(api: Api, agent: str):
    body = {
        "agent": agent,
        "colour": 1,
        "recall_options": {"alpha": 0.5, "limits": 3, "lang": "tlh", "confidence": None},
    }
    answer = api("POST", "/sessions", json=body)
    assert answer.json()["recall_options"] == {"mode": "vector", "lang": "tlh"}
    assert warnings(answer) == [
        ("colour", "Unknown key"),
        ("recall_options.limits", "Unknown key; did you mean 'limit'?"),
        ("recall_options.lang", "'tlh' has no analysis of its own: words are matched as they are written"),
        ("recall_options.alpha", "Means nothing with mode 'vector'"),
    ]
    strict = api("POST", "/sessions?strict=true", json=body)
    assert strict.status_code == 422
    assert [one["loc"] for one in strict.json()["error"]["details"]] == ["colour", "recall_options.limits"]


def test_a_repeated_post_makes_one_session(api: Api, agent: str):
    key = {"idempotency-key": "k"}
    first = api("POST", "/sessions", json={"agent": agent}, headers=key).json()
    assert api("POST", "/sessions", json={"agent": agent}, headers=key).json() == first
    assert api("POST", "/sessions", json={"agents": [agent]}, headers=key).status_code == 409
    assert len(api("GET", "/sessions").json()["items"]) == 1


def test_metadata_filters(api: Api, agent: str):
    make(api, agent=agent, metadata={"n": 1})
    two = make(api, agent=agent, metadata={"n": 2})["id"]
    for query in ("metadata_filter.n=2", f"metadata_filter.n=2&agent={agent}"):
        assert [one["id"] for one in api("GET", f"/sessions?{query}").json()["items"]] == [two]
