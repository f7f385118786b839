"""What the prompts of an execution used: counted once, whatever happens on the way, and for good."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from silvercup.errors import TransientError
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.runtime.removal import Remover
from silvercup.storage import Key
from silvercup.usage.service import UsageService
from tests.support.asl import Killed
from tests.support.tables import MemoryQueue
from tests.support.world import TENANT, World

PROMPT: dict[str, Any] = {"prompt": "$ 'p' + str(_)[:20]", "unwrap": True}
NO_TEXT = {"choices": []}


def used(world: World, tenant: str = TENANT, **asked: str) -> dict[str, Any]:
    """What was used from yesterday to tomorrow: a test may go over midnight."""
    today = datetime.now(UTC).date()
    day = timedelta(1)
    return UsageService(world.tables).sum(tenant, start=today - day, end=today + day, **asked)


def tokens(world: World) -> tuple[int, int, int]:
    """What the model was told and said, by its own count."""
    told = [len(text) for text in world.models.asked]
    return len(told), sum(told), sum(told) + 6 * len(told)


def counted(found: dict[str, Any]) -> tuple[int, int, int]:
    totals = found["totals"]
    return totals["calls"], totals["prompt_tokens"], totals["completion_tokens"]


@pytest.mark.parametrize(
    "main",
    [
        [PROMPT],
        [PROMPT, {"evaluate": {"x": "$ _"}}, PROMPT, PROMPT],
        [{"over": "$ [1, 2, 3]", "map": PROMPT, "parallelism": 3, "reduce": "$ results + [_]"}],
        [{"parallel": [PROMPT, PROMPT]}, {"if": "$ True", "then": PROMPT}],
    ],
    ids=["one", "row", "loop", "branches"],
)
def test_every_call_is_counted_for_whom_it_was(main: list[Any]):
    world = World()
    outcome = world.run(world.compile({"main": main}))
    assert outcome.status == "succeeded", outcome.output
    assert counted(used(world)) == tokens(world)
    for asked in ({"execution": outcome.id}, {"agent": "agent"}, {"task": "task"}):
        assert counted(used(world, **asked)) == tokens(world)
    for other in ({"execution": "another"}, {"session": outcome.id}, {"tenant": "another"}):
        assert counted(used(world, **other)) == (0, 0, 0)
    assert {row["model"] for row in used(world)["items"]} == {"echo"}


def test_an_execution_without_a_prompt_is_not_in_the_index():
    world = World()
    world.run(world.compile({"main": [{"evaluate": {"x": "$ 1"}}]}))
    assert not [item for item in world.tables.items.values() if "spent" in item]


def test_an_answer_that_fails_the_step_was_used_all_the_same(monkeypatch: pytest.MonkeyPatch):
    world = World()
    complete = world.models.complete
    monkeypatch.setattr(world.models, "complete", lambda *args, **options: complete(*args, **options) | NO_TEXT)
    outcome = world.run(world.compile({"main": [PROMPT]}))
    assert outcome.status == "failed"
    assert "0 choices" in outcome.output
    assert counted(used(world)) == tokens(world)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_call_whose_record_was_written_counts_once(before: bool):
    """Killed before its record is written, the model is asked again, and what it told nobody is not known."""
    world = World()
    put = world.tables.put
    deaths = iter([True])

    def dying(table: str, item: Any, **more: Any) -> None:
        hit = str(item.get("key")).startswith("effect:")
        if hit and before and next(deaths, False):
            raise Killed
        put(table, item, **more)
        if hit and not before and next(deaths, False):
            raise Killed

    world.tables.put = dying
    outcome = world.run(world.compile({"main": [PROMPT]}))
    assert outcome.status == "succeeded"
    assert len(world.models.asked) == (2 if before else 1)
    assert counted(used(world))[0] == 1


def test_a_record_reads_as_before():
    world = World()
    outcome = world.run(world.compile({"main": [PROMPT]}))
    key = RecordKey("effect", "main/b0")
    item = world.container.store.record(outcome.ref, key)
    assert item
    assert "spent" in item
    record = Record.from_item(item)
    assert RunStore(world.tables, world.blobs).commit(outcome.ref, record) == item


class Dying:
    """Kills a deletion before or after some of its writes."""

    def __init__(self, world: World, seed: int) -> None:
        self.chance = random.Random(seed)
        self._world = world
        self._put, self._delete = world.tables.put, world.tables.delete
        world.tables.put, world.tables.delete = self.put, self.delete

    def put(self, *args: Any, **options: Any) -> None:
        self._may_die()
        self._put(*args, **options)
        self._may_die()

    def delete(self, *args: Any, **options: Any) -> None:
        self._may_die()
        self._delete(*args, **options)
        self._may_die()

    def _may_die(self) -> None:
        if self.chance.random() < 0.1:
            raise TransientError("killed")

    def release(self) -> None:
        self._world.tables.put, self._world.tables.delete = self._put, self._delete


@pytest.mark.parametrize("seed", range(5))
def test_a_deleted_execution_was_used_all_the_same_whenever_its_deletion_is_killed(seed: int):
    world = World()
    compiled = world.compile({"main": [{"over": "$ [1, 2, 3, 4]", "map": PROMPT}]})
    kept, goes = world.run(compiled), world.run(compiled)
    expected, of_it = used(world), used(world, execution=goes.id)
    assert of_it["totals"]["calls"] == 4
    remove(world, goes.ref, seed, lambda: used(world) == expected)
    assert not [key for key in world.tables.items if goes.id in key.pk and "#usage#" not in key.pk]
    assert used(world) == expected
    assert used(world, execution=goes.id) == of_it
    assert Key("runs", kept.ref.record_pk(RecordKey("init", ""))) in world.tables.items


def remove(world: World, ref: ExecutionRef, seed: int, holds: Any) -> None:
    """Delete an execution in small slices that are killed, and handed out again as by SQS."""
    world.container.executions.delete(TENANT, ref.id)
    queue: Any = world.container.delete_queue
    assert isinstance(queue, MemoryQueue)
    parts = world.container
    remover = Remover(
        tables=world.tables,
        blobs=world.blobs,
        canceller=parts.canceller,
        graves=parts.graves,
        queue=queue,
        docs=parts.docs,
        size=3,
        linger_seconds=-1,
    )
    dying = Dying(world, seed)
    while queue.messages:
        message = queue.messages.pop(0)
        try:
            remover.work(message)
        except TransientError:
            queue.messages.append(message)
        assert holds()
    dying.release()
