"""Operations on tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.schemas import LISTING, METADATA, flag, obj, text, uuid
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from statemachines.source import Source

_ID: JsonObject = {"task_id": uuid("The task's id")}
_AGENT: JsonObject = {"agent_id": uuid("The agent whose task it is; the calling agent's when absent")}
_BOTH: JsonObject = {**_AGENT, **_ID}
FIELDS: JsonObject = {
    "name": text("The task's name", 255, shortest=1),
    "canonical_name": text("A unique name of letters, digits and underscores", 255),
    "description": text("What it does", 16_000),
    "main": {"type": "array", "description": "Its steps; workflows of other names may stand beside"},
    "input_schema": obj("JSON Schema of its input"),
    "tools": {"type": "array", "description": "Tools of its own"},
    "inherit_tools": flag("Whether it has its agent's tools as well"),
    "metadata": METADATA,
}


def _source(request: Request) -> Source:
    from statemachines.source import Source

    return Source(request.fields("agent_id", "task_id"))


def _create(request: Request) -> JsonObject:
    if "task_id" in request.arguments:
        return _create_or_update(request)
    agent, source = request.arguments["agent_id"], _source(request)
    made = request.services.tasks.create
    return made(request.tenant, agent, source, task_id=request.made_id, repeated=request.repeated).task


def _create_or_update(request: Request) -> JsonObject:
    agent, task = request.arguments["agent_id"], request.arguments["task_id"]
    return request.services.tasks.create_or_update(request.tenant, agent, _source(request), task_id=task).task


def _list(request: Request) -> list[JsonObject]:
    return request.services.tasks.list(request.tenant, request.arguments["agent_id"], request.page()).items


def _get(request: Request) -> JsonObject:
    return request.services.tasks.get(request.tenant, request.arguments["task_id"])


def _replace(request: Request) -> JsonObject:
    agent, task = request.arguments["agent_id"], request.arguments["task_id"]
    return request.services.tasks.replace(request.tenant, agent, _source(request), task_id=task).task


def _patch(request: Request) -> JsonObject:
    agent, task = request.arguments["agent_id"], request.arguments["task_id"]
    return request.services.tasks.update(request.tenant, agent, _source(request), task_id=task).task


def _delete(request: Request) -> JsonObject:
    task = request.arguments["task_id"]
    agent = request.arguments.get("agent_id") or request.services.tasks.get(request.tenant, task)["agent_id"]
    return request.services.tasks.delete(request.tenant, agent, task)


OPERATIONS = {
    "task.list": Operation("List an agent's tasks", _list, _AGENT | LISTING, ("agent_id",), own_agent=True),
    "task.get": Operation("Get a task", _get, _ID, ("task_id",)),
    "task.create": Operation(
        "Create a task",
        _create,
        {**_AGENT, "task_id": uuid("An id of your choice"), **FIELDS},
        ("agent_id", "name", "main"),
        own_agent=True,
        others=True,
    ),
    "task.create_or_update": Operation(
        "Create a task under an id, or a new version of it",
        _create_or_update,
        _BOTH | FIELDS,
        ("agent_id", "task_id", "name", "main"),
        own_agent=True,
        others=True,
    ),
    "task.update": Operation(
        "Write a new version of a task",
        _replace,
        _BOTH | FIELDS,
        ("agent_id", "task_id", "name", "main"),
        own_agent=True,
        others=True,
    ),
    "task.patch": Operation(
        "Write a new version of a task in which the given keys replace the old ones",
        _patch,
        _BOTH | FIELDS,
        ("agent_id", "task_id"),
        own_agent=True,
        others=True,
    ),
    "task.delete": Operation(
        "Delete a task with its executions",
        _delete,
        {"agent_id": uuid("The agent whose task it must be"), **_ID},
        ("task_id",),
    ),
}
