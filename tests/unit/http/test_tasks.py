"""The routes of tasks: what they read, what they hand on, what they answer."""

from __future__ import annotations

import json

import pytest

from silvercup.ids import uuid7
from tests.unit.http.conftest import Api

YAML = """\
name: Greet
main:
  - evaluate:
      text: $ "hello"
"""
VALUE = {"name": "Greet", "main": [{"evaluate": {"text": '$ "hello"'}}]}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/yaml",
        "application/x-yaml",
        "text/yaml",
        "text/x-yaml",
        "text/yaml; charset=utf-8",
        "Application/YAML ;charset=UTF-8",
    ],
)
def test_a_task_comes_as_yaml(api: Api, content_type: str):
    answer = api("POST", f"/agents/{uuid7()}/tasks", content=YAML, headers={"content-type": content_type})
    assert answer.status_code == 201
    assert answer.json().items() >= VALUE.items()
    source = api.container.tasks.sources[0]
    assert (source.value, source.lines["main[0].evaluate.text"]) == (VALUE, 4)


def test_a_task_comes_as_json(api: Api):
    answer = api("POST", f"/agents/{uuid7()}/tasks", json=VALUE)
    assert answer.status_code == 201
    assert api.container.tasks.sources[0].value == VALUE
    assert api("GET", f"/tasks/{answer.json()['id']}").json() == answer.json()


def test_problems_are_told_with_their_lines(api: Api):
    answer = api(
        "POST", f"/agents/{uuid7()}/tasks", content="name: x\nmian: []\n", headers={"content-type": "text/yaml"}
    )
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("invalid_task", "InvalidTask")
    assert error["details"] == [
        {"loc": "main", "msg": "this key is required", "line": 1},
        {"loc": "mian", "msg": "unknown key", "line": 2, "hint": "did you mean 'main'?"},
    ]


@pytest.mark.parametrize(
    ("content", "content_type", "told"),
    [
        ("name: [", "text/yaml", "not valid YAML"),
        ('{"name": ', "application/json", "not valid JSON"),
        ("name: x\nmain: []\n", "application/json", "not valid JSON"),
    ],
)
def test_a_body_that_cant_be_read_is_400(api: Api, content: str, content_type: str, told: str):
    answer = api("POST", f"/agents/{uuid7()}/tasks", content=content, headers={"content-type": content_type})
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]
    assert answer.json()["error"]["details"][0]["line"]


def test_warnings_are_in_the_header_and_strict_is_handed_on(api: Api):
    path = f"/agents/{uuid7()}/tasks"
    answer = api("POST", path, json={**VALUE, "colour": "red"})
    assert json.loads(answer.headers["x-silvercup-warnings"]) == [{"loc": "colour", "msg": "Unknown key"}]
    assert "x-silvercup-warnings" not in api("POST", path, json=VALUE).headers
    api("POST", f"{path}?strict=true", json=VALUE)
    assert [call["strict"] for call in api.container.tasks.calls] == [False, False, True]


def test_a_retried_create_is_told_to_the_service(api: Api):
    path = f"/agents/{uuid7()}/tasks"
    first = api("POST", path, json=VALUE, headers={"x-stainless-retry-count": "0"})
    again = api("POST", path, json=VALUE, headers={"x-stainless-retry-count": "1"})
    assert again.json() == first.json()
    assert [call["repeated"] for call in api.container.tasks.calls] == [False, True]


def test_create_or_update_takes_the_callers_id(api: Api):
    agent_id, task_id = uuid7(), uuid7()
    answer = api("POST", f"/agents/{agent_id}/tasks/{task_id}", json=VALUE)
    assert (answer.status_code, answer.json()["id"]) == (201, task_id)
    assert api("POST", f"/agents/{agent_id}/tasks/mine", json=VALUE).status_code == 422
    assert api("GET", f"/agents/{agent_id}/tasks").json() == {"items": [answer.json()]}


def test_ill_formed_ids_are_404(api: Api):
    assert api("POST", "/agents/nonsense/tasks", json=VALUE).status_code == 404
    assert api("GET", "/agents/nonsense/tasks").status_code == 404
    assert api("GET", "/tasks/nonsense").status_code == 404
    assert api("GET", f"/tasks/{uuid7()}").status_code == 404
