"""A new index from the table, while the old one answers searches.

The table does all of it: the new index is named in the pointer, from then on the indexer puts docs into both; every doc that the new one
lacks is made due once more; when none is lacking, the pointer is switched. So it may be stopped anywhere and run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched

from silvercup.docs import generations
from silvercup.docs.documents import SHARDS, TABLE, Indexed, shard
from silvercup.errors import ConditionFailed, Conflict
from silvercup.ids import now_us
from silvercup.storage import Change, Item, Key, Tables

GRACE_SECONDS = 5.0
"""How long searches that began with the old index may take."""
STALLED_SECONDS = 300.0
"""After this without a single doc more, something is wrong."""
_POLL_SECONDS = 1.0
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        index: The new index.
        done: Docs that are in it.
        total: Docs that there are, as far as they were counted.
    """

    index: str
    done: int
    total: int


class Reindex:
    """Rebuilds the index of docs.

    Args:
        tables: Where docs are.
        report: Told of the progress.
        clock: Seconds.
        sleep: Waits, in seconds.
    """

    def __init__(
        self,
        tables: Tables,
        report: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tables = tables
        self._report = report
        self._clock = clock
        self._sleep = sleep

    def run(self, *, skip_failed: bool = False) -> Progress | None:
        """Build a new index, or go on with one that was begun, and switch to it.

        Args:
            skip_failed: Switch even if some docs do not come into the new index.

        Returns:
            What came of it; None when there are no docs yet.

        Raises:
            Conflict: Docs do not come into the new index; says which. Run again, it goes on from there.
        """
        building = generations.begin(self._tables).building
        if not building:
            return None
        while True:
            lacking, total = self._touch_all(building)
            if not lacking:
                break
            if left := self._wait(building, lacking, total):
                if skip_failed:
                    break
                raise Conflict(
                    f"{len(left):,} of {total:,} docs do not come into the new index, {min(left)} for one: the indexer's log and its "
                    "queue IndexerFailures say why. Run it again when that is mended, or with --skip-failed"
                )
        generations.switch(self._tables, building)
        self._sleep(GRACE_SECONDS)
        generations.retire(self._tables)
        return Progress(building, total, total)

    def _touch_all(self, building: str) -> tuple[list[str], int]:
        """Make every doc due that the new index lacks; gives their keys, and how many docs there are."""
        lacking: list[str] = []
        total = 0
        for pks in self._pages():
            for item in self._tables.get_many(Key(TABLE, pk) for pk in pks).values():
                total += "gone" not in item
                if not _is_in(item, building) and self._touch(item):
                    lacking.append(item["pk"])
            self._report(Progress(building, total - len(lacking), total))
        return lacking, total

    def _touch(self, item: Item) -> bool:
        change = Change(set={"due": now_us()}, condition="#version = :version", args={"version": item["version"]})
        with suppress(ConditionFailed):
            self._tables.update(Key(TABLE, item["pk"]), change)
            return True
        return False

    def _pages(self) -> Iterator[list[str]]:
        for number in range(SHARDS):
            start: Item | None = None
            while True:
                page = self._tables.query(TABLE, "all_docs", shard(number), limit=_PAGE, start=start)
                if page.items:
                    yield [entry["pk"] for entry in page.items]
                start = page.next
                if start is None:
                    break

    def _wait(self, building: str, pks: list[str], total: int) -> list[str]:
        """Wait until docs are in the new index; gives those that do not come."""
        last = self._clock()
        while pks:
            left: list[str] = []
            for some in batched(pks, _PAGE):
                found = self._tables.get_many(Key(TABLE, pk) for pk in some)
                left += [key.pk for key, item in found.items() if not _is_in(item, building)]
            if len(left) < len(pks):
                last = self._clock()
            elif self._clock() - last > STALLED_SECONDS:
                return left
            pks = left
            self._report(Progress(building, total - len(pks), total))
            if pks:
                self._sleep(_POLL_SECONDS)
        return []


def _is_in(item: Item, index: str) -> bool:
    """Whether nothing of a doc is left to be done for an index."""
    return "gone" not in item and Indexed.of(item, index).version == item["version"]
