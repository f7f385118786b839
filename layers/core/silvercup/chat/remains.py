"""What chats leave behind when a session, or its history, is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import batched

from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import TABLE, Place
from silvercup.chat.window import Window
from silvercup.storage import Blobs, Change, Item, Key, Tables
from silvercup.usage.spending import remains

_BATCH = 100


class Remains:
    """Removes turns, packs and summaries by their numbers, the newest turns first; what the turns used is kept.

    Of a history that was cleared it leaves the packs and summaries of later turns, which may have the same numbers.

    Args:
        tables: Where they are.
        blobs: Where large ones are.
    """

    def __init__(self, tables: Tables, blobs: Blobs) -> None:
        self._tables = tables
        self._blobs = blobs
        self._turns = TurnStore(tables, blobs)

    def remove(self, tenant: str, session_id: str, grave: Item, limit: int) -> int:
        """Remove some of what was written.

        Args:
            tenant: Whose.
            session_id: Of which session.
            grave: The tombstone of the session, or of its history, with the ``window`` that there was.
            limit: How many deletes at most.

        Returns:
            How many deletes were made; fewer than ``limit``: nothing is left.
        """
        place = Place(tenant, session_id)
        window = Window.decode(grave.get("window"))
        upto = grave["upto"] if "upto" in grave else self._turns.caught_up(place, window).turns
        done = 0
        for key, item in self._there(self._keys(place, window, int(grave.get("left", upto)))):
            if "upto" in grave and int(item.get("end", item.get("upto", 0))) > upto:
                continue
            if done == limit:
                if item["kind"] == "turn":
                    left = Change(set={"left": item["number"] + 1}, condition="attribute_exists(#gone)")
                    self._tables.update(Key(TABLE, grave["pk"]), left)
                return done
            if (spent := remains(item)) is not None:
                self._tables.put(TABLE, spent)
            if blob := item.get("blob"):
                self._blobs.delete([blob])
            self._tables.delete(key)
            done += 1
        return done

    def _keys(self, place: Place, window: Window, upto: int) -> Iterator[Key]:
        yield from (place.turn(number) for number in reversed(range(upto)))
        yield from (place.pack(number) for number in range(window.next_pack + 1))
        yield from (place.summary(number) for number in range((window.summary.number if window.summary else 0) + 2))

    def _there(self, keys: Iterator[Key]) -> Iterator[tuple[Key, Item]]:
        for batch in batched(keys, _BATCH):
            found = self._tables.get_many(batch)
            yield from ((key, found[key]) for key in batch if key in found)
