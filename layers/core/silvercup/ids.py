"""Identifiers: UUIDv7 with microseconds, derived ones, and opaque cursors."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import time
from typing import Any

from silvercup import values
from silvercup.errors import InvalidRequest

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def uuid7(t_us: int | None = None, entropy: bytes | None = None) -> str:
    """A UUIDv7 whose text sorts by time, to the microsecond.

    Layout: RFC 9562 section 5.7 with method 3 of section 6.2 (the 12 bits of ``rand_a`` hold the sub-millisecond part).

    Args:
        t_us: Its time in microseconds since the epoch; now when absent.
        entropy: At least 8 bytes to take instead of random ones, so that a retry derives the same id.

    Returns:
        The canonical text, 36 characters.
    """
    t = now_us() if t_us is None else t_us
    millis, micros = divmod(t, 1000)
    random = int.from_bytes((entropy or os.urandom(8))[:8], "big") & ((1 << 62) - 1)
    value = (millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (micros * 4096 // 1000) << 64 | 0b10 << 62 | random
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def time_of(uuid: str) -> int:
    """The time of a UUIDv7 of ``uuid7``, microseconds since the epoch."""
    digits = uuid.replace("-", "")
    return int(digits[:12], 16) * 1000 - (-int(digits[13:16], 16) * 1000 // 4096)


def derived_uuid7(t_us: int, *parts: str) -> str:
    """The UUIDv7 that (time, parts) always give: the random bits are a hash of the parts."""
    return uuid7(t_us, hash128(*parts))


def hash128(*parts: str) -> bytes:
    """16 bytes of BLAKE2b over the parts, kept apart by a zero byte."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in canonical lower-case form."""
    return _UUID.fullmatch(text) is not None


def encode_cursor(value: Any) -> str:
    """An opaque, URL-safe text for a JSON value."""
    return base64.urlsafe_b64encode(values.dumps(value).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Any:
    """The value of a cursor.

    Raises:
        InvalidRequest: It is not one of ours.
    """
    try:
        return values.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise InvalidRequest(f"The cursor {text[:40]!r} is not one that this API gave out") from None
