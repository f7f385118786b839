"""Finds the operation of a system tool, checks its arguments and runs it."""

from __future__ import annotations

import uuid
from difflib import get_close_matches
from typing import Any

from silvercup.errors import RequestError, ToolFailed
from silvercup.tools.arguments import check_arguments, hint_of, joined, said
from silvercup.tools.calls import ToolCall, object_of, spec_of
from silvercup.tools.system import agents, docs, executions, files, sessions, tasks, users
from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.services import Services
from silvercup.values import JsonObject

OPERATIONS: dict[str, Operation] = {
    **agents.OPERATIONS,
    **users.OPERATIONS,
    **sessions.OPERATIONS,
    **tasks.OPERATIONS,
    **docs.OPERATIONS,
    **files.OPERATIONS,
    **executions.OPERATIONS,
}
"""By ``resource.operation`` or ``resource/subresource.operation``."""
_NESTED = ("data", "search_params")
"""v1's objects of arguments; their keys may stand beside the others as well."""
_MAX_ID = 60


def run_system(call: ToolCall, services: Services) -> Any:
    """Run a system tool.

    Args:
        call: The definition's ``resource_id`` and ``arguments`` win over the call's arguments.
        services: What is behind the API.

    Returns:
        What the API would answer; of a list its items.

    Raises:
        ToolFailed: There is no such operation, an argument is wrong, or the service refuses; says why.
        TransientError: A part of ours was throttled or slow: the same call may work later.
    """
    spec = spec_of(call.tool)
    name, operation = operation_of(spec)
    arguments = _arguments(name, operation, spec, call)
    try:
        return operation.run(Request(services, call, arguments))
    except RequestError as error:
        raise ToolFailed(f"{name}: {_whole(error)}", error.details) from None


def _whole(error: RequestError) -> str:
    """What is wrong, all of it, since a tool's error is a text and nothing else."""
    match error.details:
        case []:
            return error.message
        case [problem]:
            return f"{error.message}{hint_of(problem)}"
        case problems:
            return f"{error.message}: {said(list(problems))}"


def operation_of(spec: JsonObject) -> tuple[str, Operation]:
    """The operation that a definition names, and its name.

    Raises:
        ToolFailed: There is none; lists those of the resource, or the nearest.
    """
    resource, operation = str(spec.get("resource")), str(spec.get("operation"))
    inner = spec.get("subresource")
    prefix = f"{resource}/{inner}" if inner else resource
    name = f"{prefix}.{operation}"
    found = OPERATIONS.get(name)
    if found is None:
        there = [known for known in OPERATIONS if known.partition(".")[0] == prefix]
        there = there or get_close_matches(name, OPERATIONS, 5, 0.5) or sorted(OPERATIONS)
        raise ToolFailed(f"System call not implemented for {name}; there is {', '.join(there)}")
    return name, found


def fixed_of(spec: JsonObject, operation: Operation) -> JsonObject:
    """The arguments that a definition fixes, flat: its ``arguments``, and its ``resource_id`` under the name of its resource."""
    fixed = _flat(object_of(spec, "arguments", "system"))
    resource_id, key = spec.get("resource_id"), f"{spec.get('resource')}_id"
    if resource_id is not None and key in operation.properties:
        fixed = {key: resource_id, **fixed}
    return fixed


def _arguments(name: str, operation: Operation, spec: JsonObject, call: ToolCall) -> JsonObject:
    arguments = joined(_flat(call.arguments), fixed_of(spec, operation))
    if operation.own_agent and "agent_id" not in arguments and call.agent_id is not None:
        arguments = {"agent_id": call.agent_id, **arguments}
    check_arguments(operation.schema(), arguments, name)
    ids = {key for key, schema in operation.properties.items() if schema.get("format") == "uuid"}
    return {key: _id(name, key, value) if key in ids else value for key, value in arguments.items()}


def _flat(arguments: JsonObject) -> JsonObject:
    """Arguments without nulls, and with the keys of v1's nested objects beside the others."""
    flat: JsonObject = {}
    for key in _NESTED:
        nested: Any = arguments.get(key)
        if isinstance(nested, dict):
            flat |= nested
    rest = {key: value for key, value in arguments.items() if not (key in _NESTED and isinstance(value, dict))}
    return {key: value for key, value in {**flat, **rest}.items() if value is not None}


def _id(name: str, key: str, value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise ToolFailed(f"{name}: arguments.{key} must be a UUID; it is {value[:_MAX_ID]!r}") from None
