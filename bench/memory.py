"""The product in memory, without HTTP, threads and time: what is too long for a local stack runs here."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.definitions import INPUT, Task
from silvercup.storage import Item, Key
from statemachines.report import Count
from tests.support.tables import MemoryTables
from tests.support.world import World

_BATCH = 100


class CountedTables(MemoryTables):
    """Tables that count as DynamoDB is asked: a BatchGetItem takes a hundred keys."""

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """See ``Tables.get_many``."""
        asked = list(dict.fromkeys(keys))
        self.requests += ["get_many"] * (math.ceil(len(asked) / _BATCH) - 1)
        return super().get_many(asked)


def run_in_memory(task: Task) -> tuple[list[Count], int]:
    """Run a task to its end.

    Returns:
        Transitions, Lambda calls and history events of each execution of its state machine; DynamoDB requests of its
        invocations.
    """
    world = World()
    world.tables = CountedTables()
    world.install(tables=world.tables, blobs=world.blobs, machines=world.machines)
    ref = world.start(world.compile(task), INPUT)
    world.tables.requests.clear()
    world.machines.settle()
    requests = len(world.tables.requests)
    status = world.container.store.item(ref)["status"]
    if status != "succeeded":
        raise RuntimeError(f"{task['name']}: the execution is {status}")
    ran = world.machines.executions.values()
    return [Count(one.entered, one.invocations, one.events) for one in ran], requests
