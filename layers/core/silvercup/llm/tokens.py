"""An estimate of tokens, for where no provider counts them."""

from __future__ import annotations

from typing import Any, cast

from silvercup import values

CHARACTERS_PER_TOKEN = 4
"""The rule of thumb for text in ASCII."""
IMAGE_TOKENS = 1_500
"""What an image counts: about what a provider makes of one of a million pixels."""
MESSAGE_TOKENS = 4
"""What a message costs beside what it says; its role is part of it."""

_LEADS_OF_TWO = bytes(range(0xC2, 0xE0))
_LEADS_OF_THREE = bytes(range(0xE0, 0xF0))
_LEADS_OF_FOUR = bytes(range(0xF0, 0xF5))


def estimate(value: Any) -> int:
    """About how many tokens a text, or the text in a JSON value, takes, rounded up.

    Of the characters of ASCII four make a token; of the scripts that UTF-8 writes with two bytes (Cyrillic, Greek, Arabic, Hebrew,
    letters with accents) two; of the others (Chinese, Japanese, Korean, Thai, ...) each is one, an emoji two. A provider's count
    differs: by up to a quarter for prose, by more for code, numbers and base64, which need more tokens than this says.
    A message (an object with a ``role``) adds ``MESSAGE_TOKENS``; an image counts ``IMAGE_TOKENS``, whatever its size.
    """
    return -(-_quarters(value) // CHARACTERS_PER_TOKEN)


def _quarters(value: Any) -> int:
    """Tokens times four."""
    match value:
        case str():
            return IMAGE_TOKENS * 4 if value.startswith("data:image/") else _of_text(value)
        case {"type": "image_url" | "image"}:
            return IMAGE_TOKENS * 4
        case dict():
            fields = cast("dict[str, Any]", value)
            own = MESSAGE_TOKENS * 4 if "role" in fields else 0
            return own + sum(_quarters(item) for name, item in fields.items() if name != "role")
        case list() | tuple():
            return sum(_quarters(item) for item in cast("list[Any]", value))
        case None:
            return 0
        case _:
            return len(values.dumps(value))


def _of_text(text: str) -> int:
    if text.isascii():
        return len(text)
    data = text.encode("utf-8", "surrogatepass")
    two, three, four = (_count(data, leads) for leads in (_LEADS_OF_TWO, _LEADS_OF_THREE, _LEADS_OF_FOUR))
    return len(text) + two + 3 * three + 7 * four


def _count(data: bytes, wanted: bytes) -> int:
    return len(data) - len(data.translate(None, wanted))
