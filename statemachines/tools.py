"""What the compiler has to know of a tool: which function of ours runs it, and that it names the secrets that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from silvercup.expressions.check import check_value
from silvercup.expressions.secrets import ONLY_SECRETS
from silvercup.tool_types import runs_here
from statemachines.problems import Problems

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
    errors, _ = check_value(tool.get(kind), loc=f"{loc}.{kind}", names=ONLY_SECRETS)
    problems.take(errors, ())
