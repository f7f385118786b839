"""The types of tools: which there are, which of them are run here, and how often a model may call them."""

from __future__ import annotations

from collections.abc import Mapping
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
MOST_ROUNDS = 25
"""How often a model may call tools in one turn, or in one prompt; then it has to answer."""


def runs_here(tool: Mapping[str, Any]) -> bool:
    """Whether a tool is run here; if not, its call is the caller's."""
    kind = tool.get("type")
    return isinstance(kind, str) and kind in RUN_HERE
