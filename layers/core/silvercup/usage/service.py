"""Summing what calls of models used, by day and model."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from datetime import date

from silvercup.storage import Item, Tables
from silvercup.times import iso
from silvercup.usage.period import Period
from silvercup.usage.spending import AGENT, EXECUTION, INDEX, SESSION, SHARDS, TABLES, TASK, packed, partition, rows_of
from silvercup.values import JsonObject

_COUNTS = ("calls", "prompt_tokens", "completion_tokens", "total_tokens", "own_key_calls")


class UsageService:
    """Sums.

    A sum reads every entry of its days, whatever it is of: a request for each month, shard and table, and one for each further MB.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def sum(
        self,
        tenant: str,
        *,
        start: date,
        end: date,
        agent: str | None = None,
        session: str | None = None,
        execution: str | None = None,
        task: str | None = None,
    ) -> JsonObject:
        """What was used on some days, as the API shows it; ids of what is not there, or was deleted, are fine.

        Args:
            tenant: Whose.
            start: The first day, in UTC.
            end: The last day.
            agent: Only of this agent, by id.
            session: Only in this session.
            execution: Only in this execution.
            task: Only of this task's executions.

        Returns:
            ``{items: [{date, model, calls, prompt_tokens, completion_tokens, total_tokens, own_key_calls}], totals: {calls, ...},
            start, end}``, the newest day first, and by model; ``own_key_calls`` are those of ``calls`` with the caller's own key.

        Raises:
            InvalidRequest: See ``Period``.
        """
        period = Period(start, end)
        asked = {AGENT: agent, SESSION: session, EXECUTION: execution, TASK: task}
        wanted = {name: packed(value) for name, value in asked.items() if value is not None}
        sums: dict[tuple[str, str], Counter[str]] = {}
        totals: Counter[str] = Counter()
        for entry in self._entries(tenant, period):
            if any(entry.get(name) != value for name, value in wanted.items()):
                continue
            day = iso(int(entry["spent_at"].partition("#")[0]))[:10]
            for row in rows_of(entry):
                counts = _counts(row)
                sums.setdefault((day, row["model"]), Counter()).update(counts)
                totals.update(counts)
        by_model = sorted(sums, key=lambda found: found[1])
        items = [
            {"date": day, "model": model, **_shown(sums[day, model])}
            for day, model in sorted(by_model, key=lambda found: found[0], reverse=True)
        ]
        return {"items": items, "totals": _shown(totals), "start": str(start), "end": str(end)}

    def _entries(self, tenant: str, period: Period) -> Iterator[Item]:
        """The entries of the days, each once: one that is about to be deleted stands beside what will remain of it."""
        for month in period.months:
            for shard in range(SHARDS):
                place = partition(tenant, month, shard)
                pages = (self._pages(table, place, period) for table in TABLES)
                before = ""
                for entry in heapq.merge(*pages, key=_range_key):
                    if entry["spent_at"] != before:
                        yield entry
                    before = entry["spent_at"]

    def _pages(self, table: str, place: str, period: Period) -> Iterator[Item]:
        after, before = period.bounds
        start: Item | None = None
        while True:
            page = self._tables.query(table, INDEX, place, start=start, after=after, before=before)
            yield from page.items
            start = page.next
            if start is None:
                return


def _range_key(entry: Item) -> str:
    return entry["spent_at"]


def _counts(row: JsonObject) -> dict[str, int]:
    counts = {name: row[name] for name in ("calls", "prompt_tokens", "completion_tokens")}
    counts["total_tokens"] = row["prompt_tokens"] + row["completion_tokens"]
    counts["own_key_calls"] = row["calls"] if row.get("own_key") else 0
    return counts


def _shown(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in _COUNTS}
