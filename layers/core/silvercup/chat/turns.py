"""Turns of a session: one item each, found by its number; older ones once more in packs, which are only read faster."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from silvercup.chat.window import PACKED, TAIL, Pack, Window
from silvercup.errors import ConditionFailed, InternalError
from silvercup.ids import hash128, uuid7
from silvercup.storage import Blobs, Change, Item, Key, Tables
from silvercup.times import iso
from silvercup.usage.spending import rows_of
from silvercup.values import JsonObject, dumps, loads

TABLE = "core"
INLINE_BYTES = 64_000
"""Entries up to this size lie in the item; larger ones (images) in a blob."""
PACK_BYTES = 250_000
"""A pack of at least half of this size is followed by a new one. Its text is compressed."""
_MOST_PACK_BYTES = 380_000
DELETED = "deleted"
"""The source of what stands in the place of a deleted entry, so that the others keep their places and ids."""
_READERS = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said from a request to its answer, whole.

    Attributes:
        number: Its place in the session.
        id: Its id, which is the id of the chat's answer.
        t: When it was written, microseconds since the epoch.
        entries: What was said: ``{role, content, source, tokens, name?, tool_calls?, tool_call_id?, finish_reason?, interrupted?}``.
        tokens: How many tokens that takes, as ``llm.tokens`` estimates.
        total: The running total of the session after it.
        model: What answered; empty where nothing was asked.
        once: What tells the request from others, so that a client's own retry finds its answer.
        again: Whether the client had sent the request before.
        blob: Where the entries are, when they are not here.
        used: What its calls of models used: (prompt tokens, completion tokens); None in a pack.
    """

    number: int
    id: str
    t: int
    entries: tuple[JsonObject, ...]
    tokens: int
    total: int = 0
    model: str = ""
    once: str = ""
    again: bool = False
    blob: str = ""
    used: tuple[int, int] | None = None

    @property
    def said(self) -> list[JsonObject]:
        """Its entries without those that were deleted."""
        return [entry for entry in self.entries if entry["source"] != DELETED]

    def repeats(self, other: Turn) -> bool:
        """Whether one of the two answers a retry of the other's request; who says the same twice does not retry."""
        return bool(self.once) and self.once == other.once and (self.again or other.again)

    def entry_id(self, index: int) -> str:
        """The id of one of its entries; it names the turn, so that an entry is found by its id."""
        entropy = self.number.to_bytes(4) + index.to_bytes(2) + hash128(self.id)[:2]
        return uuid7(self.t + index, entropy)

    def shown(self, index: int) -> JsonObject:
        """One of its entries as the API shows it."""
        entry = self.entries[index]
        content = entry.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        time = iso(self.t + index)
        return {
            "id": self.entry_id(index),
            "role": entry["role"],
            "name": entry.get("name"),
            "content": parts,
            "source": entry["source"],
            "tokenizer": "estimate",
            "token_count": entry["tokens"],
            "model": self.model,
            "tool_calls": entry.get("tool_calls"),
            "tool_call_id": entry.get("tool_call_id"),
            "timestamp": time,
            "created_at": time,
            **{name: entry[name] for name in ("finish_reason", "interrupted") if name in entry},
        }


def place_of(entry_id: str) -> tuple[int, int]:
    """The turn and the place in it that an entry's id names; nonsense for other ids, which then find nothing."""
    digits = entry_id.replace("-", "")
    return int(digits[16:24], 16) & 0x3FFFFFFF, int(digits[24:28], 16)


@dataclass(frozen=True, slots=True)
class Place:
    """A session's turns.

    Attributes:
        tenant: Whose.
        session: Of which session.
    """

    tenant: str
    session: str

    @property
    def key(self) -> Key:
        """The session's own item."""
        return Key(TABLE, f"{self.tenant}#session#{self.session}")

    def turn(self, number: int) -> Key:
        """A turn."""
        return self._part("turn", number)

    def pack(self, number: int) -> Key:
        """A pack of turns."""
        return self._part("pack", number)

    def summary(self, number: int) -> Key:
        """A summary of turns."""
        return self._part("summary", number)

    @property
    def folder(self) -> str:
        """Where its blobs are."""
        return f"{self.tenant}/sessions/{self.session}/"

    def _part(self, kind: str, number: int) -> Key:
        return Key(TABLE, f"{self.tenant}#{kind}#{self.session}#{number:08d}")


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a session's turns.

    Attributes:
        window: The window, with turns that its item did not know of yet.
        turns: The turns asked for, in order, without gaps.
    """

    window: Window
    turns: list[Turn] = field(default_factory=list[Turn])


class TurnStore:
    """Reads and writes turns by key.

    Args:
        tables: Where they are.
        blobs: Where large ones are.
    """

    def __init__(self, tables: Tables, blobs: Blobs) -> None:
        self._tables = tables
        self._blobs = blobs

    def keys(self, place: Place, window: Window, start: int) -> list[Key]:
        """What has to be read for the turns from ``start`` on; also what a writer that was killed may have left behind them."""
        packs = [place.pack(pack.number) for pack in window.behind(start)]
        singly = range(max(start, window.tail_first), window.turns + 1)
        return [*packs, *(place.turn(number) for number in singly)]

    def read(self, place: Place, window: Window, start: int, found: Mapping[Key, Item]) -> Read:
        """The turns from ``start`` on.

        Args:
            place: Whose.
            window: As the session's item has it.
            start: The first that is wanted.
            found: What stands under ``keys``.
        """
        turns: dict[int, Turn] = {}
        for pack in window.behind(start):
            turns |= self._unpacked(place, pack, found.get(place.pack(pack.number)), start)
        for number in range(max(start, window.tail_first), window.turns):
            if (item := found.get(place.turn(number))) is not None:
                turns[number] = _turn(item)
        unknown = self._unknown(place, window, found.get(place.turn(window.turns)))
        turns |= {turn.number: turn for turn in unknown}
        window = window.appended(*(turn.total for turn in unknown))
        return Read(window, [turns[number] for number in sorted(turns)])

    def caught_up(self, place: Place, window: Window) -> Window:
        """The window with the turns that a writer who was killed left behind it."""
        unknown = self._unknown(place, window, self._tables.get(place.turn(window.turns)))
        return window.appended(*(turn.total for turn in unknown))

    def _unknown(self, place: Place, window: Window, item: Item | None) -> list[Turn]:
        """The turns behind the window; ``item`` is the first of them."""
        turns: list[Turn] = []
        while item is not None:
            turns.append(_turn(item))
            item = self._tables.get(place.turn(window.turns + len(turns)))
        return turns

    def of_item(self, item: Item) -> Turn:
        """The turn of an item, whole."""
        return self.whole([_turn(item)])[0]

    def whole(self, turns: Sequence[Turn]) -> list[Turn]:
        """The same turns with the entries that lie in blobs."""
        apart = [turn for turn in turns if turn.blob]
        if not apart:
            return [*turns]
        with ThreadPoolExecutor(min(_READERS, len(apart))) as readers:
            bodies = dict(zip((turn.number for turn in apart), readers.map(self._body, apart), strict=True))
        return [replace(turn, entries=bodies.get(turn.number, turn.entries), blob="") for turn in turns]

    def get(self, place: Place, number: int) -> Turn | None:
        """One turn, whole."""
        item = self._tables.get(place.turn(number))
        return None if item is None else self.of_item(item)

    def get_many(self, place: Place, numbers: Iterable[int]) -> dict[int, Turn]:
        """Some turns, whole, in one batch per 100."""
        items = self._tables.get_many([place.turn(number) for number in numbers])
        return {turn.number: turn for turn in self.whole([_turn(item) for item in items.values()])}

    def put(self, place: Place, turn: Turn, window: Window, extra: Item, *, exact: bool = False) -> tuple[Turn, Window]:
        """Write a turn behind the last one, wherever that is by now.

        Args:
            place: Whose.
            turn: The turn; its number and total are made here.
            window: What was read.
            extra: Further attributes of its item.
            exact: Write it behind the window's last turn or nowhere.

        Returns:
            The turn as it stands there, and the window up to it. It is another one, of the same ``once``, when the same request was
            answered meanwhile.

        Raises:
            ConditionFailed: ``exact``, and another turn is there.
        """
        body = self._body_attributes(place, turn)
        while True:
            written = replace(turn, number=window.turns, total=window.total + turn.tokens)
            try:
                self._tables.put(TABLE, {**_item(place, written), **body, **extra}, if_absent=True)
            except ConditionFailed as failure:
                found = _turn(dict(failure.found or {}))
                window = window.appended(found.total)
                if found.id == turn.id or turn.repeats(found):
                    return self.whole([found])[0], window
                if exact:
                    raise
            else:
                return written, window.appended(written.total)

    def forget(self, place: Place, turn: Turn) -> None:
        """Take a turn away that was put where there is no session any more."""
        self._blobs.delete([self._blob(place, turn)])
        self._tables.delete(place.turn(turn.number))

    def note(self, place: Place, window: Window, seen: str | None, changes: Item) -> bool:
        """Tell the session's item of new turns; those that others have told it of meanwhile stay.

        Args:
            place: Whose.
            window: What it should say.
            seen: The text of the window that was read.
            changes: Further attributes.

        Returns:
            Whether there still is a session.
        """
        while True:
            try:
                self._swap(place, window, seen, changes)
            except ConditionFailed as failure:
                item = failure.found
                if item is None or "gone" in item:
                    return False
                seen = item.get("window")
                theirs = Window.decode(seen)
                if theirs.turns >= window.turns:
                    return True
                mine = window.tail[max(theirs.turns - window.tail_first, 0) :]
                window = replace(theirs.appended(*mine), ratio=window.ratio)
            else:
                return True

    def swap(self, place: Place, window: Window, seen: str, changes: Item) -> bool:
        """Put a window in the place of the one that was seen; False when another one stands there by now."""
        try:
            self._swap(place, window, seen, changes)
        except ConditionFailed:
            return False
        return True

    def _swap(self, place: Place, window: Window, seen: str | None, changes: Item) -> None:
        args = {} if seen is None else {"seen": seen}
        same = "attribute_not_exists(#window)" if seen is None else "#window = :seen"
        there = "attribute_exists(#pk) AND attribute_not_exists(#gone)"
        set_ = {**changes, "window": window.encode(), "turns": window.turns}
        self._tables.update(place.key, Change(set=set_, condition=f"{there} AND {same}", args=args))

    def to_pack(self, window: Window) -> range | None:
        """The turns that should be packed now; None while the tail is short."""
        if len(window.tail) < TAIL:
            return None
        return range(window.tail_first, window.tail_first + PACKED)

    @staticmethod
    def grows(pack: Pack) -> bool:
        """Whether turns may still be added to a pack."""
        return pack.size < PACK_BYTES // 2

    def pack(self, place: Place, window: Window, turns: Sequence[Turn]) -> Window:
        """Put turns of the tail's beginning into a pack: into the last one while it is small, else into a new one.

        Args:
            place: Whose.
            window: What was read.
            turns: What was read; nothing happens when it lacks what has to be packed.
        """
        wanted = self.to_pack(window)
        by_number = {turn.number: turn for turn in turns}
        if wanted is None or not all(number in by_number for number in wanted):
            return window
        last = window.packs[-1] if window.packs else None
        if last is not None and self.grows(last) and last.first in by_number:
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
        turns = sorted((_turn(item) for item in items.values()), key=lambda turn: turn.number)
        whole = len(turns) == pack.end - pack.first
        written = self._packed(place, pack.number, window.edits + 1, turns) if whole else None
        return window.edited(written or replace(pack, edits=-1))

    def rewrite(self, place: Place, turn: Turn) -> None:
        """Write a turn in the place of what it was; nothing happens where it is gone."""
        body: Item = {"body": None, "blob": None, "tokens": turn.tokens, **self._body_attributes(place, turn)}
        with suppress(ConditionFailed):
            self._tables.update(place.turn(turn.number), Change(set=body, condition="attribute_exists(#pk)"))

    def tidy(self, place: Place, number: int) -> None:
        """Delete the blob of a turn that needs it no longer, once nothing names it."""
        item = self._tables.get(place.turn(number))
        if item is not None and "blob" not in item:
            self._blobs.delete([self._blob(place, _turn(item))])

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

    def _unpacked(self, place: Place, pack: Pack, item: Item | None, start: int) -> dict[int, Turn]:
        """The turns of a pack; one by one where the pack is not what the window says."""
        known = item is not None and item["edits"] == pack.edits
        if item is not None and known and item["first"] <= pack.first and item["end"] >= pack.end:
            rows: list[list[Any]] = loads(zlib.decompress(item["body"]))
            return {row[0]: _of_pack(row) for row in rows if max(pack.first, start) <= row[0] < pack.end}
        numbers = range(max(pack.first, start), pack.end)
        return {turn.number: turn for turn in self.get_many(place, numbers).values()}

    def _body_attributes(self, place: Place, turn: Turn) -> Item:
        text = dumps(list(turn.entries))
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) <= INLINE_BYTES:
            return {"body": text}
        blob = self._blob(place, turn)
        self._blobs.put(blob, raw)
        return {"blob": blob}

    @staticmethod
    def _blob(place: Place, turn: Turn) -> str:
        return f"{place.folder}{turn.id}"

    def _body(self, turn: Turn) -> tuple[JsonObject, ...]:
        raw = self._blobs.get(turn.blob)
        if raw is None:
            raise InternalError("The entries of a turn are missing in the bucket")
        return tuple(loads(raw))


def _item(place: Place, turn: Turn) -> Item:
    return {
        "pk": place.turn(turn.number).pk,
        "kind": "turn",
        "id": turn.id,
        "number": turn.number,
        "t": turn.t,
        "tokens": turn.tokens,
        "total": turn.total,
        "model": turn.model,
        "once": turn.once or None,
        "again": turn.again or None,
    }


def _turn(item: Item) -> Turn:
    rows = rows_of(item)
    return Turn(
        number=item["number"],
        id=item["id"],
        t=item["t"],
        entries=tuple(loads(item["body"])) if "body" in item else (),
        tokens=item["tokens"],
        total=item["total"],
        model=item.get("model", ""),
        once=item.get("once", ""),
        again=item.get("again", False),
        blob=item.get("blob", ""),
        used=_sums(rows) if rows else None,
    )


def _sums(rows: Sequence[JsonObject]) -> tuple[int, int]:
    return sum(row["prompt_tokens"] for row in rows), sum(row["completion_tokens"] for row in rows)


def _row(turn: Turn) -> list[Any]:
    entries = None if turn.blob else turn.entries
    return [turn.number, turn.id, turn.t, entries, turn.tokens, turn.total, turn.model, turn.blob]


def _of_pack(row: list[Any]) -> Turn:
    number, id_, t, entries, tokens, total, model, blob = row
    return Turn(number, id_, t, tuple(entries or ()), tokens, total, model, blob=blob)
