"""What the compiler has to know of a tool: who runs it, which function of ours, and which secrets its definition names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.check import check_value
from silvercup.expressions.text import Expression, Template, read
from statemachines.problems import Problems

RUN_HERE = frozenset({"system", "integration", "api_call"})
"""Types of tools that are run by us; calls of all others wait to be answered."""
SECRETS = frozenset({"secrets"})
"""What expressions in the definition of such a tool see."""

_NEEDS_MODEL = frozenset(
    {
        *(f"{owner}.search" for owner in ("agent/doc", "user/doc", "doc")),
        *("doc.embed", "session.chat"),
    }
)
"""System operations that call a model or search docs, by ``resource.operation`` or ``resource/subresource.operation``."""


def runs_here(tool: Mapping[str, Any]) -> bool:
    """Whether we run a tool; if not, whoever resumes the execution does."""
    kind = tool.get("type")
    return isinstance(kind, str) and kind in RUN_HERE


def needs_model(tool: Mapping[str, Any]) -> bool:
    """Whether a tool calls a model or searches docs, which only the function ``prompts`` may."""
    spec: Any = tool.get("system") if tool.get("type") == "system" else None
    if not isinstance(spec, dict):
        return False
    known = cast("dict[str, Any]", spec)
    inner = known.get("subresource")
    resource = f"{known.get('resource')}/{inner}" if inner else str(known.get("resource"))
    return f"{resource}.{known.get('operation')}" in _NEEDS_MODEL


def secrets_of(tool: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the secrets that the expressions of a tool's definition read, in order."""
    if not runs_here(tool):
        return ()
    return tuple(sorted({name for name in _uses(tool.get(tool["type"])) if name}))


def check_expressions(tool: Mapping[str, Any], loc: str, problems: Problems) -> None:
    """Note what is wrong with the expressions in a tool's definition.

    Args:
        tool: The tool.
        loc: Where it stands (``tools[0]``).
        problems: Where to note it.
    """
    if not runs_here(tool):
        return
    kind = tool["type"]
    errors, _ = check_value(tool.get(kind), loc=f"{loc}.{kind}", names=SECRETS)
    problems.take(errors, ())
    if None in _uses(tool.get(kind)):
        hint = "Write secrets.NAME, or secrets['NAME']"
        problems.error(f"{loc}.{kind}", "takes secrets as a whole, or by a name that is computed", hint)


def _uses(value: Any) -> Iterator[str | None]:
    """The names by which a JSON value reads secrets; None where a name is computed."""
    if isinstance(value, str):
        yield from _names_in(value)
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from _uses(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _uses(item)


def _names_in(text: str) -> Iterator[str | None]:
    try:
        found = read(text, SECRETS)
    except ExpressionError:
        return
    if isinstance(found, Expression):
        yield from _read_by(found.tree)
    elif isinstance(found, Template):
        for part in found.parts:
            if not isinstance(part, str):
                yield from _read_by(part.tree)


def _read_by(tree: ast.AST) -> Iterator[str | None]:
    settled: set[int] = set()
    for node in ast.walk(tree):
        base, name = _access(node)
        if base is not None and name is not None:
            settled.add(id(base))
            yield name
        if isinstance(node, ast.Name) and node.id == "secrets" and id(node) not in settled:
            yield None


def _access(node: ast.AST) -> tuple[ast.Name | None, str | None]:
    """``secrets.X``, ``secrets['X']`` or ``secrets.get('X')`` as (the name node, X)."""
    base: ast.AST | None = None
    name: Any = None
    if isinstance(node, ast.Attribute) and node.attr != "get":
        base, name = node.value, node.attr
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        base, name = node.value, node.slice.value
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        base, name = node.func.value, node.args[0].value
    if isinstance(base, ast.Name) and base.id == "secrets" and isinstance(name, str):
        return base, name
    return None, None
