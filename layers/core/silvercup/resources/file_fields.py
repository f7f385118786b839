"""What a request says of a file, checked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from silvercup.errors import InvalidRequest, InvalidShape, Problem, TooLarge
from silvercup.values import JsonObject

MAX_FILE = 5_000_000_000
"""Bytes of a file: what one upload can carry."""
MAX_NAME = 255
MAX_DESCRIPTION = 16_000
MAX_MIME_TYPE = 255
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_MIME_TYPE = re.compile(rf'{_WORD}/{_WORD}(?: *; *{_WORD}=(?:{_WORD}|"[A-Za-z0-9 !#-\[\]-~]*"))*')
_HASH = re.compile(r"[0-9a-f]{64}")
_REORDERING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that show a name in another order than it has, so that ``fdp.exe`` looks like ``exe.pdf``."""


@dataclass(frozen=True, slots=True)
class FileGiven:
    """A file that may be made.

    Attributes:
        body: Its fields, with ``size`` and ``hash`` (empty where it is not known yet).
        content: Its bytes; None: they are uploaded later.
    """

    body: JsonObject
    content: bytes | None


def file_given(fields: JsonObject) -> FileGiven:
    """Check the fields of a new file: with its ``content``, or with the ``size`` of what will be uploaded.

    Raises:
        InvalidShape: A field is not acceptable; says which.
        InvalidRequest: The content is not of the ``size`` or ``hash`` that was given.
        TooLarge: It is over ``MAX_FILE``.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    body: JsonObject = {
        "name": _name(given["name"]),
        "description": _description(given.get("description", "")),
        "mime_type": _mime_type(given.get("mime_type")),
        "metadata": given.get("metadata", {}),
    }
    wanted = _hash(given.get("hash"))
    if "content" not in given:
        return FileGiven({**body, "size": _size(given), "hash": wanted}, None)
    if given.get("upload"):
        raise _wrong("upload", "The content is given already; send it, or upload it, not both")
    content = decoded(given["content"])
    size, digest = len(content), hashlib.sha256(content).hexdigest()
    if given.get("size", size) != size:
        raise InvalidRequest(f"size: The content has {size:,} bytes, not {given['size']:,}")
    if wanted not in {"", digest}:
        raise InvalidRequest(f"hash: The content's SHA-256 is {digest}, not {wanted}")
    return FileGiven({**body, "size": size, "hash": digest}, content)


def decoded(content: str) -> bytes:
    """The bytes of a file that is sent in base64; line breaks in it don't matter.

    Raises:
        InvalidShape: It is no base64, or there are none.
    """
    try:
        body = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise _wrong("content", f"The file's content is not base64: {problem}") from None
    if not body:
        raise _wrong("content", "The file is empty")
    return body


def _name(name: str) -> str:
    if not name.strip():
        raise _wrong("name", "The name is empty")
    if len(name) > MAX_NAME:
        raise _wrong("name", f"A name has at most {MAX_NAME} characters; this one has {len(name):,}")
    for i, char in enumerate(name):
        if char in _REORDERING or unicodedata.category(char) in {"Cc", "Zl", "Zp"}:
            raise _wrong("name", f"A name has no control characters; character {i} of this one is U+{ord(char):04X}")
    return name


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise _wrong("description", f"A description has at most {MAX_DESCRIPTION:,} characters; this has {len(text):,}")
    return text


def _mime_type(text: str | None) -> str | None:
    if text is not None and not (len(text) <= MAX_MIME_TYPE and _MIME_TYPE.fullmatch(text)):
        raise _wrong("mime_type", f"{text[:80]!r} is no MIME type, such as application/pdf")
    return text


def _hash(text: str | None) -> str:
    if text is None:
        return ""
    if not _HASH.fullmatch(text.lower()):
        raise _wrong("hash", "A hash is the SHA-256 of the content: 64 hexadecimal digits")
    return text.lower()


def _size(given: JsonObject) -> int:
    size: Any = given.get("size")
    if size is None and given.get("upload"):
        raise _wrong("size", "The size of what will be uploaded is missing: its bytes")
    if size is None or given.get("upload") is False:
        raise _wrong(
            "content", "The content is missing: base64, or 'upload: true' with the 'size' of what will be uploaded"
        )
    if size < 1:
        raise _wrong("size", f"A file has at least 1 byte; this has {size:,}")
    if size > MAX_FILE:
        raise TooLarge(f"size: A file has at most {MAX_FILE:,} bytes; this one has {size:,}")
    return size


def _wrong(loc: str, message: str) -> InvalidShape:
    return InvalidShape(f"{loc}: {message}", [Problem(loc, message)])
