"""Sums: the same as adding up one by one, whatever the pages, tables and half-done deletions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from silvercup.storage import Page
from silvercup.times import iso, microseconds
from silvercup.usage.period import MAX_DAYS
from silvercup.usage.service import UsageService
from silvercup.usage.spending import SHARDS, Call, remains, spent
from tests.support.tables import MemoryTables

FIRST = date(2025, 12, 25)
START = microseconds(datetime(2025, 12, 25, tzinfo=UTC))
DAY = 86_400_000_000
MOMENTS = st.integers(0, 14 * DAY) | st.builds(lambda day, off: day * DAY + off, st.integers(0, 14), st.integers(-1, 1))
NAMES = st.sampled_from(["x", "y"])
IDS = st.sampled_from(["x", "019a0000-0000-7000-8000-000000000001", "019a0000-0000-7000-8000-000000000002"])
CALLS = st.builds(Call, st.sampled_from(["small", "large"]), st.integers(0, 10**6), st.integers(0, 10**6))


class Paged(MemoryTables):
    """Pages of a few entries, as DynamoDB's are of a MB."""

    size = 3

    def query(self, *args: Any, **options: Any) -> Page:
        options["limit"] = self.size
        page = super().query(*args, **options)
        assert options["start"] is None or page.items
        return page


@dataclass(frozen=True)
class Spending:
    """Calls that were made, where they are kept, and how far their deletion is."""

    tenant: str
    moment: int
    calls: list[Call]
    ids: dict[str, str | None]
    own_key: bool
    table: str
    kept: str

    def write(self, tables: MemoryTables, number: int) -> None:
        item = {"pk": f"{number}", "body": "text"}
        at = START + self.moment
        item |= spent(self.tenant, self.calls, at=at, id_=f"{number:05d}", own_key=self.own_key, **self.ids)
        left = remains(item)
        if self.kept != "remains":
            tables.put(self.table, item)
        if self.kept != "item" and left:
            tables.put("core", left)


SPENDINGS = st.builds(
    Spending,
    tenant=NAMES,
    moment=MOMENTS,
    calls=st.lists(CALLS, max_size=4),
    ids=st.fixed_dictionaries({name: st.none() | IDS for name in ("agent", "session", "execution", "task")}),
    own_key=st.booleans(),
    table=st.sampled_from(["core", "runs"]),
    kept=st.sampled_from(["item", "both", "remains"]),
)


@given(
    spendings=st.lists(SPENDINGS, max_size=30),
    first=st.integers(-1, 14),
    more=st.integers(0, 20),
    asked=st.fixed_dictionaries({name: st.none() | IDS for name in ("agent", "session", "execution", "task")}),
    size=st.integers(1, 5),
)
def test_a_sum_is_what_adding_up_gives(
    spendings: list[Spending], first: int, more: int, asked: dict[str, str | None], size: int
):
    tables = Paged()
    tables.size = size
    for number, one in enumerate(spendings):
        one.write(tables, number)
    start, end = FIRST + timedelta(first), FIRST + timedelta(first + more)
    found = UsageService(tables).sum("x", start=start, end=end, **asked)

    expected: dict[tuple[str, str], Counter[str]] = {}
    for one in spendings:
        day = iso(START + one.moment)[:10]
        wanted = all(value is None or one.ids[name] == value for name, value in asked.items())
        if one.tenant != "x" or not wanted or not str(start) <= day <= str(end):
            continue
        for call in one.calls:
            expected.setdefault((day, call.model), Counter()).update(
                calls=1,
                prompt_tokens=call.prompt_tokens,
                completion_tokens=call.completion_tokens,
                total_tokens=call.prompt_tokens + call.completion_tokens,
                own_key_calls=int(one.own_key),
            )
    shown = {(row.pop("date"), row.pop("model")): row for row in found["items"]}
    assert shown == {key: dict(counts) for key, counts in expected.items()}
    by_model = sorted(shown, key=lambda key: key[1])
    assert list(shown) == sorted(by_model, key=lambda key: key[0], reverse=True)
    assert found["totals"] == {
        name: sum(counts[name] for counts in expected.values())
        for name in ("calls", "prompt_tokens", "completion_tokens", "total_tokens", "own_key_calls")
    }
    assert (found["start"], found["end"]) == (str(start), str(end))


def test_the_longest_period_without_use_takes_a_query_for_each_month_shard_and_table():
    tables = MemoryTables()
    found = UsageService(tables).sum("x", start=FIRST, end=FIRST + timedelta(MAX_DAYS - 1))
    assert found["items"] == []
    assert tables.requests == ["query"] * 4 * SHARDS * 2
