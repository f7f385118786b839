"""What metadata says of tools: v1's ``x-integrations-setup`` and its like, by which an agent, a task or a session changes what a definition says.

``x-integrations-setup`` and ``x-integrations-args`` are about integrations, ``x-api_call-setup`` and ``x-api_call-args`` about ``api_call`` tools: objects
of objects, by the tool's name. A setup goes over the definition's, arguments go over those of the definition and of the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from silvercup.errors import ExpressionError, InvalidRequest, Problem
from silvercup.expressions.secrets import SECRETS, secret_names
from silvercup.tools.arguments import joined
from silvercup.values import JsonObject

_PREFIXES = {"integration": "x-integrations", "api_call": "x-api_call"}


def may_be_overridden(tool: JsonObject) -> bool:
    """Whether metadata can change a tool."""
    return tool.get("type") in _PREFIXES


def overridden(tool: JsonObject, authors: Iterable[tuple[str, Any]], session: Any = None) -> JsonObject:
    """A tool as metadata has it.

    Args:
        tool: The tool as it is stored.
        authors: The metadata of its agent and task, each with whose it is; later ones win, and all of them may name secrets.
        session: The session's metadata, which wins over these. It may name no secret, and no secret of the tool goes to where it leads: of a setup that it
            changes, values with secrets are left out; an address that it changes is, for ``api_call``, an argument like any other.

    Raises:
        InvalidRequest: Metadata has another shape, or a session's names secrets; says where.
    """
    kind, name = str(tool.get("type")), str(tool.get("name"))
    prefix = _PREFIXES.get(kind)
    spec: Any = tool.get(kind)
    if prefix is None or not isinstance(spec, dict):
        return tool
    changed: JsonObject = dict(cast("JsonObject", spec))
    for whose, metadata in authors:
        changed = _changed(kind, changed, *_said(metadata, whose, prefix, name))
    if session:
        setup, arguments = _said(session, "session", prefix, name)
        _check(setup, f"session.metadata.{prefix}-setup.{name}")
        _check(arguments, f"session.metadata.{prefix}-args.{name}")
        if kind == "api_call":
            headers = {"headers": setup["headers"]} if "headers" in setup else {}
            rest = {key: value for key, value in setup.items() if key != "headers"}
            changed = _changed(kind, changed, headers, joined(rest, arguments))
        else:
            if setup:
                own: JsonObject = changed.get("setup") or {}
                changed["setup"] = {key: value for key, value in own.items() if not _names_secrets(value)}
            changed = _changed(kind, changed, setup, arguments)
    return tool if changed == spec else {**tool, kind: changed}


def _changed(kind: str, spec: JsonObject, setup: JsonObject, arguments: JsonObject) -> JsonObject:
    if setup:
        spec = joined(spec, setup if kind == "api_call" else {"setup": setup})
    return joined(spec, {"arguments": arguments}) if arguments else spec


def _said(metadata: Any, whose: str, prefix: str, name: str) -> Iterator[JsonObject]:
    """The setup and the arguments that metadata has for a tool."""
    for part in ("setup", "args"):
        loc = f"{whose}.metadata.{prefix}-{part}"
        by_name = _object(cast("JsonObject", metadata or {}).get(f"{prefix}-{part}"), loc)
        yield _object(by_name.get(name), f"{loc}.{name}")


def _object(found: Any, loc: str) -> JsonObject:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _wrong(loc, 'must be an object, by the names of tools: {"my_tool": {...}}')
    return cast("JsonObject", found)


def _check(found: JsonObject, loc: str) -> None:
    if _names_secrets(found):
        raise _wrong(loc, "names a secret; only the metadata of agents and tasks may")


def _names_secrets(value: Any) -> bool:
    try:
        return bool(secret_names(value))
    except ExpressionError:
        return SECRETS in str(value)


def _wrong(loc: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{loc} {message}", [Problem(loc, message)])
