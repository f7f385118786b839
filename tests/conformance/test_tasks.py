"""Tasks: as JSON through the client, as YAML, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from julep import BadRequestError, Julep, NotFoundError
from julep.types import Agent

from silvercup.ids import uuid7
from tests.conformance.tasks import ASK, ASK_YAML, BRANCHES, create, error_of, until


def written(value: Any) -> Any:
    """A definition as it was sent: without the ``kind_`` that v1 adds to every step."""
    if isinstance(value, list):
        return [written(item) for item in value]
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items() if key != "kind_"}
    return value


def test_a_task_comes_as_json_through_the_client(client: Julep, agent: Agent):
    task = client.tasks.create(agent.id, **ASK)
    assert (task.name, task.description, task.metadata) == (ASK["name"], ASK["description"], ASK["metadata"])
    assert (task.input_schema, task.inherit_tools, task.tools) == (ASK["input_schema"], False, [])
    assert task.canonical_name
    assert task.created_at == task.updated_at
    assert [step.kind for step in task.main] == ["evaluate", "wait_for_input", "evaluate"]
    assert task.main[0].label == "plus"
    assert client.tasks.get(task.id) == task
    assert task.id in [found.id for found in client.tasks.list(agent.id)]


@pytest.mark.parametrize("kind", ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml; charset=utf-8"])
def test_a_task_comes_as_yaml(client: Julep, raw: httpx.Client, agent: Agent, kind: str):
    answer = raw.post(f"/agents/{agent.id}/tasks", content=ASK_YAML, headers={"content-type": kind})
    assert answer.status_code == 201, answer.text
    task = answer.json()
    assert written({key: task[key] for key in ASK}) == ASK
    assert client.tasks.get(task["id"]).name == ASK["name"]


def test_sub_workflows_are_kept(client: Julep, raw: httpx.Client, agent: Agent):
    task_id = create(client, agent.id, BRANCHES)
    shown = raw.get(f"/tasks/{task_id}").json()
    assert {key: written(shown[key]) for key in BRANCHES} == BRANCHES


def test_a_new_version_runs_and_an_older_run_keeps_its_own(client: Julep, agent: Agent):
    task_id = uuid7()
    first = client.tasks.create_or_update(task_id, agent_id=agent.id, **ASK)
    assert first.id == task_id
    running = client.executions.create(task_id, input={"n": 1})
    until(client, running.id, "awaiting_input")
    second = client.tasks.create_or_update(task_id, agent_id=agent.id, name="Anew", main=[{"evaluate": {"v": "$ 2"}}])
    assert (second.id, second.name, second.canonical_name) == (task_id, "Anew", first.canonical_name)
    assert (second.created_at, second.updated_at > first.updated_at) == (first.created_at, True)
    fresh = client.executions.create(task_id, input={})
    assert until(client, fresh.id, "succeeded").output == {"v": 2}
    client.executions.change_status(running.id, status="running", input={"more": 3})
    assert until(client, running.id, "succeeded").output == {"total": 5}


STEP = {"evaluate": {"x": "$ 1"}}


@pytest.mark.parametrize(
    ("definition", "loc", "told"),
    [
        ({"name": "x", "main": []}, "main", ""),
        ({"main": [STEP]}, "name", ""),
        ({"name": "x", "main": [{"evalute": {"x": "$ 1"}}]}, "main[0]", "evaluate"),
        ({"name": "x", "main": [STEP, {"nonsense": 1}]}, "main[1]", "nonsense"),
        ({"name": "x", "main": [{"evaluate": {"x": "$ 1 +"}}]}, "main[0].evaluate.x", ""),
        ({"name": "x", "main": [{"evaluate": {"x": "$ unknown_name"}}]}, "main[0].evaluate.x", "unknown_name"),
        ({"name": "x", "main": [{"workflow": "nowhere", "arguments": {}}]}, "main[0].workflow", "nowhere"),
        ({"name": "x", "main": [{"tool": "nothing", "arguments": {}}]}, "main[0].tool", "nothing"),
        ({"name": "x", "main": [{**STEP, "log": "two kinds"}]}, "main[0]", ""),
        ({"name": "x", "main": [{"if": "$ True", "then": {"evaluate": {"y": "$ ("}}}]}, "main[0].then.evaluate.y", ""),
    ],
)
def test_a_wrong_definition_is_400_and_says_where(
    client: Julep, agent: Agent, definition: dict[str, Any], loc: str, told: str
):
    before = {task.id for task in client.tasks.list(agent.id)}
    with pytest.raises(BadRequestError) as refused:
        client.post(f"/agents/{agent.id}/tasks", cast_to=object, body=definition)
    error = error_of(refused.value)
    found = [detail for detail in error["details"] if detail["loc"] == loc]
    assert found, error
    assert any(told in f"{detail['msg']} {detail.get('hint', '')}" for detail in found), error
    assert {task.id for task in client.tasks.list(agent.id)} == before


def test_all_problems_are_told_with_their_lines(raw: httpx.Client, agent: Agent):
    text = "name: x\nmain:\n  - evaluate:\n      a: $ (\n  - workflow: nowhere\n    arguments: {}\n"
    answer = raw.post(f"/agents/{agent.id}/tasks", content=text, headers={"content-type": "text/yaml"})
    assert answer.status_code == 400
    lines = {detail["loc"]: detail.get("line") for detail in answer.json()["error"]["details"]}
    assert lines == {"main[0].evaluate.a": 4, "main[1].workflow": 5}


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        ("application/json", '{"name": "x",\n "main": [}', 2),
        ("text/yaml", "name: x\nmain: [\n", None),
        ("text/yaml", "name: x\n\tmain: 1\n", 2),
    ],
)
def test_a_body_that_cant_be_read_is_400(raw: httpx.Client, agent: Agent, kind: str, text: str, line: int | None):
    answer = raw.post(f"/agents/{agent.id}/tasks", content=text, headers={"content-type": kind})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "not valid" in error["message"]
    assert error["details"][0]["line"] == (line or error["details"][0]["line"])


def test_unknown_keys_are_told_and_strict_refuses_them(raw: httpx.Client, agent: Agent):
    body = {"name": "x", "main": [{**STEP, "lable": "typo"}]}
    lenient = raw.post(f"/agents/{agent.id}/tasks", json=body)
    if lenient.status_code == 201:
        assert "lable" in lenient.headers["x-silvercup-warnings"]
    strict = raw.post(f"/agents/{agent.id}/tasks?strict=true", json=body)
    assert strict.status_code == 400
    assert "lable" in strict.text


def test_an_unknown_agent_or_task_is_404(client: Julep):
    with pytest.raises(NotFoundError):
        client.tasks.create(uuid7(), **ASK)
    with pytest.raises(NotFoundError):
        client.tasks.list(uuid7())
    with pytest.raises(NotFoundError):
        client.tasks.get(uuid7())


def test_a_retried_create_gives_the_first_answer(client: Julep, agent: Agent):
    definition: dict[str, Any] = {**ASK, "metadata": {"once": uuid7()}}
    first = client.tasks.create(agent.id, **definition, extra_headers={"x-stainless-retry-count": "0"})
    again = client.tasks.create(agent.id, **definition, extra_headers={"x-stainless-retry-count": "2"})
    assert again == first
