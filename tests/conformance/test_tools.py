"""What tools may do, seen by two developers."""

from __future__ import annotations

from typing import Any

import pytest
from julep import Julep
from julep.types import Agent

from tests.conformance.tasks import until


def system(name: str, resource: str, operation: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "system", "system": {"resource": resource, "operation": operation, **more}}


def run(client: Julep, agent_id: str, tool: dict[str, Any], arguments: dict[str, Any], status: str) -> Any:
    """Run a task of one step that calls a tool; what comes of it."""
    main: Any = [{"tool": tool["name"], "arguments": arguments}]
    tools: Any = [tool]
    task = client.tasks.create(agent_id, name="One call", main=main, tools=tools)
    execution = client.executions.create(task.id, input={})
    return until(client, execution.id, status).output


@pytest.mark.parametrize(
    ("resource", "operation", "more"),
    [
        ("agent", "get", {}),
        ("agent", "update", {"name": "Taken"}),
        ("agent", "delete", {}),
        ("task", "create", {"name": "T", "main": [{"evaluate": {"x": "1"}}]}),
    ],
)
def test_what_is_anothers_is_not_there_for_a_system_tool(
    other: Julep, client: Julep, agent: Agent, resource: str, operation: str, more: dict[str, Any]
):
    mine = other.agents.create(name="Mine")
    tool = system("reach", resource, operation)
    error = run(other, mine.id, tool, {"agent_id": agent.id, **more}, "failed")
    assert error == f"main[0]: Error in executing reach: {resource}.{operation}: Agent {agent.id} not found"
    assert client.agents.get(agent.id).name == agent.name
    other.agents.delete(mine.id)


def test_a_list_of_a_system_tool_has_what_is_the_developers(other: Julep, client: Julep, agent: Agent):
    mine = other.agents.create(name="Mine")
    listed = run(other, mine.id, system("agents", "agent", "list"), {"limit": "$ 1000"}, "succeeded")
    ids = {one["id"] for one in listed}
    assert mine.id in ids
    assert agent.id not in ids
    other.agents.delete(mine.id)
