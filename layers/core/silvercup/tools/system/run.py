"""Finds the operation of a system tool, checks its arguments and runs it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from silvercup.errors import Problem, RequestError, ToolFailed
from silvercup.tools.arguments import check_arguments, fixed_problems, hint_of, joined, said
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
_SHOWN = 60


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
        message = f"System call not implemented for {name}; there is {', '.join(there)}"
        raise ToolFailed(message, _unknown(spec.get("resource"), inner, spec.get("operation")))
    return name, found


def _unknown(resource: object, inner: object, operation: object) -> list[Problem]:
    """What of a definition's names there is not: the resource, else the subresource and the operation."""
    there = [known.partition(".")[::2] for known in OPERATIONS]
    resources = list(dict.fromkeys(prefix.partition("/")[0] for prefix, _ in there))
    if resource not in resources:
        return [_none("resource", resource, "no resource", resources)]
    inners = list(dict.fromkeys(prefix.partition("/")[2] for prefix, _ in there if prefix.startswith(f"{resource}/")))
    if inner and inner not in inners:
        return [_none("subresource", inner, f"no subresource of {resource}", inners)]
    prefix = f"{resource}/{inner}" if inner else str(resource)
    return [_none("operation", operation, f"no operation of {prefix}", [name for at, name in there if at == prefix])]


def _none(key: str, given: object, what: str, there: list[str]) -> Problem:
    from statemachines.problems import nearest

    near = nearest(given, there) if isinstance(given, str) else None
    why = "is missing" if given is None else f"{str(given)[:_SHOWN]!r} is {what}"
    return Problem(key, f"{why}; there are {', '.join(there) or 'none'}", hint=near and f"Did you mean {near!r}?")


def definition_problems(spec: JsonObject, is_open: Callable[[object], bool]) -> list[Problem]:
    """What is wrong with a definition: what every call of it would be refused for.

    Args:
        spec: What stands under ``system``.
        is_open: Says of a value that what it will be is not known yet: it is not checked.
    """
    try:
        _, operation = operation_of(spec)
        given = object_of(spec, "arguments", "system")
    except ToolFailed as error:
        return list(error.details)
    fixed = fixed_of(spec, operation)
    problems = fixed_problems(operation.schema(), fixed, is_open)
    told = {problem.loc for problem in problems}
    for key in sorted(operation.ids & fixed.keys()):
        if not is_open(fixed[key]) and f"arguments.{key}" not in told and not _is_id(fixed[key]):
            problems.append(Problem(f"arguments.{key}", f"must be a UUID; it is {fixed[key][:_SHOWN]!r}"))
    return [replace(problem, loc=_written(problem.loc, spec, given)) for problem in problems]


def _written(loc: str, spec: JsonObject, given: JsonObject) -> str:
    """Where a definition has what is ``arguments.<key>`` once it is flat."""
    rest = loc.removeprefix("arguments.")
    key = re.split(r"[.\[]", rest)[0]
    if key in given:
        return loc
    inside = next((name for name in _NESTED if isinstance(given.get(name), dict) and key in given[name]), None)
    if inside is None and key == f"{spec.get('resource')}_id":
        return f"resource_id{rest.removeprefix(key)}"
    return f"arguments.{inside}.{rest}" if inside else loc


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
    return {key: _id(name, key, value) if key in operation.ids else value for key, value in arguments.items()}


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
    if not _is_id(value):
        raise ToolFailed(f"{name}: arguments.{key} must be a UUID; it is {value[:_SHOWN]!r}")
    return str(uuid.UUID(value))


def _is_id(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
