"""What the compiler has to know of a tool: which function of ours runs it, and that what it defines is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from silvercup.errors import Problem
from silvercup.expressions.check import check_value
from silvercup.expressions.secrets import ONLY_SECRETS
from silvercup.tool_types import runs_here
from statemachines.problems import Problems

type ToolCheck = Callable[[Mapping[str, Any]], Sequence[Problem]]
"""Says what is wrong with what a tool's type defines: problems at ``<type>.<key>``. None of it is known here: who runs tools does."""

_NEEDS_MODEL = frozenset(
    {
        *(f"{owner}.search" for owner in ("agent/doc", "user/doc", "doc")),
        *("doc.embed", "session.chat"),
    }
)
"""System operations that call a model or search docs, by ``resource.operation`` or ``resource/subresource.operation``."""


def needs_model(tool: Mapping[str, Any]) -> bool:
    """Whether a tool calls a model or searches docs, which only the function ``prompts`` may."""
    spec: Any = tool.get("system") if tool.get("type") == "system" else None
    if not isinstance(spec, dict):
        return False
    known = cast("dict[str, Any]", spec)
    inner = known.get("subresource")
    resource = f"{known.get('resource')}/{inner}" if inner else str(known.get("resource"))
    return f"{resource}.{known.get('operation')}" in _NEEDS_MODEL


def any_tool(_: Mapping[str, Any]) -> tuple[Problem, ...]:
    """The ``ToolCheck`` that has nothing against any tool."""
    return ()


def check_spec(tool: Mapping[str, Any], loc: str, check: ToolCheck, problems: Problems) -> None:
    """Note what is wrong with what a tool of a task defines, its expressions included.

    Args:
        tool: The tool.
        loc: Where it stands (``tools[0]``).
        check: Says what is wrong with what its type defines.
        problems: Where to note it.
    """
    _check_expressions(tool, loc, problems)
    told = {problem.loc for problem in problems.errors}
    found = [replace(problem, loc=f"{loc}.{problem.loc}") for problem in check(tool)]
    problems.take([problem for problem in found if problem.loc not in told], ())


def _check_expressions(tool: Mapping[str, Any], loc: str, problems: Problems) -> None:
    if not runs_here(tool):
        return
    kind = tool["type"]
    errors, _ = check_value(tool.get(kind), loc=f"{loc}.{kind}", names=ONLY_SECRETS)
    problems.take(errors, ())
