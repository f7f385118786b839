"""Reading and writing turns: by number, never by a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from silvercup.chat.packs import Packs
from silvercup.chat.turns import TABLE, Place, Turn, item_of, turn_of
from silvercup.chat.window import Window
from silvercup.errors import ConditionFailed, InternalError
from silvercup.storage import Blobs, Change, Item, Key, Tables
from silvercup.values import JsonObject, dumps, loads

INLINE_BYTES = 64_000
"""Entries up to this size lie in the item; larger ones (images) in a blob."""
_READERS = 8


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

    Attributes:
        packs: Older turns once more, many in an item.
    """

    def __init__(self, tables: Tables, blobs: Blobs) -> None:
        self._tables = tables
        self._blobs = blobs
        self.packs = Packs(tables)

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
            unpacked = self.packs.unpacked(pack, found.get(place.pack(pack.number)), start)
            turns |= self.get_many(place, range(max(pack.first, start), pack.end)) if unpacked is None else unpacked
        for number in range(max(start, window.tail_first), window.turns):
            if (item := found.get(place.turn(number))) is not None:
                turns[number] = turn_of(item)
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
            turns.append(turn_of(item))
            item = self._tables.get(place.turn(window.turns + len(turns)))
        return turns

    def of_item(self, item: Item) -> Turn:
        """The turn of an item, whole."""
        return self.whole([turn_of(item)])[0]

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
        return {turn.number: turn for turn in self.whole([turn_of(item) for item in items.values()])}

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
                self._tables.put(TABLE, {**item_of(place, written), **body, **extra}, if_absent=True)
            except ConditionFailed as failure:
                found = turn_of(dict(failure.found or {}))
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

    def rewrite(self, place: Place, turn: Turn) -> None:
        """Write a turn in the place of what it was; nothing happens where it is gone."""
        body: Item = {"body": None, "blob": None, "tokens": turn.tokens, **self._body_attributes(place, turn)}
        with suppress(ConditionFailed):
            self._tables.update(place.turn(turn.number), Change(set=body, condition="attribute_exists(#pk)"))

    def tidy(self, place: Place, number: int) -> None:
        """Delete the blob of a turn that needs it no longer, once nothing names it."""
        item = self._tables.get(place.turn(number))
        if item is not None and "blob" not in item:
            self._blobs.delete([self._blob(place, turn_of(item))])

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
