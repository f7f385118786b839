"""Arguments against the schema of what is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from silvercup.errors import Problem, ToolFailed
from silvercup.values import JsonObject

_SHOWN = 5


def check_arguments(schema: JsonObject, arguments: JsonObject, name: str) -> None:
    """Check arguments.

    Args:
        schema: JSON Schema.
        arguments: What was given.
        name: The tool, for messages.

    Raises:
        ToolFailed: They break the schema; says how, argument by argument. Or the schema is none.
    """
    if not schema:
        return
    try:
        problems = _problems(schema, arguments)
    except Exception as error:  # noqa: BLE001  a schema that is none fails in many ways
        raise ToolFailed(f"{name}: the schema of its arguments is not JSON Schema ({type(error).__name__})") from None
    if problems:
        raise ToolFailed(f"{name}: {said(problems)}", problems)


def fixed_problems(schema: JsonObject, fixed: JsonObject, is_open: Callable[[object], bool]) -> list[Problem]:
    """What is wrong with the arguments that a definition fixes; the others come with a call.

    Args:
        schema: JSON Schema of all arguments.
        fixed: What is fixed.
        is_open: Says of a value that what it will be is not known yet: it is not checked.

    Returns:
        Problems at ``arguments.<key>``.
    """
    if not fixed:
        return []
    return _problems({key: value for key, value in schema.items() if key != "required"}, fixed, is_open)


def _problems(
    schema: JsonObject, arguments: JsonObject, is_open: Callable[[object], bool] | None = None
) -> list[Problem]:
    from silvercup.executions.schema import problems_of

    unknown = _unknown(schema, arguments)
    known = {key: value for key, value in arguments.items() if key not in unknown}
    return [*unknown.values(), *problems_of(schema, known, "arguments", is_open=is_open)]


def _unknown(schema: JsonObject, arguments: JsonObject) -> dict[str, Problem]:
    """The arguments of which the schema does not know, each with what is said of it."""
    if schema.get("additionalProperties") is not False or "patternProperties" in schema:
        return {}
    from statemachines.problems import did_you_mean

    there = cast("JsonObject", schema.get("properties") or {})
    return {
        key: Problem(f"arguments.{key}", "is not known", hint=did_you_mean(key, there))
        for key in arguments
        if key not in there
    }


def said(problems: list[Problem]) -> str:
    """The first problems in a sentence."""
    text = "; ".join(f"{problem.loc}: {problem.msg}{hint_of(problem)}" for problem in problems[:_SHOWN])
    return f"{text}; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else text


def hint_of(problem: Problem) -> str:
    """What would be right, to be put behind what is wrong; empty where that can't be said."""
    return f" ({problem.hint})" if problem.hint else ""


def joined(given: JsonObject, fixed: JsonObject) -> JsonObject:
    """What a call gives and what a definition fixes; where both say something the definition does, in objects key by key."""
    result = {**given, **fixed}
    for key, value in fixed.items():
        before: Any = given.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = {**before, **value}
    return result
