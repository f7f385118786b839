"""Takes known secret values out of what is shown, kept or handed on."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 6
"""Characters of the shortest value that is looked for: shorter ones stand in texts by accident."""
_NUMBER = re.compile(r"[-+0-9.eE]+")


class Redactor:
    """Replaces values by ``***``, the longest first: as they are, escaped as in JSON, quoted as in URLs, and inside of base64.

    Args:
        values: What to look for; those shorter than ``SHORTEST`` are passed over.
    """

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        pattern = "|".join(map(re.escape, ordered))
        self._text = re.compile(pattern) if ordered else None
        self._bytes = re.compile(pattern.encode()) if ordered else None
        self._numbers = any(_NUMBER.fullmatch(form) for form in ordered)

    def text(self, text: str) -> str:
        """A text without the values."""
        return text if self._text is None else self._text.sub(MASK, text)

    def raw(self, body: bytes) -> bytes:
        """Bytes without the values in UTF-8."""
        return body if self._bytes is None else self._bytes.sub(MASK.encode(), body)

    def json(self, value: Any) -> Any:
        """A JSON value without the values, in keys as well; a number that holds one becomes ``***``."""
        if self._text is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {self.text(str(key)): self.json(item) for key, item in cast("dict[Any, Any]", value).items()}
        if self._numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if self._text.search(json.dumps(value)) else value
        return value


def _forms(value: str) -> Iterator[str]:
    yield value
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
    for quoted in (
        quote(value, errors="replace"),
        quote(value, safe="", errors="replace"),
        quote_plus(value, errors="replace"),
    ):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    data = value.encode("utf-8", "replace")
    for offset in range(3):
        yield from _inside_base64(data, offset)


def _inside_base64(data: bytes, offset: int) -> Iterator[str]:
    """What base64 makes of some bytes wherever they begin in a group of three, without the characters that neighbours have a part in."""
    first = (0, 2, 3)[offset]
    whole = (offset + len(data)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        core = encode(b"\0" * offset + data).decode()[first:whole]
        if len(core) >= SHORTEST:
            yield core
