"""The outline of a Markdown text: sections under their headings, and the blocks that these are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\n]*)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t\r]|$)")
_UNDERLINE = re.compile(r" {0,3}=+[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph (list, table, ...) or a code block: no white space at its ends.

    Attributes:
        begin: Where it begins in the text.
        end: Where it ends.
        kind: ``heading``, ``text`` or ``code``.
    """

    begin: int
    end: int
    kind: str


@dataclass(slots=True)
class Section:
    """A heading (several, where nothing stands between them) and what follows it up to the next one."""

    blocks: list[Block] = field(default_factory=list[Block])

    @property
    def begin(self) -> int:
        """Where its first block begins."""
        return self.blocks[0].begin

    @property
    def end(self) -> int:
        """Where its last block ends."""
        return self.blocks[-1].end


def sections(text: str) -> list[Section]:
    """The sections of a text, in order; one without headings has one, a blank one none.

    Headings are lines that begin with ``#``, and lines underlined with ``=``; within code they are none. A code block that isn't closed
    goes to the end, as in CommonMark.
    """
    found: list[Section] = []
    for block in _blocks(text):
        headed = bool(found) and found[-1].blocks[-1].kind == "heading"
        if not found or (block.kind == "heading" and not headed):
            found.append(Section())
        found[-1].blocks.append(block)
    return found


def _blocks(text: str) -> Iterator[Block]:
    begin = 0
    """Where the paragraph begins that the line belongs to."""
    fence: str | None = None
    lines = 0
    for start, end in _lines(text):
        line = text[start:end]
        if fence is not None:
            if _closes(line, fence):
                yield from _block(text, begin, end, "code")
                begin, fence, lines = end, None, 0
        elif (opened := _FENCE.match(line)) and not (opened[1].startswith("`") and "`" in opened[2]):
            yield from _block(text, begin, start, "text")
            begin, fence, lines = start, opened[1], 0
        elif _HEADING.match(line):
            yield from _block(text, begin, start, "text")
            yield from _block(text, start, end, "heading")
            begin, lines = end, 0
        elif not line.strip():
            yield from _block(text, begin, start, "text")
            begin, lines = end, 0
        elif lines == 1 and _UNDERLINE.fullmatch(line):
            yield from _block(text, begin, end, "heading")
            begin, lines = end, 0
        else:
            lines += 1
    yield from _block(text, begin, len(text), "text" if fence is None else "code")


def _block(text: str, begin: int, end: int, kind: str) -> Iterator[Block]:
    part = text[begin:end]
    begin += len(part) - len(part.lstrip())
    end -= len(part) - len(part.rstrip())
    if begin < end:
        yield Block(begin, end, kind)


def _closes(line: str, fence: str) -> bool:
    closing = line.strip()
    return len(closing) >= len(fence) and closing == fence[0] * len(closing)


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of every line, without its newline."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1
