"""Files as they leave: headers that make no browser run them, content in base64 as it is read."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from silvercup import values
from silvercup.values import JsonObject

MAX_STREAMED = 50_000_000
"""Bytes of a file that a function sends by itself; a larger one is fetched from the bucket."""
_PLAIN = re.compile(r"[^A-Za-z0-9._ ()+-]")
_PARTS = re.compile(r"[/\\]")


def disposition(name: str) -> str:
    """A ``Content-Disposition`` that saves a file under the last part of its name (RFC 6266); nothing of it is a path."""
    last = _PARTS.split(name)[-1].strip()
    safe = last if last.strip(".") else "file"
    return f"attachment; filename=\"{_PLAIN.sub('_', safe)}\"; filename*=UTF-8''{quote(safe, safe='')}"


def content_headers(file: JsonObject) -> Mapping[str, str]:
    """The headers of a file's bytes: its own type, but never shown as a page."""
    return {
        "content-type": file["mime_type"] or "application/octet-stream",
        "content-length": str(file["size"]),
        "content-disposition": disposition(file["name"]),
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "private",
        "etag": f'"{file["hash"]}"',
    }


def with_content(file: JsonObject, chunks: Iterator[bytes]) -> tuple[int, Iterator[bytes]]:
    """A file's JSON with its content in base64, made while that is read.

    Args:
        file: As the API shows it, with its ``size``.
        chunks: Its bytes; all parts but the last are of a multiple of three bytes.

    Returns:
        How long it will be, and its parts.
    """
    rest = {name: value for name, value in file.items() if name != "content"}
    head = (values.dumps(rest)[:-1] + ',"content":"').encode("utf-8", "replace")
    tail = b'"}'

    def parts() -> Iterator[bytes]:
        yield head
        for chunk in chunks:
            yield base64.b64encode(chunk)
        yield tail

    return len(head) + -(-file["size"] // 3) * 4 + len(tail), parts()
