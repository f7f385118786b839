"""Packs: many older turns once more in one item, so that any length of history takes one batch of reads.

They are only a faster way to read: where one is missing, or not what the window says, its turns are read one by one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from silvercup.chat.turns import TABLE, Place, Turn, turn_of
from silvercup.chat.window import PACKED, TAIL, Pack, Window
from silvercup.errors import ConditionFailed
from silvercup.storage import Item, Tables
from silvercup.values import dumps, loads

PACK_BYTES = 250_000
"""A pack of at least half of this size is followed by a new one. Its text is compressed."""
_MOST_PACK_BYTES = 380_000


def to_pack(window: Window) -> range | None:
    """The turns that should be packed now; None while the tail is short."""
    if len(window.tail) < TAIL:
        return None
    return range(window.tail_first, window.tail_first + PACKED)


def grows(pack: Pack) -> bool:
    """Whether turns may still be added to a pack."""
    return pack.size < PACK_BYTES // 2


def packed_from(window: Window) -> int | None:
    """The first turn that has to be read so that turns can be packed now; None where nothing is to be packed."""
    wanted = to_pack(window)
    if wanted is None:
        return None
    last = window.packs[-1] if window.packs else None
    return last.first if last is not None and grows(last) else wanted.start


class Packs:
    """Reads and writes packs.

    Args:
        tables: Where they are.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def pack(self, place: Place, window: Window, turns: Sequence[Turn]) -> Window:
        """Put turns of the tail's beginning into a pack: into the last one while it is small, else into a new one.

        Args:
            place: Whose.
            window: What was read.
            turns: What was read; nothing happens when it lacks what has to be packed.
        """
        wanted = to_pack(window)
        by_number = {turn.number: turn for turn in turns}
        if wanted is None or not all(number in by_number for number in wanted):
            return window
        last = window.packs[-1] if window.packs else None
        if last is not None and grows(last) and last.first in by_number:
            longer = range(last.first, wanted.stop)
            if (pack := self._packed(place, last.number, window.edits, [by_number[one] for one in longer])) is not None:
                return window.packed(pack)
        count = len(wanted)
        while count:
            pack = self._packed(place, window.next_pack, window.edits, [by_number[one] for one in wanted[:count]])
            if pack is not None:
                return window.packed(pack)
            window, count = replace(window, next_pack=window.next_pack + 1), count // 2
        return window

    def repack(self, place: Place, window: Window, number: int) -> Window:
        """After a turn was changed: write the pack that holds it anew, and tell its window."""
        pack = next((one for one in window.packs if one.first <= number < one.end), None)
        if pack is None:
            return window.edited(None)
        items = self._tables.get_many([place.turn(one) for one in range(pack.first, pack.end)])
        turns = sorted((turn_of(item) for item in items.values()), key=lambda turn: turn.number)
        whole = len(turns) == pack.end - pack.first
        written = self._packed(place, pack.number, window.edits + 1, turns) if whole else None
        return window.edited(written or replace(pack, edits=-1))

    def _packed(self, place: Place, number: int, edits: int, turns: Sequence[Turn]) -> Pack | None:
        """Write a pack; None where it would be too large, or where another writer has put more into it."""
        text = dumps([_row(turn) for turn in turns])
        body = zlib.compress(text.encode("utf-8", "surrogatepass"), 6)
        if len(body) > _MOST_PACK_BYTES:
            return None
        end = turns[-1].number + 1
        item: Item = {
            "pk": place.pack(number).pk,
            "kind": "pack",
            "first": turns[0].number,
            "end": end,
            "edits": edits,
            "body": body,
        }
        fresh = "attribute_not_exists(#pk) OR #end <= :end"
        try:
            self._tables.put(TABLE, item, condition=fresh, args={"end": end})
        except ConditionFailed:
            return None
        return Pack(number, turns[0].number, end, turns[-1].total, len(body), edits)

    def unpacked(self, pack: Pack, item: Item | None, start: int) -> dict[int, Turn] | None:
        """The turns of a pack from ``start`` on, by number; None where the pack is not what the window says."""
        known = item is not None and item["edits"] == pack.edits
        if item is not None and known and item["first"] <= pack.first and item["end"] >= pack.end:
            rows: list[list[Any]] = loads(zlib.decompress(item["body"]))
            return {row[0]: _of_pack(row) for row in rows if max(pack.first, start) <= row[0] < pack.end}
        return None


def _row(turn: Turn) -> list[Any]:
    entries = None if turn.blob else turn.entries
    return [turn.number, turn.id, turn.t, entries, turn.tokens, turn.total, turn.model, turn.blob]


def _of_pack(row: list[Any]) -> Turn:
    number, id_, t, entries, tokens, total, model, blob = row
    return Turn(number, id_, t, tuple(entries or ()), tokens, total, model, blob=blob)
