"""Tools as a model sees them: a function each, under the tool's own name, which is unique."""

from __future__ import annotations

from typing import Any

from silvercup.errors import ToolFailed
from silvercup.tools import client_tools
from silvercup.tools.calls import object_of, spec_of
from silvercup.tools.request_fields import PLACE
from silvercup.values import JsonObject

_NOTHING: JsonObject = {"type": "object", "properties": {}}
_ANY_REQUEST: JsonObject = {
    "params": {"type": "object", "description": "The query"},
    "json": {"description": "The body, sent as JSON"},
    "data": {"type": "object", "description": "The body, sent as a form"},
    "content": {"type": "string", "description": "The body, sent as it is"},
}


def function_of(tool: JsonObject) -> JsonObject:
    """A tool as a model sees it.

    Args:
        tool: The tool as it is stored.

    Returns:
        ``{type: "function", function: {name, description?, parameters}}``; the parameters are a JSON Schema without what the
        definition fixes. Beside it, for a computer, a text editor and a shell, ``client_tools.CLIENT_TOOL``.

    Raises:
        ToolFailed: The definition names a provider, a method or an operation that there is not.
    """
    says, parameters = _SEEN[str(tool["type"])](tool) if tool.get("type") in _SEEN else ("", _NOTHING)
    description = tool.get("description") or says
    function: JsonObject = {"name": tool["name"]}
    if description:
        function["description"] = description
    shown: JsonObject = {"type": "function", "function": {**function, "parameters": parameters}}
    own = client_tools.client_tool_of(tool)
    return shown if own is None else {**shown, client_tools.CLIENT_TOOL: own}


def _function(tool: JsonObject) -> tuple[str, JsonObject]:
    spec = object_of(tool, "function", "tool")
    return str(spec.get("description") or ""), _whole(object_of(spec, "parameters", "function"))


def _api_call(tool: JsonObject) -> tuple[str, JsonObject]:
    spec = spec_of(tool)
    fixed = object_of(spec, "arguments", "api_call")
    if schema := object_of(spec, "params_schema", "api_call"):
        return "", _without(_whole(schema), fixed)
    places = list(dict.fromkeys(PLACE.findall(str(spec.get("url")))))
    properties: JsonObject = {name: {"type": "string", "description": f"{name} of the address"} for name in places}
    no_body = str(spec.get("method")).upper() in {"GET", "HEAD"}
    request = {key: schema for key, schema in _ANY_REQUEST.items() if key == "params" or not no_body}
    schema = {"type": "object", "properties": {**request, **properties}}
    return "", _without({**schema, "required": places} if places else schema, fixed)


def _integration(tool: JsonObject) -> tuple[str, JsonObject]:
    from silvercup.tools.integrations.provider import described, fixed_of

    spec = spec_of(tool)
    _, method = described(spec)
    fixed = {} if isinstance(spec.get("arguments"), str) else fixed_of(spec)
    return method.says, _without(method.arguments, fixed)


def _system(tool: JsonObject) -> tuple[str, JsonObject]:
    from silvercup.tools.system.run import fixed_of, operation_of

    spec = spec_of(tool)
    _, operation = operation_of(spec)
    schema = operation.schema(fixed_of(spec, operation))
    if operation.own_agent and "required" in schema:
        required = [key for key in schema["required"] if key != "agent_id"]
        schema = {**schema, "required": required}
    return operation.says, schema


def _whole(schema: JsonObject) -> JsonObject:
    """A schema of an object: providers take nothing else."""
    return {"type": "object", "properties": {}, **schema}


def _without(schema: JsonObject, fixed: JsonObject) -> JsonObject:
    properties: dict[str, Any] = schema.get("properties", {})
    left = {key: value for key, value in properties.items() if key not in fixed}
    required = [key for key in schema.get("required", ()) if key not in fixed]
    rest = {key: value for key, value in schema.items() if key != "required"}
    return {**rest, "properties": left, **({"required": required} if required else {})}


_SEEN = {
    "function": _function,
    "api_call": _api_call,
    "integration": _integration,
    "system": _system,
    **client_tools.SEEN,
}


def functions_of(tools: list[JsonObject]) -> tuple[list[JsonObject], list[str]]:
    """Several tools as a model sees them, and what is wrong with those that can't be shown."""
    shown: list[JsonObject] = []
    wrong: list[str] = []
    for tool in tools:
        try:
            shown.append(function_of(tool))
        except ToolFailed as error:
            wrong.append(f"{tool.get('name')}: {error.message}")
    return shown, wrong
