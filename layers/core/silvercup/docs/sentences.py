"""Where sentences end, by rules that hold for most languages."""
# ruff: noqa: RUF001 - these marks are meant

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]{0,4}(?=\s)"  # a mark, what closes with it, white space
    r"|[。！？｡؟۔।॥]++[\"'”’»」』）】)\]]{0,4}"  # marks that end a sentence without a space after them
    r"|\n(?=[ \t]{0,12}(?:[-*+•|>#]|[0-9]{1,9}[.)]\s))"  # the next item of a list, row of a table, ...
    r"|\n[ \t\r]*+\n"
)
_ABBREVIATIONS = frozenset(
    "abb abs al apr approx art aug bd betr bsp bzw ca cf ch co corp dec dept dr ed eds eg esp est etc ev evtl excl feb fig figs "
    "geb gen ggf gov hon hr hrsg ie inc incl inkl jan jr jul jun lt ltd max mio min mr mrs ms mt mwst nov nr oct okt op p pp pg "
    "prof ref rep resp rev s sec sen sep sept sog sr st str tel u usf usw uvm v vgl vol vols vs z zb zzgl".split()
)
_OPENING = "([{<\"'“‘„«*_"
_LONGEST = 16
"""Characters that are looked at before a full stop."""


def starts(text: str, begin: int, end: int) -> Iterator[int]:
    """Where sentences start in a part of a text, after its first one.

    Not every full stop ends a sentence: those of abbreviations (``e.g.``, ``Dr.``), initials, decimals, numbered items and ordinals
    (``3.``), and those that a small letter follows, do not. An item of a list and a row of a table count as a sentence. Takes time
    in proportion to the part's length.

    Args:
        text: The whole text.
        begin: Where the part begins.
        end: Where it ends.

    Yields:
        Positions of characters that are no white space, above ``begin`` and below ``end``, ascending.
    """
    at = begin
    for match in _END.finditer(text, begin, end):
        if match.end() <= at:
            continue
        at = match.end()
        while at < end and text[at].isspace():
            at += 1
        if at < end and not (match[0].startswith(".") and _goes_on(text, begin, match.start(), at)):
            yield at


def _goes_on(text: str, begin: int, dot: int, following: int) -> bool:
    """Whether the sentence goes on after a full stop at ``dot``; ``following`` is the next character that is no space."""
    if text.startswith("..", dot):
        return text[following].islower()
    before = text[max(begin, dot - _LONGEST) : dot]
    word = (before.split() or [""])[-1].lstrip(_OPENING) if not before[-1:].isspace() else ""
    return (
        text[following].islower()
        or word.lower() in _ABBREVIATIONS
        or (len(word) == 1 and word.isalpha() and word.isascii())
        or (len(word) <= 2 and word.isdecimal())
        or (len(word) > 2 and "." in word and all(len(part) == 1 for part in word.split(".")))
    )
