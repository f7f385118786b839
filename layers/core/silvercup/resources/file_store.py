"""The port to where the bytes of files are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of bytes without reading them.

    Attributes:
        size: How many.
        sha256: Their SHA-256 (hex) where the store has checked it itself; None: they have to be read for it.
    """

    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that needs no key.

    Attributes:
        url: Where to; the permission is in it.
        headers: What has to be sent with it, exactly.
    """

    url: str
    headers: Mapping[str, str]


class FileStore(Protocol):
    """Bytes by name, read and written in parts, and addresses under which others may do that."""

    def put(self, name: str, body: bytes, sha256: str) -> None:
        """Write bytes whose SHA-256 (hex) is known."""
        ...

    def look(self, name: str) -> Stored | None:
        """What is there; None: nothing."""
        ...

    def chunks(self, name: str) -> Iterator[bytes] | None:
        """The bytes in parts of at most ``CHUNK_BYTES``, all but the last of that size; None: nothing is there.

        Raises:
            TransientError: The line broke; also from the iterator.
        """
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Take bytes away; names that don't exist are passed over."""
        ...

    def upload(self, name: str, size: int, sha256: str | None, seconds: int) -> Signed:
        """A ``PUT`` that writes a name once: exactly so many bytes, and those of the hash where one is given.

        Args:
            name: What it writes.
            size: How many bytes it must have.
            sha256: Their SHA-256 (hex), where it is known.
            seconds: How long it may begin.
        """
        ...

    def download(self, name: str, *, mime_type: str, disposition: str, seconds: int) -> str:
        """A URL that gives the bytes with these headers, ``Content-Type`` and ``Content-Disposition``."""
        ...


CHUNK_BYTES = 3 << 18
"""A multiple of three, so that parts in base64 can be joined."""
