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
"""Characters of the shortest value that is looked for inside of texts: shorter ones stand there by accident."""
_NUMBER = re.compile(r"[-+0-9.eE]+")


class Redactor:
    """Replaces values by ``***``, the longest first: as they are, escaped as in JSON, quoted as in URLs, and inside of base64.

    Args:
        values: What to look for; those shorter than ``SHORTEST`` are found only where they are all of a JSON string.
    """

    def __init__(self, values: Iterable[str]) -> None:
        known = list(values)
        found = {text for value in known if len(value) >= SHORTEST for text in forms(value).values()}
        ordered = sorted(found, key=lambda form: (-len(form), form))
        pattern = "|".join(map(re.escape, ordered))
        self._text = re.compile(pattern) if ordered else None
        self._bytes = re.compile(pattern.encode("utf-8", "surrogatepass")) if ordered else None
        self._short = frozenset(value for value in known if 0 < len(value) < SHORTEST)
        self._numbers = any(_NUMBER.fullmatch(form) for form in ordered)

    def text(self, text: str) -> str:
        """A text without the values."""
        return text if self._text is None else self._text.sub(lambda found: self.put(found[0]), text)

    def raw(self, body: bytes) -> bytes:
        """Bytes without the values in UTF-8."""
        return body if self._bytes is None else self._bytes.sub(MASK.encode(), body)

    def json(self, value: Any) -> Any:
        """A JSON value without the values, in keys as well; a number that holds one becomes ``***``."""
        if self._text is None and not self._short:
            return value
        if isinstance(value, str):
            return self.put(value) if value in self._short else self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {self.text(str(key)): self.json(item) for key, item in cast("dict[Any, Any]", value).items()}
        if self._numbers and isinstance(value, int | float) and not isinstance(value, bool):
            text = json.dumps(value)
            return self.put_number(text) if self._text is not None and self._text.search(text) else value
        return value

    def put(self, form: str) -> str:
        """What stands in the place of a form of a value."""
        del form
        return MASK

    def put_number(self, text: str) -> str:
        """What stands in the place of a number that holds a value."""
        del text
        return MASK


def forms(value: str) -> dict[str, str]:
    """The texts that a value may stand as, by a name for each: ``""`` is the value itself."""
    return dict(_forms(value)) if len(value) >= SHORTEST else {"": value}


def _forms(value: str) -> Iterator[tuple[str, str]]:
    yield "", value
    escaped = {"json": json.dumps(value)[1:-1], "utf8": json.dumps(value, ensure_ascii=False)[1:-1]}
    for name, text in {**escaped, "repr": repr(value)[1:-1]}.items():
        yield name, text
        yield f"{name}-slash", text.replace("/", "\\/")
    for name, text in {
        "path": quote(value, errors="replace"),
        "url": quote(value, safe="", errors="replace"),
        "form": quote_plus(value, errors="replace"),
    }.items():
        yield name, text
        yield f"{name}-lower", re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)
    data = value.encode("utf-8", "replace")
    for offset in range(3):
        yield from _inside_base64(data, offset)


def _inside_base64(data: bytes, offset: int) -> Iterator[tuple[str, str]]:
    """What base64 makes of some bytes wherever they begin in a group of three, without the characters that neighbours have a part in."""
    first = (0, 2, 3)[offset]
    whole = (offset + len(data)) * 8 // 6
    for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        core = encode(b"\0" * offset + data).decode()[first:whole]
        if len(core) >= SHORTEST:
            yield f"{name}-{offset}", core
