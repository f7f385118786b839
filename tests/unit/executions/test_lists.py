"""What reading executions costs, and that nothing is missing when the indexes lag."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import NotFound
from silvercup.executions.execution import new_item
from silvercup.executions.keys import CORE, INIT, RUNS, ExecutionRef, RecordKey
from silvercup.executions.reading import Reader
from silvercup.executions.record import Record, log_of
from silvercup.executions.search import Search
from silvercup.executions.store import RunStore
from silvercup.executions.tokens import TaskTokens
from silvercup.executions.transition import Target, Transition
from silvercup.ids import uuid7
from silvercup.listing import Owner
from silvercup.paging import ListQuery
from silvercup.storage import Change, Key
from silvercup.values import dumps
from tests.support.tables import MemoryBlobs, MemoryTables

TENANT = uuid7()
TASK = Owner(Key(CORE, f"{TENANT}#task#t"), lambda: NotFound("Task t not found"))
START = Target("main", 0, "s")


class Lagging(MemoryTables):
    """Its indexes do not know yet what ended."""

    lags = False

    def query(self, *args: Any, **options: Any) -> Any:
        page = super().query(*args, **options)
        for entry in page.items if self.lags else ():
            entry.pop("final_key", None)
        return page


class Signing:
    def current(self) -> tuple[str, bytes]:
        return "k", b"x" * 32

    def get(self, key_id: str) -> bytes | None:
        return b"x" * 32


class World:
    def __init__(self) -> None:
        self.tables = Lagging()
        self.store = RunStore(self.tables, MemoryBlobs())
        self.reader = Reader(self.store, self.tables, TaskTokens(Signing()))
        self.tables.put(CORE, {"pk": TASK.key.pk, "id": "t"})

    def record(self, ref: ExecutionRef, key: RecordKey, t: int, kind: Any, value: Any, **extra: Any) -> None:
        transition = Transition(uuid7(), kind, START, None, 0)
        count = 3 if t == 99 else 1
        record = Record(key, t, 1, log_of([transition]), transition, (dumps(value),), 0, ("s",), (None,), count)
        self.store.commit(ref, record, extra)

    def execution(self, number: int, status: str = "succeeded") -> ExecutionRef:
        ref = ExecutionRef(TENANT, uuid7())
        names = {"task_id": "t", "agent_id": "a", "program": "", "definition": "", "digest": ""}
        item = new_item(ref, task_version=1, metadata={}, created_at=number * 10, **names)
        self.record(ref, INIT, number * 10, "init", {"n": number})
        if status == "awaiting_input":
            self.record(ref, RecordKey("wait", "main/b0"), number * 10 + 1, "wait", {"ask": number}, deadline=9)
            item |= {"status": "running", "open_waits": {"main/b0"}}
        elif status == "running":
            self.record(ref, RecordKey("block", "main/b0"), number * 10 + 1, "step", {"at": number})
            item |= {"status": status}
        else:
            self.record(ref, RecordKey("block", "main/b0"), number * 10 + 1, "finish", {"out": number})
            ended = {"final_key": "block:main/b0", "final_t": number * 10 + 1, "final_count": 2}
            item |= {"status": status, "state": f"{TENANT}#execution#{status}", **ended}
        self.tables.put(CORE, item)
        self.tables.requests.clear()
        return ref

    def listed(self, query: ListQuery | None = None) -> list[dict[str, Any]]:
        self.tables.requests.clear()
        return self.reader.list(TENANT, "t", query or ListQuery(), TASK).items


def test_a_page_of_ended_executions_is_a_query_and_a_batch():
    world = World()
    for number in range(5):
        world.execution(number)
    shown = world.listed(ListQuery(limit=3))
    assert [(one["input"], one["output"]) for one in shown] == [({"n": n}, {"out": n}) for n in (4, 3, 2)]
    assert world.tables.requests == ["query", "get_many"]
    world.tables.requests.clear()
    assert world.reader.find(TENANT, Search("succeeded"), ListQuery(limit=3)).items == shown
    assert world.tables.requests == ["query", "get_many"]


def test_what_the_index_does_not_name_is_read_too():
    world = World()
    for number, status in enumerate(("succeeded", "awaiting_input", "running", "failed")):
        world.execution(number, status)
    world.tables.lags = True
    shown = world.listed()
    assert [one["output"] for one in shown] == [{"out": 3}, None, {"ask": 1}, {"out": 0}]
    assert [one["status"] for one in shown] == ["failed", "running", "awaiting_input", "succeeded"]
    assert world.tables.requests == ["query", "get_many", "get_many"]


def test_executions_of_a_task_that_is_not_there_are_404():
    world = World()
    assert world.listed() == []
    assert world.listed(ListQuery(offset=3)) == []
    world.tables.update(TASK.key, Change(set={"gone": 1}))
    for _ in range(2):
        with pytest.raises(NotFound, match="Task t"):
            world.listed()
        world.execution(1)
    world.tables.delete(TASK.key)
    with pytest.raises(NotFound, match="Task t"):
        world.listed()


@pytest.mark.parametrize("status", ["succeeded", "running", "awaiting_input"])
def test_one_execution_is_a_query_and_a_batch(status: str):
    world = World()
    ref = world.execution(7, status)
    shown = world.reader.get(ref)
    output = {"succeeded": {"out": 7}, "running": {"at": 7}, "awaiting_input": {"ask": 7}}[status]
    assert (shown["status"], shown["input"], shown["output"]) == (status, {"n": 7}, output)
    assert [wait["info"] for wait in shown["waits"]] == ([{"ask": 7}] if status == "awaiting_input" else [])
    assert world.tables.requests == ["query", "get_many"]


def test_an_end_that_the_index_does_not_have_yet_is_shown():
    world = World()
    ref = world.execution(7)
    item = world.tables.items[Key(RUNS, ref.record_pk(RecordKey("block", "main/b0")))]
    run = item.pop("run")
    assert world.reader.get(ref)["output"] == {"out": 7}
    assert world.tables.requests == ["query", "get_many", "get_many"]
    item["run"] = run
    world.record(ref, RecordKey("block", "main/late"), 99, "step", {"late": 1})
    assert world.reader.get(ref)["output"] == {"out": 7}


def test_a_wait_that_opens_while_it_is_read_counts():
    world = World()
    ref = world.execution(7, "running")
    real = world.tables.query

    def then_it_waits(*args: Any, **options: Any) -> Any:
        page = real(*args, **options)
        world.record(ref, RecordKey("wait", "main/b1"), 99, "wait", {"ask": 7}, deadline=9)
        world.tables.update(Key(CORE, ref.item_pk), Change(add_to={"open_waits": {"main/b1"}}))
        return page

    world.tables.query = then_it_waits
    shown = world.reader.get(ref)
    assert (shown["status"], shown["output"]) == ("awaiting_input", {"ask": 7})
    assert (shown["transition_count"], shown["updated_at"]) == (3, "1970-01-01T00:00:00.000099Z")


def test_an_execution_awaits_input_once_there_is_something_to_answer():
    """A wait is announced first, then written: who sees ``awaiting_input`` finds what is asked."""
    world = World()
    ref = world.execution(7, "running")
    world.tables.update(Key(CORE, ref.item_pk), Change(add_to={"open_waits": {"main/b1"}}))
    shown = world.reader.get(ref)
    assert (shown["status"], shown["output"], shown["waits"]) == ("running", {"at": 7}, [])
    world.record(ref, RecordKey("wait", "main/b1"), 99, "wait", {"ask": 7}, deadline=9)
    shown = world.reader.get(ref)
    assert (shown["status"], shown["output"], len(shown["waits"])) == ("awaiting_input", {"ask": 7}, 1)


def test_an_execution_that_is_not_there_is_404():
    world = World()
    ref = world.execution(7)
    world.tables.update(Key(CORE, ref.item_pk), Change(set={"gone": 1}))
    for wrong in (ref, ExecutionRef(TENANT, uuid7()), ExecutionRef(uuid7(), ref.id)):
        with pytest.raises(NotFound):
            world.reader.get(wrong)
