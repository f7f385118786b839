"""The types of tools: which there are, which of them are run here, which a model has to call, and how often it may."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

TOOL_TYPES = (
    "function",
    "integration",
    "system",
    "api_call",
    "computer_20241022",
    "text_editor_20241022",
    "bash_20241022",
)
RUN_HERE = frozenset({"system", "integration", "api_call"})
"""Types that are run here; calls of the others are given back to the caller, or wait to be answered."""
CHOICES = ("auto", "none", "required")
"""What a ``tool_choice`` may be beside the name of a tool."""
MOST_ROUNDS = 25
"""How often a model may call tools in one turn, or in one prompt; then it has to answer."""


def runs_here(tool: Mapping[str, Any]) -> bool:
    """Whether a tool is run here; if not, its call is the caller's."""
    kind = tool.get("type")
    return isinstance(kind, str) and kind in RUN_HERE


def normal_choice(given: Any) -> str | dict[str, Any] | None:
    """A ``tool_choice`` in OpenAI's shape; v1's has no ``type``, and the name may stand beside it.

    Raises:
        ValueError: It is none; says what it may be.
    """
    match given:
        case None:
            return None
        case str() if given in CHOICES:
            return given
        case {"function": {"name": str(name)}} | {"type": "function", "name": str(name)} if name:
            return {"type": "function", "function": {"name": name}}
        case _:
            raise ValueError(f"is {repr(given)[:60]}; it is {', '.join(CHOICES)}, or a function by its name")


def choice_problem(choice: Any, names: Collection[str], whose: str) -> str | None:
    """Why no tool can follow a ``tool_choice``; None where one can.

    Args:
        choice: In OpenAI's shape.
        names: The tools that there are.
        whose: Whose they are, for the message.
    """
    match choice:
        case "required" if not names:
            return f"is 'required', but {whose} has no tools"
        case {"function": {"name": str(name)}} if name not in names:
            return f"names {name!r}, which is none of {whose}'s tools: {', '.join(names) or 'it has none'}"
        case _:
            return None
