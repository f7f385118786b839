"""Searches over executions in tables in memory, and the pages they give."""

from __future__ import annotations

import pytest

from silvercup.errors import InvalidRequest
from silvercup.executions.execution import new_item
from silvercup.executions.keys import CORE, ExecutionRef
from silvercup.executions.search import Search
from silvercup.listing import list_page
from silvercup.paging import ListQuery
from silvercup.storage import Change, Key
from tests.support.tables import MemoryTables

TENANT = "00000000-0000-0000-0000-000000000001"
NEWEST = ListQuery()
STATES = ("queued", "running", "awaiting_input", "succeeded", "failed", "cancelled")


def made(count: int) -> MemoryTables:
    """Executions number 0 to ``count``, one a second, their states, tasks (2) and agents (3) in turns."""
    tables = MemoryTables()
    for i in range(count):
        item = new_item(
            ExecutionRef(TENANT, f"e{i:03d}"),
            task_id=f"t{i % 2}",
            task_version=1,
            agent_id=f"a{i % 3}",
            program="",
            definition="",
            digest="",
            metadata={"n": i},
            created_at=i * 1_000_000,
        )
        state = STATES[i % len(STATES)]
        if state == "awaiting_input":
            item |= {"status": "running", "open_waits": {"main/b0"}}
        elif state in {"succeeded", "failed", "cancelled"}:
            item |= {"status": state, "state": f"{TENANT}#execution#{state}", "final_key": "block:main/b0"}
        else:
            item["status"] = state
        tables.put(CORE, item)
    return tables


def found(tables: MemoryTables, search: Search, query: ListQuery = NEWEST) -> list[int]:
    listed = list_page(tables, search.listing(TENANT, query), query)
    return [int(item["id"][1:]) for item in listed.items]


def test_every_search_finds_what_matches_and_walks_by_cursor_and_offset():
    tables = made(60)
    everything = list(tables.items.values())
    for status in (None, *STATES, "starting"):
        for task_id in (None, "t1"):
            for agent_id in (None, "a2", "none"):
                for after, before in ((None, None), (10_000_000, 50_000_000), (50_000_000, 10_000_000)):
                    search = Search(status, task_id, agent_id, after, before)
                    expected = [int(item["id"][1:]) for item in everything if search.matches(item)][::-1]
                    assert found(tables, search) == expected
                    assert found(tables, search, ListQuery(direction="asc")) == expected[::-1]
                    assert found(tables, search, ListQuery(limit=3, offset=2)) == expected[2:5]
                    walked, cursor = [], ""
                    while cursor is not None:
                        query = ListQuery(limit=4, cursor=cursor or None)
                        listed = list_page(tables, search.listing(TENANT, query), query)
                        walked += [int(item["id"][1:]) for item in listed.items]
                        cursor = listed.next_cursor
                    assert walked == expected
    assert found(tables, Search("failed"), ListQuery(metadata_filter={"n": "4"})) == [4]


def test_a_page_of_one_state_costs_the_same_among_many():
    costs = []
    for count in (12, 300):
        tables = made(count)
        tables.requests.clear()
        assert len(found(tables, Search("failed"), ListQuery(limit=2))) == 2
        costs.append(tables.requests)
    assert costs == [["query", "get_many"]] * 2


def test_what_the_index_has_and_the_item_denies_is_left_out():
    tables = made(12)
    tables.update(Key(CORE, f"{TENANT}#execution#e011"), Change(set={"gone": 1}))
    tables.delete(Key(CORE, f"{TENANT}#execution#e010"))
    assert found(tables, Search(), ListQuery(limit=2)) == [9, 8]
    item = tables.items[Key(CORE, f"{TENANT}#execution#e009")]
    item["status"] = "running"  # an index that lags
    del item["final_key"]
    assert found(tables, Search("succeeded")) == [3]


def test_a_cursor_is_bound_to_its_search():
    tables = made(12)
    query = ListQuery(limit=1)
    first = list_page(tables, Search("failed").listing(TENANT, query), query)
    again = ListQuery(limit=1, cursor=first.next_cursor)
    for other in (Search("cancelled"), Search("failed", "t0"), Search(), Search("failed", created_after=1)):
        with pytest.raises(InvalidRequest, match="cursor"):
            list_page(tables, other.listing(TENANT, again), again)


def test_only_one_tasks_executions_are_sorted_by_update():
    tables = made(6)
    query = ListQuery(sort_by="updated_at")
    with pytest.raises(InvalidRequest, match="task_id"):
        found(tables, Search(), query)
    assert found(tables, Search(None, "t0", None, 1_000_000), query) == [4, 2]
