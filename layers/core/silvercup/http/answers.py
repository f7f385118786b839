"""JSON answers, and the header that tells what was accepted but looks wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from silvercup import values
from silvercup.paging import Listed
from silvercup.values import JsonObject

WARNINGS_HEADER = "X-Silvercup-Warnings"
MAX_WARNINGS_BYTES = 4096


class JsonAnswer(Response):
    """A JSON answer; a lone surrogate, which UTF-8 can't hold, becomes ``?``."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of a JSON value."""
        return values.dumps(content).encode("utf-8", "replace")


def answer(value: Any, status: int = 200, *, warnings: Sequence[JsonObject] = ()) -> JsonAnswer:
    """A JSON answer, with its warnings where there are some."""
    return JsonAnswer(value, status, warnings_headers(warnings))


def warnings_headers(warnings: Sequence[JsonObject]) -> dict[str, str]:
    """The header that tells warnings, where there are some."""
    return {WARNINGS_HEADER: warnings_text(warnings)} if warnings else {}


def page_answer(found: Listed[JsonObject]) -> JsonAnswer:
    """A page of a list; ``next_cursor`` is there while there is more."""
    cursor = {} if found.next_cursor is None else {"next_cursor": found.next_cursor}
    return answer({"items": found.items, **cursor})


def array_answer(found: Listed[JsonObject]) -> JsonAnswer:
    """A page of a list that v1 answered as a bare array: paged by ``offset`` alone."""
    return answer(found.items)


def warnings_text(warnings: Sequence[JsonObject]) -> str:
    """The warnings (``{loc, msg, line?, hint?}``) as a JSON list in ASCII, at most ``MAX_WARNINGS_BYTES`` long; what does not fit is counted in the last one."""
    shown = list(warnings)
    while True:
        left = len(warnings) - len(shown)
        text = json.dumps([*shown, {"msg": f"... and {left} more"}] if left else shown)
        if len(text) <= MAX_WARNINGS_BYTES:
            return text
        shown.pop()
