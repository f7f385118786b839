"""What an integration is set up with, against what its provider's description says of it.

Of JSON Schema a setup's description has ``required``, ``additionalProperties``, and of each key ``type``, ``enum`` (a number may be written as a
string), ``minimum`` and ``maximum``; beside these ``refused: {value: why}`` and ``format: url | headers``. It is not checked by JSON Schema since
no message may show a value: it may be a key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from silvercup.errors import Problem, ToolFailed
from silvercup.tools.integrations.provider import Provider
from silvercup.tools.outgoing import header_problem
from silvercup.tools.targets import url_problem
from silvercup.values import JsonObject

_TYPES = {"string": str, "object": dict, "boolean": bool, "integer": int, "array": list}


def check_setup(provider: Provider, setup: JsonObject) -> None:
    """Check what a call's tool is set up with.

    Raises:
        ToolFailed: Something is missing (named), or is not what it should be; no value is shown.
    """
    missing, wrong = _missing(provider, setup), _wrong(provider, setup)
    if missing:
        names = ", ".join(missing)
        raise ToolFailed(f"The setup of the integration {provider.name} lacks {names}")
    for key, why in wrong.items():
        raise ToolFailed(f"{key} in the setup of the integration {provider.name} {why}")


def setup_problems(provider: Provider, setup: JsonObject, is_open: Callable[[object], bool]) -> list[Problem]:
    """What is wrong with the setup of a definition: all that a call would refuse, and what no provider knows or takes.

    Args:
        provider: The provider.
        setup: The setup.
        is_open: Says of a value that what it will be is not known yet: it is only there.

    Returns:
        Problems at ``setup.<key>``.
    """
    missing = _missing(provider, setup)
    closed = {key: value for key, value in setup.items() if key not in missing and not is_open(value)}
    problems = [Problem(f"setup.{key}", f"is missing; {provider.name} needs it") for key in missing]
    problems += [Problem(f"setup.{key}", why) for key, why in _wrong(provider, closed).items()]
    known: JsonObject = provider.setup.get("properties", {})
    if not provider.setup.get("additionalProperties"):
        problems += [_unknown(provider, key, known) for key in setup if key not in known]
    told = {problem.loc for problem in problems}
    for key, schema in known.items():
        if f"setup.{key}" not in told and closed.get(key):
            problems += _misshapen(f"setup.{key}", schema.get("format"), closed[key], is_open)
    return problems


def _missing(provider: Provider, setup: JsonObject) -> list[str]:
    return [key for key in provider.setup.get("required", ()) if setup.get(key) in (None, "")]


def _wrong(provider: Provider, setup: JsonObject) -> dict[str, str]:
    """What is said of keys whose values are not of the type or not among those that there can be."""
    schemas: JsonObject = provider.setup.get("properties", {})
    said = {key: _why(schema, setup[key]) for key, schema in schemas.items() if setup.get(key) is not None}
    return {key: why for key, why in said.items() if why}


def _why(schema: JsonObject, value: Any) -> str | None:
    kinds = cast("list[str]", schema["type"] if isinstance(schema["type"], list) else [schema["type"]])
    if not any(_is(value, kind) for kind in kinds):
        return f"must be {' or '.join(f'an {kind}' if kind[0] in 'aeiou' else f'a {kind}' for kind in kinds)}"
    among = [str(one) for one in schema.get("enum", ())]
    if among and str(value) not in among:
        why = schema.get("refused", {}).get(value)
        return f"must be {', '.join(among[:-1])} or {among[-1]}{f'; {value!r} {why}' if why else ''}"
    if "minimum" in schema and not schema["minimum"] <= value <= schema.get("maximum", value):
        most = f" and at most {schema['maximum']}" if "maximum" in schema else ""
        return f"must be at least {schema['minimum']}{most}"
    return None


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _unknown(provider: Provider, key: str, known: JsonObject) -> Problem:
    from statemachines.problems import did_you_mean

    what = f"is nothing that {provider.name} is set up with" if known else f"is not known; {provider.name} has no setup"
    return Problem(f"setup.{key}", what, hint=did_you_mean(key, known))


def _misshapen(loc: str, form: str | None, value: Any, is_open: Callable[[object], bool]) -> list[Problem]:
    """What is wrong with a value that is more than of its type."""
    if form == "url":
        why = url_problem(value)
        return [Problem(loc, why)] if why else []
    if form != "headers":
        return []
    said = {key: header_problem(key, one) for key, one in value.items() if not is_open(one)}
    return [Problem(f"{loc}.{key}", why) for key, why in said.items() if why]
