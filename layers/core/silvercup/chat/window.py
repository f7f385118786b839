"""What a session's item says of its history: how many turns there are, where they are, and how many tokens they take.

Turns are numbered from 0 and found by number, never by a query. The newest ones (the *tail*) are read one by one; older ones are read in
*packs* of many, so that any length of history takes one batch of reads. The running totals say which of them fit before any is read.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Any

from silvercup.values import dumps, loads

TAIL = 48
"""Turns of the tail from which on its older half is packed."""
PACKED = 24
"""Turns that go into a pack at once."""
MOST_PACKS = 24
"""Packs that the window knows; with the tail they are less than the 100 keys of one batch of reads."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Many turns in one item.

    Attributes:
        number: Its number, which names its item.
        first: Its first turn.
        end: The turn after its last.
        total: The running total of tokens after its last turn.
        size: Bytes of its item's body.
        edits: The window's ``edits`` when it was written.
    """

    number: int
    first: int
    end: int
    total: int
    size: int
    edits: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands for the oldest turns.

    Attributes:
        number: Its number, which names its item.
        upto: The first turn that it does not cover.
        total: The running total of tokens before that turn.
        tokens: How many it takes itself.
    """

    number: int
    upto: int
    total: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Window:
    """A session's history, as its item knows it.

    Attributes:
        first: The first turn that was not deleted.
        before: The running total of tokens before that turn.
        packs: The packs, oldest first, without gaps; the last ends where the tail begins.
        tail: The running total after each turn of the tail.
        tail_first: The first turn of the tail.
        next_pack: The number of the next new pack.
        summary: What stands for the oldest turns; None while nothing does.
        ratio: What the model's provider counted for the last prompt, over what was estimated for it.
        edits: How often entries were deleted; a pack that was written by one who did not know of that is not read.
        limit: How many tokens of history the last turn had room for; None: it had no limit that mattered.
    """

    first: int = 0
    before: int = 0
    packs: tuple[Pack, ...] = ()
    tail: tuple[int, ...] = ()
    tail_first: int = 0
    next_pack: int = 0
    summary: Summary | None = None
    ratio: float = 1.0
    edits: int = 0
    limit: int | None = None

    @property
    def turns(self) -> int:
        """The number of the next turn."""
        return self.tail_first + len(self.tail)

    @property
    def total(self) -> int:
        """The running total of tokens after the last turn."""
        if self.tail:
            return self.tail[-1]
        return self.packs[-1].total if self.packs else self.before

    @property
    def start(self) -> int:
        """The first turn that no summary stands for."""
        return self.summary.upto if self.summary else self.first

    @property
    def tokens(self) -> int:
        """Tokens of all turns that no summary stands for."""
        return self.total - (self.summary.total if self.summary else self.before)

    @property
    def summary_tokens(self) -> int:
        """How many tokens the summary takes."""
        return self.summary.tokens if self.summary else 0

    def back(self, tokens: int) -> int:
        """The first of the newest turns that together have at most so many tokens; the last turn always counts.

        It is exact within the tail. Before it, it is the first turn of the pack that holds the exact one.
        """
        least = self.total - tokens
        found = self.turns
        if self.tail:
            befores = (self._tail_before, *self.tail[:-1])
            place = bisect_left(befores, least)
            found = self.tail_first + min(place, len(self.tail) - 1)
            if place:
                return max(found, self.start)
        for pack in reversed(self.packs):
            if pack.total <= least:
                break
            found = pack.first
        return max(found, self.start)

    def behind(self, turn: int) -> list[Pack]:
        """The packs that hold turns from this one on."""
        return [pack for pack in self.packs if pack.end > turn]

    def appended(self, *totals: int) -> Window:
        """With further turns, given by the running total after each."""
        return replace(self, tail=(*self.tail, *totals))

    def packed(self, pack: Pack) -> Window:
        """With the first turns of the tail in a pack, which is new or takes the place of the last one."""
        count = pack.end - self.tail_first
        kept = tuple(one for one in self.packs if one.number != pack.number)
        return replace(
            self,
            packs=(*kept, pack)[-MOST_PACKS:],
            tail=self.tail[count:],
            tail_first=pack.end,
            next_pack=max(self.next_pack, pack.number + 1),
        )

    def summarized(self, summary: Summary) -> Window:
        """With a summary in the place of its oldest turns, and of the summary before."""
        return replace(self, summary=summary)

    def upto(self, turn: int, total: int, tokens: int) -> Window:
        """As it was after one of its turns.

        Args:
            turn: The turn's number.
            total: The running total after it.
            tokens: Its own tokens.
        """
        summary = self.summary if self.summary and self.summary.upto <= turn + 1 else None
        past = replace(self, summary=summary)
        if turn >= self.tail_first:
            return replace(past, tail=self.tail[: turn + 1 - self.tail_first])
        packs = [pack for pack in self.packs if pack.first <= turn]
        if not packs:
            return replace(
                past, first=turn, before=total - tokens, packs=(), tail=(total,), tail_first=turn, summary=None
            )
        if packs[-1].end > turn + 1:
            packs[-1] = replace(packs[-1], end=turn + 1, total=total)
        return replace(past, packs=tuple(packs), tail=(), tail_first=turn + 1)

    def cleared(self) -> Window:
        """Without a history; its turns keep their numbers."""
        return Window(
            first=self.turns,
            before=self.total,
            tail_first=self.turns,
            next_pack=self.next_pack,
            ratio=self.ratio,
            edits=self.edits + 1,
        )

    def edited(self, pack: Pack | None) -> Window:
        """After entries of a turn were deleted; ``pack`` is the pack that held it, written anew."""
        packs = (pack if pack is not None and one.number == pack.number else one for one in self.packs)
        return replace(self, packs=tuple(packs), edits=self.edits + 1)

    def encode(self) -> str:
        """Its JSON text, as short as it is clear."""
        summary = self.summary
        return dumps(
            {
                "first": [self.first, self.before],
                "packs": [[one.number, one.first, one.end, one.total, one.size, one.edits] for one in self.packs],
                "tail": [self.tail_first, *self.tail],
                "next_pack": self.next_pack,
                "summary": None if summary is None else [summary.number, summary.upto, summary.total, summary.tokens],
                "ratio": round(self.ratio, 3),
                "edits": self.edits,
                "limit": self.limit,
            }
        )

    @classmethod
    def decode(cls, text: str | None) -> Window:
        """The window of a session's item; an empty one where there was no turn yet."""
        if not text:
            return cls()
        found: dict[str, Any] = loads(text)
        return cls(
            first=found["first"][0],
            before=found["first"][1],
            packs=tuple(Pack(*one) for one in found["packs"]),
            tail=tuple(found["tail"][1:]),
            tail_first=found["tail"][0],
            next_pack=found["next_pack"],
            summary=Summary(*found["summary"]) if found["summary"] else None,
            ratio=found["ratio"],
            edits=found["edits"],
            limit=found["limit"],
        )

    @property
    def _tail_before(self) -> int:
        return self.packs[-1].total if self.packs else self.before
