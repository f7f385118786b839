"""A tool's result as the text of a message."""

from __future__ import annotations

from typing import Any

from silvercup.values import dumps

MAX_CHARS = 200_000


def as_content(result: Any, limit: int = MAX_CHARS) -> str:
    """A result as the content of a role-``tool`` message: a string as it is, anything else as JSON.

    Args:
        result: A JSON value.
        limit: The longest text; what is over is cut off, and the text says so.
    """
    text = result if isinstance(result, str) else dumps(result)
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut off: the result has {len(text):,} characters, the first {limit:,} are shown]"
