"""An estimate of tokens, for where no provider counts them."""

from __future__ import annotations

from typing import Any, cast

from silvercup import values

CHARACTERS_PER_TOKEN = 4
"""The rule of thumb for English text; other scripts need more tokens than it says."""


def estimate(value: Any) -> int:
    """About how many tokens a text, or the text in a JSON value, takes: its characters / 4, rounded up.

    Image data counts nothing: it is not read as text.
    """
    return -(-_characters(value) // CHARACTERS_PER_TOKEN)


def _characters(value: Any) -> int:
    match value:
        case str():
            return 0 if value.startswith("data:image/") else len(value)
        case dict():
            return sum(_characters(item) for item in cast("dict[str, Any]", value).values())
        case list() | tuple():
            return sum(_characters(item) for item in cast("list[Any]", value))
        case None:
            return 0
        case _:
            return len(values.dumps(value))
