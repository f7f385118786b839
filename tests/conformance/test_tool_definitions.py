"""Definitions of tools are checked wherever one is written: of agents, in tasks, with a chat, with a response, by a system tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from julep import BadRequestError, Julep
from julep.types import Agent, Session

from tests.conformance.stack import Running
from tests.conformance.tasks import create, error_of, until

type Object = dict[str, Any]

NO_KEY: Object = {"provider": "brave", "setup": {}}
BRAVE: Object = {"provider": "brave", "setup": {"brave_api_key": "k"}}
REMOTE: Object = {"provider": "remote_browser", "method": "perform_action", "setup": {"width": 1024, "height": 768}}
TASK: Object = {"name": "x", "main": [{"tool": "look", "arguments": {}}]}
KEY = "setup.brave_api_key"


def tool(spec: Object, name: str = "look") -> Object:
    return {"name": name, "type": "integration", "integration": spec}


def refused(answer: httpx.Response) -> list[Object]:
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["details"]


def told(details: list[Object]) -> list[tuple[str, str]]:
    return [(one["loc"], one["msg"]) for one in details]


@pytest.fixture(scope="module")
def session(client: Julep, agent: Agent) -> Session:
    return client.sessions.create(agent=agent.id)


@pytest.fixture
def responses(stack: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=stack.url, api_key=stack.key) as made:
        yield made


def test_of_an_agents_tools(client: Julep, raw: httpx.Client, agent: Agent):
    with pytest.raises(BadRequestError) as wrong:
        client.agents.tools.create(agent.id, **tool(NO_KEY))
    error = error_of(wrong.value)
    assert error["message"] == f"The tool is not well defined: integration.{KEY} is missing; brave needs it"
    assert told(error["details"]) == [(f"integration.{KEY}", "is missing; brave needs it")]
    made = client.agents.tools.create(agent.id, **tool(BRAVE))
    path = f"/agents/{agent.id}/tools/{made.id}"
    unknown = {"integration": {"setup": {"brave_api_kye": "k"}, "arguments": {"query": 3}}}
    details = refused(raw.patch(path, json=unknown))
    assert told(details) == [
        (f"integration.{KEY}", "is missing; brave needs it"),
        ("integration.setup.brave_api_kye", "is nothing that brave is set up with"),
        ("integration.arguments.query", "3 is not of type 'string'"),
    ]
    assert details[1]["hint"] == "Did you mean 'brave_api_key'?"
    assert refused(raw.put(path, json=tool({"provider": "braev"})))[0]["hint"] == "Did you mean 'brave'?"
    assert raw.patch(path, json={"integration": {"setup": {"brave_api_key": "$ secrets.BRAVE"}}}).status_code == 200
    assert raw.put(path, json=tool(REMOTE)).json()["integration"] == REMOTE
    client.agents.tools.delete(made.id, agent_id=agent.id)


def test_in_tasks(client: Julep, raw: httpx.Client, agent: Agent):
    missing = [(f"tools[0].integration.{KEY}", "is missing; brave needs it")]
    wrong = {**TASK, "tools": [tool(NO_KEY)]}
    assert told(refused(raw.post(f"/agents/{agent.id}/tasks", json=wrong))) == missing
    assert told(raw.post("/tasks/check", json=wrong).json()["errors"]) == missing
    task_id = create(client, agent.id, {**TASK, "tools": [tool(BRAVE)]})
    path = f"/agents/{agent.id}/tasks/{task_id}"
    assert told(refused(raw.put(path, json=wrong))) == missing
    assert told(refused(raw.patch(path, json={"tools": wrong["tools"]}))) == missing
    assert raw.patch(path, json={"description": "d"}).status_code == 200


def test_in_yaml_with_lines(raw: httpx.Client, agent: Agent):
    text = (
        "name: x\ntools:\n  - name: look\n    type: system\n    system:\n      resource: agent\n      operation: fly\n"
        "  - name: get\n    type: api_call\n    api_call:\n      method: GET\n      url: x.example\n      timeout: 0\n"
        "main:\n  - tool: look\n"
    )
    answer = raw.post(f"/agents/{agent.id}/tasks", content=text, headers={"content-type": "text/yaml"})
    lines = {one["loc"]: one["line"] for one in refused(answer)}
    assert lines == {"tools[0].system.operation": 7, "tools[1].api_call.url": 12, "tools[1].api_call.timeout": 13}


def test_with_a_chat(client: Julep, raw: httpx.Client, session: Session):
    body = {"messages": [{"role": "user", "content": "Hi"}], "tools": [tool(BRAVE, "first"), tool(NO_KEY)]}
    for path in (f"/sessions/{session.id}/chat", f"/sessions/{session.id}/render"):
        answer = raw.post(path, json=body)
        assert told(refused(answer)) == [(f"tools[1].integration.{KEY}", "is missing; brave needs it")]
    right = {**body, "tools": [tool(BRAVE, "first"), tool(REMOTE)]}
    shown = raw.post(f"/sessions/{session.id}/render", json=right)
    assert shown.status_code == 200, shown.text
    assert [one["function"]["name"] for one in shown.json()["tools"]] == ["first", "look"]


def test_with_a_response(responses: openai.OpenAI):
    function: Any = {"type": "function", "name": "f", "parameters": {"type": "objekt"}, "strict": False}
    with pytest.raises(openai.BadRequestError, match=r"tools\[0\]\.parameters\.type: is no valid JSON Schema"):
        responses.responses.create(model="gpt-4o", input="Hi", tools=[function])


def test_by_a_system_tool(client: Julep, agent: Agent):
    spec = {"resource": "agent", "subresource": "tool", "operation": "create"}
    making = {
        "name": "x",
        "tools": [{"name": "make", "type": "system", "system": spec}],
        "main": [{"tool": "make", "arguments": {"name": "made", "type": "integration", "integration": "$ _.spec"}}],
    }
    task_id = create(client, agent.id, making)
    failed = until(client, client.executions.create(task_id, input={"spec": NO_KEY}).id, "failed")
    assert f"integration.{KEY} is missing; brave needs it" in str(failed.error)
    done: Any = until(client, client.executions.create(task_id, input={"spec": BRAVE}).id, "succeeded").output
    assert done["integration"] == BRAVE


def test_what_does_not_run_in_this_version_says_so_when_it_is_called(client: Julep, agent: Agent):
    task = {**TASK, "tools": [tool(REMOTE)], "main": [{"tool": "look", "arguments": {"action": "screenshot"}}]}
    ended = until(client, client.executions.create(create(client, agent.id, task), input={}).id, "failed")
    assert "The provider 'remote_browser' is not available in this version" in str(ended.error)
