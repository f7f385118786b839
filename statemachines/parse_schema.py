"""The JSON Schemas of definitions: values can be checked against them offline and in linear time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from statemachines.problems import Problems, shown

_MOST_PROBLEMS = 50
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_HOLD_VALUES = frozenset({"default", "enum", "const", "examples"})
_KEYWORDS: dict[str, type] = {"$ref": str, "$dynamicRef": str, "$id": str, "pattern": str, "patternProperties": dict}


def check_schema(schema: dict[str, Any], problems: Problems, at: str, *, applied: bool = True) -> None:
    """Note what is wrong with a schema: its shape, its references and its regexes.

    Args:
        schema: The schema.
        problems: Where to note it.
        at: Where the schema stands.
        applied: Whether values are checked against it here; if not, its regexes may be of any kind.
    """
    try:
        wrong = sorted(_shape(schema, at))
    except RecursionError:
        problems.error(at, "is nested too deeply")
        return
    for loc, msg in wrong[:_MOST_PROBLEMS]:
        problems.error(loc, f"is no valid JSON Schema: {msg}")
    if not wrong:
        _check_keywords(schema, problems, at, applied=applied)


def _shape(schema: dict[str, Any], at: str) -> set[tuple[str, str]]:
    from jsonschema import Draft202012Validator

    found: set[tuple[str, str]] = set()
    meta_schema: Any = Draft202012Validator.META_SCHEMA
    for error in Draft202012Validator(meta_schema).iter_errors(schema):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        msg = error.message if len(error.message) <= 300 else f"{error.message[:300]}…"
        if error.validator == "anyOf" and path.endswith(".type"):
            msg = f"{shown(cast('object', error.instance))} is no type; there are {', '.join(_TYPES)}"
        found.add((f"{at}{path}", msg))
    return found


def _check_keywords(schema: dict[str, Any], problems: Problems, at: str, *, applied: bool) -> None:
    """Refuse what checks of the shape don't see and what would fail at every execution."""
    keywords = list(_keywords(schema, at))
    leads_somewhere = _resolver(schema) if all(keyword != "$id" for _, keyword, _ in keywords) else None
    for loc, keyword, value in keywords:
        if keyword in {"$ref", "$dynamicRef"}:
            if leads_somewhere is not None and not leads_somewhere(value):
                hint = "Only what stands in the schema itself can be referred to, as '#/$defs/name'"
                problems.error(loc, f"{shown(value)} leads nowhere", hint)
        elif applied and keyword in {"pattern", "patternProperties"}:
            for pattern in [value] if isinstance(value, str) else value:
                wrong = _regex_problem(pattern)
                if wrong is not None:
                    hint = "Regexes are RE2's, which has no look-around and no back-references"
                    problems.error(loc, f"{shown(pattern)} is no regex: {wrong}", hint)


def _resolver(schema: dict[str, Any]) -> Callable[[str], bool]:
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    root = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = cast("Any", Registry)().resolver_with_root(root)

    def leads_somewhere(reference: str) -> bool:
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return False
        return True

    return leads_somewhere


def _regex_problem(pattern: str) -> str | None:
    import re2

    module = cast("Any", re2)
    options = module.Options()
    options.log_errors = False
    try:
        module.compile(pattern, options)
    except module.error as error:
        reason = error.args[0] if error.args else error
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return None


def _keywords(value: Any, loc: str) -> Iterator[tuple[str, str, Any]]:
    """The references, names and patterns anywhere in a schema, with their paths."""
    waiting: list[tuple[Any, str]] = [(value, loc)]
    while waiting:
        part, where = waiting.pop()
        if isinstance(part, list):
            items = enumerate(cast("list[Any]", part))
            waiting.extend((item, f"{where}[{i}]") for i, item in items)
        elif isinstance(part, dict):
            inside = cast("dict[str, Any]", part)
            for key in [key for key, wanted in _KEYWORDS.items() if isinstance(inside.get(key), wanted)]:
                yield f"{where}.{key}", key, inside[key]
            waiting.extend((inner, f"{where}.{key}") for key, inner in inside.items() if key not in _HOLD_VALUES)
