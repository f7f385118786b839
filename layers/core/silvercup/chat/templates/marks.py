"""Which texts are templates at all: looked at before anything that takes time to import."""

from __future__ import annotations

from typing import Final

MARKS: Final = ("{{", "{%", "{#")


def has_marks(text: str) -> bool:
    """Whether there is anything in a text for a template engine to see."""
    return any(mark in text for mark in MARKS)
