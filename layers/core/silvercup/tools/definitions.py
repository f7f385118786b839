"""What is wrong with the definitions of tools, as far as it can be told when they are written.

What is checked here a call checks too, by the same functions. A definition may leave arguments to the call, and strings in it may name secrets
(``expressions.secrets``): what such a string will be is not known before the call, so that it fits everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from silvercup.errors import ExpressionError, Problem, ToolFailed
from silvercup.expressions.secrets import names_secrets, secret_names
from silvercup.tools.calls import object_of
from silvercup.tools.secrets import AS_WRITTEN
from silvercup.values import JsonObject


def problems_of(tool: Mapping[str, Any]) -> list[Problem]:
    """All that is wrong with a tool's definition, apart from its name, its type and that the object named like the type is there.

    Args:
        tool: The tool: ``{name, type, <type>: {...}}``.

    Returns:
        Problems at ``<type>.<key>``.
    """
    kind: object = tool.get("type")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    spec: object = tool.get(kind) if isinstance(kind, str) else None
    if check is None or not isinstance(spec, dict):
        return []
    return [replace(found, loc=f"{kind}.{found.loc}") for found in check(cast("JsonObject", spec))]


def _unreadable(spec: JsonObject) -> list[Problem]:
    """What is wrong with how the strings of a definition name secrets."""
    problems: list[Problem] = []
    left: list[tuple[str, Any]] = [(key, value) for key, value in reversed(spec.items()) if key not in AS_WRITTEN]
    while left:
        loc, value = left.pop()
        if isinstance(value, str):
            try:
                secret_names(value)
            except ExpressionError as error:
                problems.append(Problem(loc, error.message))
        elif isinstance(value, dict):
            parts = cast("JsonObject", value).items()
            left += [(f"{loc}.{key}", part) for key, part in reversed(parts)]
        elif isinstance(value, list):
            items = list(enumerate(cast("list[Any]", value)))
            left += [(f"{loc}[{index}]", item) for index, item in reversed(items)]
    return problems


def _is_open(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return names_secrets(value)
    except ExpressionError:
        return True


def _integration(spec: JsonObject) -> list[Problem]:
    from silvercup.tools.arguments import fixed_problems
    from silvercup.tools.integrations.provider import described, fixed_of
    from silvercup.tools.integrations.setup import setup_problems

    try:
        provider, method = described(spec)
    except ToolFailed as error:
        return [*error.details, *_no_objects(spec), *_unreadable(spec)]
    problems = _no_objects(spec)
    told = {problem.loc for problem in problems}
    if "setup" not in told and not _is_open(spec.get("setup")):
        problems += setup_problems(provider, object_of(spec, "setup", "integration"), _is_open)
    if "arguments" not in told and not _is_open(spec.get("arguments")):
        problems += fixed_problems(method.arguments, fixed_of(spec), _is_open)
    return [*problems, *_unreadable(spec)]


def _no_objects(spec: JsonObject) -> list[Problem]:
    """What is said of a setup and of arguments that are none."""
    problems: list[Problem] = []
    for key in ("setup", "arguments"):
        try:
            _ = _is_open(spec.get(key)) or object_of(spec, key, "integration")
        except ToolFailed as error:
            problems += error.details
    return problems


def _system(spec: JsonObject) -> list[Problem]:
    from silvercup.tools.system.run import definition_problems

    return definition_problems(spec, _is_open)


def _api_call(spec: JsonObject) -> list[Problem]:
    from silvercup.tools.api_call_definition import definition_problems

    return [*definition_problems(spec, _is_open), *_unreadable(spec)]


def _function(spec: JsonObject) -> list[Problem]:
    from silvercup.tools.json_schema import parameters_problems

    parameters: object = spec.get("parameters")
    return [] if parameters is None else parameters_problems(parameters, "parameters", applied=False)


_CHECKS: dict[str, Callable[[JsonObject], list[Problem]]] = {
    "integration": _integration,
    "system": _system,
    "api_call": _api_call,
    "function": _function,
}
