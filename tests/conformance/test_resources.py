"""Users, projects and tools through the official client; the task routes that it lacks by plain HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from julep import ConflictError, Julep, NotFoundError
from julep.types import Agent

from silvercup.ids import uuid7
from tests.conformance.tasks import until

STEP = {"evaluate": {"x": "$ 1"}}


def test_users(client: Julep, other: Julep):
    user = client.users.create(name="Ada", about="x", metadata={"a": 1})
    assert (user.name, user.about, user.project) == ("Ada", "x", "default")
    assert client.users.get(user.id) == user
    changed = client.users.update(user.id, metadata={"b": 2})
    assert (changed.metadata, changed.name) == ({"a": 1, "b": 2}, "Ada")
    anew = client.users.reset(user.id, name="Bo", about="")
    assert (anew.metadata, anew.created_at) == ({}, user.created_at)
    assert user.id in [one.id for one in client.users.list()]
    chosen = uuid7()
    assert client.users.create_or_update(chosen, name="C", about="").id == chosen
    with pytest.raises(NotFoundError):
        other.users.get(user.id)
    assert client.users.delete(user.id).id == user.id
    with pytest.raises(NotFoundError):
        client.users.delete(user.id)
    client.users.delete(chosen)


def test_projects(client: Julep, raw: httpx.Client):
    name = f"p{uuid7().replace('-', '')}"
    project = client.projects.create(name="P", canonical_name=name, metadata={"a": 1})
    assert {"default", name} <= {one.canonical_name for one in client.projects.list()}
    with pytest.raises(ConflictError):
        client.projects.create(name="P", canonical_name=name.upper())
    agent = client.agents.create(name="A", project=name.upper())
    assert agent.project == name
    assert client.agents.update(agent.id, about="moved nowhere").project == name
    with pytest.raises(NotFoundError):
        client.agents.create(name="A", project="nowhere")
    path = f"/projects/{project.id}"
    assert raw.patch(path, json={"metadata": {"b": 2}}).json()["metadata"] == {"a": 1, "b": 2}
    assert raw.put(path, json={"name": "Q"}).json()["metadata"] == {}
    assert raw.post(path, json={"name": "R"}).status_code == 201
    assert raw.get(path).json()["canonical_name"] == name
    default = next(one for one in client.projects.list() if one.canonical_name == "default")
    assert raw.delete(f"/projects/{default.id}").status_code == 400
    assert raw.delete(path).status_code == 202
    assert raw.get(path).status_code == 404
    client.agents.delete(agent.id)


def test_tools(client: Julep, raw: httpx.Client, agent: Agent):
    definition: Any = {"parameters": {"type": "object"}}
    tool = client.agents.tools.create(agent.id, name="look", type="function", function=definition, description="d")
    assert (tool.name, tool.type, tool.description) == ("look", "function", "d")
    with pytest.raises(ConflictError):
        client.agents.tools.create(agent.id, name="look", type="function", function={})
    changed = client.agents.tools.update(tool.id, agent_id=agent.id, name="see")
    assert (changed.name, changed.function) == ("see", tool.function)
    assert client.agents.tools.reset(tool.id, agent_id=agent.id, name="hear", type="function").description is None
    assert [one.name for one in client.agents.tools.list(agent.id)] == ["hear"]
    assert raw.get(f"/agents/{agent.id}/tools/{tool.id}").json()["name"] == "hear"
    wrong = raw.post(f"/agents/{agent.id}/tools", json={"name": "x", "type": "functoin"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["details"][0]["loc"] == "type"
    assert client.agents.tools.delete(tool.id, agent_id=agent.id).id == tool.id
    assert raw.get(f"/agents/{agent.id}/tools/{tool.id}").status_code == 404


def test_a_task_inherits_its_agents_tools(client: Julep, raw: httpx.Client, agent: Agent):
    task = {"name": "T", "main": [{"tool": "ask", "arguments": {"q": "$ _.q"}}], "inherit_tools": True}
    assert raw.post(f"/agents/{agent.id}/tasks", json=task).status_code == 400
    client.agents.tools.create(agent.id, name="ask", type="function", function={})
    client.agents.tools.create(
        agent.id, name="agents", type="system", system={"resource": "agent", "operation": "list"}
    )
    task_id = raw.post(f"/agents/{agent.id}/tasks", json=task).json()["id"]
    running = client.executions.create(task_id, input={"q": "why"})
    until(client, running.id, "awaiting_input")
    client.executions.change_status(running.id, status="running", input={"a": "because"})
    assert until(client, running.id, "succeeded").output == {"a": "because"}
    listing = {**task, "main": [{"tool": "agents", "arguments": {}}]}
    listed = client.executions.create(raw.post(f"/agents/{agent.id}/tasks", json=listing).json()["id"], input={})
    output: Any = until(client, listed.id, "succeeded").output
    assert agent.id in {one["id"] for one in output}
    assert raw.post("/tasks/check", params={"agent_id": agent.id}, json=task).json()["ok"]
    assert not raw.post("/tasks/check", json=task).json()["ok"]


def test_a_task_is_replaced_patched_and_deleted(client: Julep, raw: httpx.Client, agent: Agent):
    first = {"name": "T", "main": [STEP], "sub": [STEP], "metadata": {"a": 1}}
    task = raw.post(f"/agents/{agent.id}/tasks", json=first).json()
    path = f"/agents/{agent.id}/tasks/{task['id']}"
    patched = raw.patch(path, json={"main": [{"evaluate": {"y": "$ 2"}}], "metadata": {"b": 2}}).json()
    assert (patched["version"], patched["metadata"], patched["name"]) == (2, {"a": 1, "b": 2}, "T")
    assert [step["evaluate"] for step in (*patched["main"], *patched["sub"])] == [{"y": "$ 2"}, {"x": "$ 1"}]
    assert "sub" not in raw.patch(path, json={"sub": None}).json()
    assert raw.patch(path, json={"main": []}).status_code == 400
    replaced = raw.put(path, json={"name": "U", "main": [STEP]}).json()
    assert (replaced["version"], replaced["metadata"], replaced["canonical_name"]) == (4, {}, task["canonical_name"])
    versions = raw.get(f"/tasks/{task['id']}/versions", params={"limit": 3}).json()
    assert [one["version"] for one in versions["items"]] == [4, 3, 2]
    rest = raw.get(f"/tasks/{task['id']}/versions", params={"limit": 3, "cursor": versions["next_cursor"]}).json()
    assert [one["version"] for one in rest["items"]] == [1]
    old = raw.get(f"/tasks/{task['id']}/versions/1").json()
    assert old["task"] == task
    assert old["definition"]["States"]
    assert old["report"]["states"] == len(old["definition"]["States"])
    assert raw.get(f"/tasks/{task['id']}/versions/9").status_code == 404
    assert raw.put(f"/agents/{agent.id}/tasks/{uuid7()}", json=first).status_code == 404
    assert raw.delete(path).status_code == 202
    assert raw.delete(path).status_code == 404
    with pytest.raises(NotFoundError):
        client.tasks.get(task["id"])


def test_a_definition_is_checked_and_not_kept(raw: httpx.Client, agent: Agent):
    before = raw.get(f"/agents/{agent.id}/tasks").json()
    good = raw.post("/tasks/check", json={"name": "T", "main": [STEP]}).json()
    assert (good["ok"], good["errors"]) == (True, [])
    assert good["report"]["states"] == len(good["definition"]["States"])
    bad = raw.post("/tasks/check", json={"name": "T", "main": [{"evalute": {}}]}).json()
    assert (bad["ok"], bad["report"], bad["errors"][0]["loc"]) == (False, None, "main[0]")
    broken = raw.post("/tasks/check", content="name: [", headers={"content-type": "text/yaml"}).json()
    assert not broken["ok"]
    assert broken["errors"][0]["line"]
    assert raw.get(f"/agents/{agent.id}/tasks").json() == before
