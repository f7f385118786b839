"""Forms with files in them, ``multipart/form-data`` (RFC 7578)."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from typing import Any, cast
from uuid import uuid4

from silvercup.errors import ToolFailed
from silvercup.values import JsonObject, dumps

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
_SPACE = re.compile(r"\s+")


def multipart(fields: JsonObject) -> tuple[bytes, str]:
    """A form as it is sent.

    Args:
        fields: By name: text, a number, a boolean, null (left out), a list (the name several times), or an object: a file where it has
            ``filename`` and ``base64``, else sent as JSON.

    Returns:
        The body, and its ``Content-Type``.

    Raises:
        ToolFailed: A file is not base64.
    """
    boundary = uuid4().hex
    parts: list[bytes] = []
    for name, value in fields.items():
        for one in cast("list[Any]", value) if isinstance(value, list) else [value]:
            if one is not None:
                head, content = _part(name, one)
                parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def decoded(text: str, what: str) -> bytes:
    """The bytes of a file given in base64; a ``data:`` URL, line breaks and missing padding are fine.

    Raises:
        ToolFailed: It is something else; ``what`` names it.
    """
    pure = _SPACE.sub("", text)
    if found := _DATA_URL.match(pure):
        pure = pure[found.end() :]
    try:
        return base64.b64decode(pure + "=" * (-len(pure) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ToolFailed(f"{what} is not base64") from None


def _part(name: str, value: Any) -> tuple[str, bytes]:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, dict):
        given = cast("JsonObject", value)
        if given.keys() == {"filename", "base64"}:
            filename = str(given["filename"])
            kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
            head = f'{head}; filename="{_quoted(filename)}"\r\nContent-Type: {kind}'
            return head, decoded(str(given["base64"]), f"The file {filename[:80]!r}")
        return head, dumps(given).encode()
    return head, (str(value).lower() if isinstance(value, bool) else str(value)).encode("utf-8", "replace")


def _quoted(name: str) -> str:
    """A name that can't end before it does."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
