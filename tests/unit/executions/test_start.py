"""What starting an execution writes: as few requests as there can be, and the same by every attempt of one POST."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import Conflict
from silvercup.executions.keys import CORE, INIT, RUNS, ExecutionRef
from silvercup.executions.service import ExecutionService, Runnable
from silvercup.executions.store import RunStore
from silvercup.ids import now_us, uuid7
from silvercup.resources.idempotency import Attempt, Claim, IdempotencyService
from silvercup.storage import Item, Key
from tests.support.tables import MemoryBlobs, MemoryTables

TENANT = uuid7()


class Parts:
    """Tasks and machines that are always there."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.blobs = MemoryBlobs()
        self.started: list[str] = []
        parts: Any = self
        self.service = ExecutionService(
            tables=self.tables,
            store=RunStore(self.tables, self.blobs),
            waits=parts,
            launcher=parts,
            canceller=parts,
            tokens=parts,
            tasks=parts,
            graves=parts,
        )

    def runnable(self, tenant: str, task_id: str) -> Runnable:
        return Runnable(task_id, 1, "a", "p", "d", "x", None)

    def start(self, ref: ExecutionRef, item: Item) -> None:
        self.started.append(item["id"])

    def post(self, retries: int = 0, key: str | None = None, task: str = "t", **input: Any) -> Claim:
        attempt = Attempt(TENANT, "POST", f"/tasks/{task}/executions", repr(input).encode(), key, retries)
        claimed = IdempotencyService(self.tables).claim(attempt, later=True)
        self.service.create(TENANT, task, input=input, metadata=None, execution_id=claimed.id, claim=claimed.unwritten)
        return claimed

    def init(self, execution_id: str) -> Item:
        return self.tables.items[Key(RUNS, ExecutionRef(TENANT, execution_id).record_pk(INIT))]


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_a_start_writes_twice(parts: Parts):
    made = parts.post()
    assert parts.tables.requests == ["put_many", "put"]
    assert parts.started == [made.id]


def test_a_retry_finds_the_first_attempt(parts: Parts):
    first = parts.post()
    assert parts.post(1).id == parts.post(2).id == first.id
    second = parts.post()
    assert second.id != first.id
    assert parts.post(1).id == second.id
    kept = [key for key in parts.tables.items if key.table == RUNS]
    assert len(kept) == 2


def test_every_attempt_writes_the_same_first_record(parts: Parts):
    claimed = parts.post(note="ü")
    written = parts.init(claimed.id)
    del parts.tables.items[Key(RUNS, written["pk"])]
    parts.post(1, note="ü")
    assert parts.init(claimed.id) == written
    assert parts.tables.items[Key(CORE, f"{TENANT}#execution#{claimed.id}")]["created_at"] == written["t"]


def test_a_key_that_is_used_hours_later_starts_now(parts: Parts):
    hours_ago = now_us() - 4 * 3_600_000_000
    old = uuid7(hours_ago)
    parts.service.create(TENANT, "t", input={}, metadata=None, execution_id=old)
    assert now_us() - parts.init(old)["t"] < 60_000_000


def test_a_large_input_lies_beside_the_record(parts: Parts):
    made = parts.post(text="x" * 100_000)
    assert len(parts.blobs.bodies) == 1
    assert len(parts.init(made.id)["values"][0]) < 200


def test_an_id_of_another_task_is_a_conflict(parts: Parts):
    made = parts.post()
    with pytest.raises(Conflict):
        parts.service.create(TENANT, "other", input={}, metadata=None, execution_id=made.id)
