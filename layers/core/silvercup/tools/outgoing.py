"""The port to HTTP: what a tool sends, what comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from silvercup.errors import ToolFailed
from silvercup.values import kind_of

MAX_ANSWER = 5_000_000
"""Bytes of an answer, decompressed."""
MAX_REQUEST = 10_000_000
"""Bytes of a request's body."""
MAX_REDIRECTS = 5
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"})
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_OURS = frozenset(
    "host content-length transfer-encoding connection keep-alive proxy-authorization proxy-authenticate proxy-connection te trailer upgrade expect http2-settings".split()
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent.

    Attributes:
        method: One of ``METHODS``.
        url: Absolute.
        headers: Already checked (``checked_headers``).
        body: The body's bytes, or None.
        seconds: How long it may take: look-up, redirects, attempts and all.
        follow_redirects: Go where the server says, at most ``MAX_REDIRECTS`` times.
        repeatable: Whether it may be sent again when it failed in passing; None: when the method is idempotent.
        max_bytes: The longest answer that is taken.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes | None = field(default=None, repr=False)
    seconds: float = 60
    follow_redirects: bool = False
    repeatable: bool | None = None
    max_bytes: int = MAX_ANSWER

    @property
    def may_repeat(self) -> bool:
        """Whether it may be sent again."""
        return self.method in IDEMPOTENT if self.repeatable is None else self.repeatable


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back.

    Attributes:
        status: 200 to 599.
        reason: The phrase beside it, or an empty string.
        headers: Names in lower case; several of one name joined by ``, ``.
        body: Decompressed.
        shown: Where it came from, for messages: scheme, host and port.
    """

    status: int
    reason: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    shown: str = ""


class HttpSender(Protocol):
    """Sends requests to public addresses only."""

    def send(self, request: HttpRequest, /) -> HttpAnswer:
        """Send a request and read the whole answer, whatever its status.

        Raises:
            ToolFailed: The URL or its address is refused, the answer is too long, or nothing came back (``transient``).
        """
        ...


def checked_headers(headers: Mapping[str, object], where: str) -> dict[str, str]:
    """Headers that may be sent; numbers and booleans as text.

    Args:
        headers: As they were given.
        where: What to call them in messages.

    Raises:
        ToolFailed: A name or a value could break out of its line, or a header is not the tool's to set.
    """
    for name, value in headers.items():
        if why := header_problem(name, value):
            raise ToolFailed(f"{where}: {name[:80]!r} {why}")
    return {name: _header_text(value) for name, value in headers.items()}


def header_problem(name: str, value: object) -> str | None:
    """What is wrong with a header, if anything, as it goes on after its name."""
    if not _TOKEN.fullmatch(name):
        return "is not a header's name"
    if name.lower() in _OURS:
        return "is set by Silvercup itself; leave it out"
    if not isinstance(value, str | int | float):
        return f"must be a string; it is {kind_of(value)}"
    if not _VALUE.fullmatch(_header_text(value)):
        return "has line breaks or characters that no header can hold"
    return None


def _header_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip(" \t")
