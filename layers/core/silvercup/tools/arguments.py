"""Arguments against the schema of what is called."""

from __future__ import annotations

from typing import Any

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
    from silvercup.executions.schema import problems_of

    try:
        problems = problems_of(schema, arguments, "arguments")
    except Exception as error:  # noqa: BLE001  a schema that is none fails in many ways
        raise ToolFailed(f"{name}: the schema of its arguments is not JSON Schema ({type(error).__name__})") from None
    if problems:
        raise ToolFailed(f"{name}: {said(problems)}", problems)


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
