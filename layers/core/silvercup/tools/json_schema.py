"""The JSON Schemas of arguments that definitions of tools hold."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from silvercup import values
from silvercup.errors import Problem
from silvercup.values import JsonObject, kind_of

_MAX_REMEMBERED = 20_000
"""Characters of a schema that is checked once though a chat brings it with every request."""


def parameters_problems(schema: object, loc: str, *, applied: bool) -> list[Problem]:
    """What is wrong with the schema of arguments: it is a JSON Schema, and of an object.

    Args:
        schema: What is to be one.
        loc: Where it stands.
        applied: Whether arguments are checked against it here; else it is only shown to models.

    Returns:
        Problems at the loc and below.
    """
    if not isinstance(schema, dict):
        return [Problem(loc, f"must be a JSON Schema, an object; it is {kind_of(schema)}")]
    if not schema:
        return []
    try:
        text = values.dumps(schema)
        check = _remembered if len(text) <= _MAX_REMEMBERED else _problems
        found = list(check(text, loc, applied=applied))
    except RecursionError:
        return [Problem(loc, "is nested too deeply")]
    kind: object = cast("JsonObject", schema).get("type", "object")
    if not found and kind != "object":
        found.append(Problem(f"{loc}.type", "must be 'object': arguments have names"))
    return found


def _problems(schema: str, loc: str, *, applied: bool) -> tuple[Problem, ...]:
    from statemachines.parse_schema import check_schema
    from statemachines.problems import Problems
    from statemachines.source import Source

    problems = Problems(Source(None))
    check_schema(values.loads(schema), problems, loc, applied=applied)
    return tuple(problems.errors)


_remembered = lru_cache(maxsize=256)(_problems)
