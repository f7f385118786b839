"""Operations on agents and on their tools."""

from __future__ import annotations

from silvercup.resources.idempotency import Claim
from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.schemas import LISTING, METADATA, PROJECT, canonical, choice, obj, text, texts, uuid
from silvercup.values import JsonObject

_ID: JsonObject = {"agent_id": uuid("The agent's id")}
FIELDS: JsonObject = {
    "name": text("The agent's name", 255, shortest=1),
    "canonical_name": canonical("A unique name of letters, digits and underscores"),
    "about": text("What the agent is", 16_000),
    "model": text("The name of its model", 255),
    "instructions": texts("What the agent has to do"),
    "default_settings": obj("Settings for all its sessions, such as temperature"),
    "default_system_template": text("The Jinja2 template that starts each of its sessions"),
    "metadata": METADATA,
    "project": PROJECT,
}
_TYPES = ("function", "integration", "system", "api_call", "computer_20241022", "text_editor_20241022", "bash_20241022")
_TOOL_IDS: JsonObject = {
    "agent_id": uuid("The agent's id; the calling agent's when absent"),
    "tool_id": uuid("The tool's id"),
}
_AGENT_OF_TOOL: JsonObject = {"agent_id": _TOOL_IDS["agent_id"]}
TOOL_FIELDS: JsonObject = {
    "name": {
        "type": "string",
        "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
        "maxLength": 255,
        "description": "Unique in the agent",
    },
    "type": choice("What kind of tool it is", *_TYPES),
    "description": text("What it does, for the model", 16_000),
    **{kind: obj(f"What it does, where the type is {kind}") for kind in _TYPES},
}


def _fields(request: Request) -> JsonObject:
    fields = request.fields("agent_id")
    instructions = fields.get("instructions")
    return {**fields, "instructions": [instructions]} if isinstance(instructions, str) else fields


def _create(request: Request) -> JsonObject:
    if "agent_id" in request.arguments:
        return _create_or_update(request)
    made = request.services.agents.create
    return made(request.tenant, _fields(request), agent_id=request.made_id, repeated=request.repeated)


def _create_or_update(request: Request) -> JsonObject:
    return request.services.agents.create_or_update(request.tenant, request.arguments["agent_id"], _fields(request))


def _list(request: Request) -> list[JsonObject]:
    name = request.arguments.get("canonical_name")
    return request.services.agents.list(request.tenant, request.page(), canonical_name=name).items


def _get(request: Request) -> JsonObject:
    return request.services.agents.get(request.tenant, request.arguments["agent_id"])


def _replace(request: Request) -> JsonObject:
    return request.services.agents.replace(request.tenant, request.arguments["agent_id"], _fields(request))


def _patch(request: Request) -> JsonObject:
    return request.services.agents.update(request.tenant, request.arguments["agent_id"], _fields(request))


def _delete(request: Request) -> JsonObject:
    return request.services.agents.delete(request.tenant, request.arguments["agent_id"])


def _create_tool(request: Request) -> JsonObject:
    claimed = Claim(request.made_id, repeated=request.repeated)
    agent = request.arguments["agent_id"]
    return request.services.tools.create(request.tenant, agent, request.fields("agent_id"), claimed=claimed)


def _list_tools(request: Request) -> list[JsonObject]:
    return request.services.tools.list(request.tenant, request.arguments["agent_id"], request.page()).items


def _get_tool(request: Request) -> JsonObject:
    return request.services.tools.get(request.tenant, request.arguments["agent_id"], request.arguments["tool_id"])


def _replace_tool(request: Request) -> JsonObject:
    agent, tool = request.arguments["agent_id"], request.arguments["tool_id"]
    return request.services.tools.replace(request.tenant, agent, tool, request.fields("agent_id", "tool_id"))


def _patch_tool(request: Request) -> JsonObject:
    agent, tool = request.arguments["agent_id"], request.arguments["tool_id"]
    return request.services.tools.update(request.tenant, agent, tool, request.fields("agent_id", "tool_id"))


def _delete_tool(request: Request) -> JsonObject:
    return request.services.tools.delete(request.tenant, request.arguments["agent_id"], request.arguments["tool_id"])


OPERATIONS = {
    "agent.list": Operation(
        "List agents", _list, {**LISTING, "canonical_name": canonical("Only the agent of this name")}
    ),
    "agent.get": Operation("Get an agent", _get, _ID, ("agent_id",)),
    "agent.create": Operation(
        "Create an agent", _create, {"agent_id": uuid("An id of your choice"), **FIELDS}, ("name",)
    ),
    "agent.create_or_update": Operation(
        "Create an agent under an id, or write it anew", _create_or_update, _ID | FIELDS, ("agent_id", "name")
    ),
    "agent.update": Operation(
        "Write an agent anew: what is absent gets its default", _replace, _ID | FIELDS, ("agent_id", "name")
    ),
    "agent.patch": Operation("Change what is given of an agent", _patch, _ID | FIELDS, ("agent_id",)),
    "agent.delete": Operation("Delete an agent with its tools, tasks and docs", _delete, _ID, ("agent_id",)),
    "agent/tool.list": Operation(
        "List an agent's tools", _list_tools, _AGENT_OF_TOOL | LISTING, ("agent_id",), own_agent=True
    ),
    "agent/tool.get": Operation(
        "Get a tool of an agent", _get_tool, _TOOL_IDS, ("agent_id", "tool_id"), own_agent=True
    ),
    "agent/tool.create": Operation(
        "Create a tool of an agent",
        _create_tool,
        _AGENT_OF_TOOL | TOOL_FIELDS,
        ("agent_id", "name", "type"),
        own_agent=True,
    ),
    "agent/tool.update": Operation(
        "Write a tool of an agent anew",
        _replace_tool,
        _TOOL_IDS | TOOL_FIELDS,
        ("agent_id", "tool_id", "name", "type"),
        own_agent=True,
    ),
    "agent/tool.patch": Operation(
        "Change what is given of a tool of an agent",
        _patch_tool,
        _TOOL_IDS | TOOL_FIELDS,
        ("agent_id", "tool_id"),
        own_agent=True,
    ),
    "agent/tool.delete": Operation(
        "Delete a tool of an agent", _delete_tool, _TOOL_IDS, ("agent_id", "tool_id"), own_agent=True
    ),
}
