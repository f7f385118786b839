"""Long texts into chunks, along their own structure: sections, paragraphs, sentences, words, characters.

Every chunk is a piece of the text as it stands there, without the white space at its ends. A section (a Markdown heading and what follows it)
that fits into a chunk is never divided; small ones share a chunk. A longer section has chunks of its own: its paragraphs are packed into
them, those that are too long by sentences, and so on down. Each of its chunks after the first begins with the last whole sentences of the one
before, so that what a sentence refers to is at hand where it can be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from silvercup.docs import sentences
from silvercup.docs.blocks import Block, Section, sections

type Span = tuple[int, int]
"""Begin and end of a piece of the text; no white space at its ends."""

_WORD = re.compile(r"\S+")
_LONGEST_CLUSTER = 32
"""Characters that are kept together at most: a text of nothing but accents is cut as well."""
_BEFORE_SENTENCE = 64
"""Characters that are looked at before the place where a sentence may start."""
_JOINER = "\u200d"


def split(text: str, *, max_chars: int, overlap: int) -> list[str]:
    """The chunks of a text, in its order. Takes time in proportion to the text's length.

    Args:
        text: Plain or Markdown.
        max_chars: The longest chunk, in characters (code points).
        overlap: How many characters of the chunk before a chunk begins with, at most; below ``max_chars``. There is none across headings,
            none inside a code block, and none where a single sentence is longer.

    Returns:
        The text itself when it is not longer than ``max_chars``; nothing for a blank one. Otherwise chunks of 1 to ``max_chars`` characters
        that together hold every character but white space between them.

    Raises:
        ValueError: ``overlap`` is not below ``max_chars``, or below 0.
    """
    if not 0 <= overlap < max_chars:
        raise ValueError(f"an overlap of {overlap} does not fit chunks of {max_chars} characters")
    if not text.strip():
        return []
    if len(text) <= max_chars:
        return [text]
    splitter = _Splitter(text, max_chars, overlap)
    return [text[begin:end] for begin, end in splitter.chunks()]


class _Splitter:
    def __init__(self, text: str, max_chars: int, overlap: int) -> None:
        self._text = text
        self._max = max_chars
        self._overlap = overlap
        self._room = max_chars - overlap
        """The longest piece of a divided section: with the overlap before it, it still fits."""

    def chunks(self) -> Iterator[Span]:
        small: Span | None = None
        for section in sections(self._text):
            begin, end = section.begin, section.end
            if small and end - small[0] <= self._max:
                small = small[0], end
                continue
            if small:
                yield small
                small = None
            if end - begin <= self._max:
                small = begin, end
            else:
                yield from self._packed(section)
        if small:
            yield small

    def _packed(self, section: Section) -> Iterator[Span]:
        """The chunks of a section that is too long for one."""
        chunk: Span | None = None
        closed = section.begin
        """Where the last code block ends: no overlap begins inside one."""
        headed = False
        for block in section.blocks:
            room = self._beside(chunk, block) if chunk and headed else self._room
            headed = block.kind == "heading"
            for begin, end in self._pieces(block, room):
                if chunk is None:
                    chunk = begin, end
                elif end - chunk[0] <= self._max:
                    chunk = chunk[0], end
                else:
                    yield chunk
                    chunk = self._overlapping(chunk, (begin, end), closed), end
                if block.kind == "code":
                    closed = block.end
        if chunk:
            yield chunk

    def _beside(self, heading: Span, block: Block) -> int:
        """How long the pieces of the block after a heading are, so that the heading does not stand alone."""
        left = self._max - (block.begin - heading[0])
        return min(self._room, left) if left > self._room // 4 else self._room

    def _overlapping(self, before: Span, piece: Span, closed: int) -> int:
        """Where the chunk of a piece begins: at the earliest whole sentence of the chunk before it that there is room for."""
        begin, end = piece
        earliest = max(before[1] - self._overlap, end - self._max, before[0] + 1, closed)
        if earliest >= before[1]:
            return begin
        starts = sentences.starts(self._text, max(before[0], earliest - _BEFORE_SENTENCE), before[1])
        return next((start for start in starts if start >= earliest), begin)

    def _pieces(self, block: Block, room: int) -> Iterator[Span]:
        """A block in pieces that fit: itself, or its sentences (of code its lines), their words, or parts of those."""
        if block.end - block.begin <= (self._max if block.kind == "code" else room):
            yield block.begin, block.end
            return
        parts = self._lines(block) if block.kind == "code" else self._sentences(block)
        for begin, end in parts:
            if end - begin <= room:
                yield begin, end
                continue
            for word in _WORD.finditer(self._text, begin, end):
                yield from self._cut(*word.span(), room)

    def _sentences(self, block: Block) -> Iterator[Span]:
        return self._between(block, sentences.starts(self._text, block.begin, block.end))

    def _lines(self, block: Block) -> Iterator[Span]:
        newlines = re.compile("\n").finditer(self._text, block.begin, block.end)
        return self._between(block, (newline.end() for newline in newlines))

    def _between(self, block: Block, starts: Iterable[int]) -> Iterator[Span]:
        begin = block.begin
        for start in (*starts, block.end):
            part = self._text[begin:start]
            stripped = part.strip()
            if stripped:
                begin += len(part) - len(part.lstrip())
                yield begin, begin + len(stripped)
            begin = start

    def _cut(self, begin: int, end: int, room: int) -> Iterator[Span]:
        """A word, in parts where it is too long; what makes one character for a reader stays together."""
        while end - begin > room:
            at = begin + room
            lowest = max(begin, at - _LONGEST_CLUSTER)
            while at > lowest and _belongs_together(self._text[at - 1], self._text[at]):
                at -= 1
            at = at if at > lowest else begin + room
            yield begin, at
            begin = at
        yield begin, end


def _belongs_together(before: str, char: str) -> bool:
    """Whether two neighbours are one character for a reader: a letter with its accents, an emoji of several, a surrogate pair."""
    return (
        unicodedata.category(char) in {"Mn", "Me", "Mc"}
        or _JOINER in {before, char}
        or ("\U0001f3fb" <= char <= "\U0001f3ff")
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= char <= "\udfff")
        or ("\U0001f1e6" <= char <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff")
    )
