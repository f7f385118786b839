"""What is wrong with the definition of an ``api_call``, as far as it can be told without a call.

What a field may be ``request_fields`` says, which makes the request too. Whether an address may be reached is told when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from silvercup.errors import Problem
from silvercup.tools.json_schema import parameters_problems
from silvercup.tools.outgoing import header_problem
from silvercup.tools.request_fields import (
    PLACE,
    REFUSED,
    cookie_problem,
    method_problem,
    pair_problem,
    text_problem,
    timeout_problem,
)
from silvercup.tools.secrets import AS_WRITTEN, alias_problem
from silvercup.tools.targets import url_problem
from silvercup.values import JsonObject, kind_of

type _Say = Callable[[Any], str | None]

_FILLERS = ("x", "1", "https")
"""What may stand in a place of a URL: a part of a host or of a path, a port, a scheme."""


def definition_problems(spec: JsonObject, is_open: Callable[[object], bool]) -> list[Problem]:
    """What is wrong with a definition.

    Args:
        spec: What stands under ``api_call``; what is null is absent.
        is_open: Says of a value that what it will be is not known yet: it is not checked.
    """
    problems = [Problem(key, "is missing") for key in ("method", "url") if spec.get(key) is None]
    problems += _of_fields(spec, is_open)
    arguments: object = spec.get("arguments")
    if isinstance(arguments, dict):
        fixed = {key: value for key, value in cast("JsonObject", arguments).items() if key not in AS_WRITTEN}
        problems += [replace(one, loc=f"arguments.{one.loc}") for one in _of_fields(fixed, is_open)]
    return problems


def _of_fields(spec: JsonObject, is_open: Callable[[object], bool]) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in spec.items():
        if value is not None and key in REFUSED:
            problems.append(Problem(key, "can't be given in this version"))
        elif value is None or is_open(value):
            continue
        elif key in _PARTS and isinstance(value, dict):
            problems += _of_parts(key, cast("JsonObject", value), is_open)
        elif key == "params_schema":
            problems += parameters_problems(value, key, applied=True)
        elif why := _VALUES.get(key, _nothing)(value):
            problems.append(Problem(key, why, hint=_hint(key, value)))
    return problems


def _of_parts(key: str, parts: JsonObject, is_open: Callable[[object], bool]) -> list[Problem]:
    say = _PARTS[key]
    said = {name: say(name, value) for name, value in parts.items() if not is_open(value)}
    return [Problem(f"{key}.{name}", why) for name, why in said.items() if why]


def _url_problem(template: object) -> str | None:
    if not isinstance(template, str):
        return url_problem(template)
    said = [url_problem(PLACE.sub(filler, template)) for filler in _FILLERS]
    return None if None in said else said[0]


def _hint(key: str, value: object) -> str | None:
    if key == "url" and isinstance(value, str) and value.lstrip().startswith("$ "):
        return "An expression is evaluated here only where it names a secret, such as $ secrets.URL"
    return None


def _object_problem(value: object) -> str | None:
    return None if isinstance(value, dict) else f"must be an object; it is {kind_of(value)}"


def _query_problem(value: object) -> str | None:
    return None if isinstance(value, str) else f"must be an object or a string; it is {kind_of(value)}"


def _flag_problem(value: object) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false; it is {kind_of(value)}"


def _nothing(_: object) -> None:
    return None


_VALUES: dict[str, _Say] = {
    "method": method_problem,
    "url": _url_problem,
    "timeout": timeout_problem,
    "content": text_problem,
    "data": text_problem,
    "params": _query_problem,
    "follow_redirects": _flag_problem,
    "include_response_content": _flag_problem,
    **dict.fromkeys(("headers", "cookies", "secrets", "schema", "arguments"), _object_problem),
}
"""What is said of a field as a whole; of one that is not here nothing, as v1 took any."""
_PARTS: dict[str, Callable[[str, Any], str | None]] = {
    "headers": header_problem,
    "cookies": cookie_problem,
    "params": lambda _, value: pair_problem(value),
    "data": lambda _, value: pair_problem(value),
    "secrets": lambda _, value: alias_problem(value),
}
"""What is said of each part of a field that is an object."""
