"""What a caller may write into a doc, checked and made ready to be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from silvercup.docs.documents import Text
from silvercup.docs.filters import terms_of
from silvercup.docs.splitting import split
from silvercup.errors import InvalidRequest, InvalidShape, Problem, TooLarge
from silvercup.values import JsonObject, dumps

MAX_PART = 30_000
"""Characters of one element of ``content``, as in v1."""
MAX_TEXT = 2_000_000
"""Characters of a text that is split."""
MAX_PARTS = 2_000
"""Chunks of one doc."""
MAX_TITLE = 800
MAX_METADATA = 60_000
"""Bytes of a doc's metadata as JSON."""
MIN_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Chunking:
    """How a long text is split.

    Attributes:
        max_chars: The longest chunk, ``MIN_CHUNK`` to ``MAX_PART`` characters.
        overlap: How many characters of the chunk before a chunk may begin with, less than half of ``max_chars``.

    Raises:
        InvalidRequest: A number is out of its range.
    """

    max_chars: int = 1_500
    overlap: int = 200

    def __post_init__(self) -> None:
        if not MIN_CHUNK <= self.max_chars <= MAX_PART:
            raise InvalidRequest(
                f"A chunk has {MIN_CHUNK} to {MAX_PART:,} characters at most; max_chars is {self.max_chars:,}"
            )
        if not 0 <= self.overlap <= self.max_chars // 2:
            raise InvalidRequest(
                f"The overlap is 0 to half of max_chars ({self.max_chars // 2:,}); it is {self.overlap:,}"
            )


def text_of(content: str | Sequence[str], chunking: Chunking) -> Text:
    """A text with its chunks: a list is taken as its caller has split it, a long text is split here.

    Raises:
        InvalidShape: It is empty, or a part of it is; an element of the list is over ``MAX_PART``.
        TooLarge: There is too much of it.
    """
    if isinstance(content, str):
        _refuse_blank(content, "content")
        if len(content) > MAX_TEXT:
            raise TooLarge(
                f"A doc's text has at most {MAX_TEXT:,} characters; this one has {len(content):,}: split it into several docs"
            )
        chunks = split(content, max_chars=chunking.max_chars, overlap=chunking.overlap)
        if len(chunks) > MAX_PARTS:
            raise TooLarge(
                f"A doc has at most {MAX_PARTS:,} chunks; this text gives {len(chunks):,} with max_chars {chunking.max_chars:,}"
            )
        return Text([content], chunks)
    if not content:
        raise _wrong("content", "The content is empty; send a text, or a list of at least one")
    if len(content) > MAX_PARTS:
        raise TooLarge(f"A doc has at most {MAX_PARTS:,} chunks; this one has {len(content):,}")
    for i, part in enumerate(content):
        _refuse_blank(part, f"content[{i}]")
        if len(part) > MAX_PART:
            advice = "send it as one text, not in a list, to have it split"
            raise _wrong(
                f"content[{i}]", f"A chunk has at most {MAX_PART:,} characters; this one has {len(part):,}: {advice}"
            )
    return Text(content, content)


def checked_title(title: str) -> str:
    """A title that may be stored.

    Raises:
        InvalidShape: It is blank or too long.
    """
    _refuse_blank(title, "title")
    if len(title) > MAX_TITLE:
        raise _wrong("title", f"A title has at most {MAX_TITLE} characters; this one has {len(title):,}")
    return title


def checked_metadata(metadata: JsonObject) -> JsonObject:
    """Metadata that may be stored and searched by.

    Raises:
        TooLarge: It is over ``MAX_METADATA``.
        InvalidRequest: It has more values, or is nested deeper, than a filter can tell apart.
    """
    size = len(dumps(metadata).encode("utf-8", "surrogatepass"))
    if size > MAX_METADATA:
        raise TooLarge(f"A doc's metadata is at most {MAX_METADATA:,} bytes of JSON; this is {size:,}")
    terms_of(metadata)
    return metadata


def _refuse_blank(text: str, loc: str) -> None:
    if not text.strip():
        raise _wrong(loc, "The text is empty")


def _wrong(loc: str, message: str) -> InvalidShape:
    return InvalidShape(f"{loc}: {message}", [Problem(loc, message)])
