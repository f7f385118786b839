"""The execution's item: how it is made, and what it says about status."""

from __future__ import annotations

from typing import Any

from silvercup import values
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.transition import FINAL_STATUSES
from silvercup.paging import index_attributes
from silvercup.storage import Item
from silvercup.times import iso
from silvercup.values import JsonObject

START_GRACE_SECONDS = 30
"""After this the sweeper starts what is still queued."""
LIFE_CHECK_SECONDS = 3600
"""How often the sweeper looks whether an unfinished execution's machine still runs."""

STATUSES = ("queued", "starting", "running", "awaiting_input", "succeeded", "failed", "cancelled")


def new_item(
    ref: ExecutionRef,
    *,
    task_id: str,
    task_version: int,
    agent_id: str,
    program: str,
    definition: str,
    digest: str,
    metadata: JsonObject,
    created_at: int,
) -> Item:
    """The item of an execution that is about to start.

    Args:
        ref: The execution.
        task_id: Its task.
        task_version: The version it runs, for good.
        agent_id: The task's agent.
        program: The program's blob.
        definition: The definition's blob.
        digest: The definition's digest, which names the machine.
        metadata: The caller's.
        created_at: Microseconds since the epoch.
    """
    return {
        "pk": ref.item_pk,
        "kind": "execution",
        "id": ref.id,
        "tenant": ref.tenant,
        "task_id": task_id,
        "task_version": task_version,
        "agent_id": agent_id,
        "program": program,
        "definition": definition,
        "digest": digest,
        "status": "queued",
        "metadata": values.dumps(metadata),
        "created_at": created_at,
        "replays": 0,
        "sweep": ref.shard,
        "sweep_at": created_at // 1_000_000 + START_GRACE_SECONDS,
        "all": f"{ref.tenant}#execution",
        "state": state_partition(ref.tenant, "queued"),
        **index_attributes(f"{ref.tenant}#execution#{task_id}", ref.id, created_at, created_at),
    }


def state_partition(tenant: str, status: str) -> str:
    """The partition of the index of executions by state: one for each final status, one for all that have not ended."""
    return f"{tenant}#execution#{status if status in FINAL_STATUSES else 'open'}"


def is_final(item: Item) -> bool:
    """Whether the execution has ended."""
    return "final_key" in item


def final_key(item: Item) -> RecordKey:
    """The key of the record that holds the terminal transition; only of an execution that has ended."""
    return RecordKey.parse(item["final_key"])


def open_waits(item: Item) -> list[RecordKey]:
    """The waits that are open, in order of their paths."""
    return sorted((RecordKey("wait", path) for path in item.get("open_waits") or ()), key=str)


def status(item: Item) -> str:
    """The status as the API shows it: awaiting input while any wait is open."""
    if is_final(item) or not item.get("open_waits"):
        return item["status"]
    return "awaiting_input"


def remains(item: Item) -> Item:
    """What the tombstone of an execution keeps: that it has ended, for whatever still runs, and what it takes to stop that."""
    kept = {name: item[name] for name in ("status", "final_key", "final_t", "final_count") if name in item}
    if "sweep" not in item:
        return kept
    names = ("digest", "replays", "machine_suffix", "open_waits", "open_joins")
    return kept | {"unstopped": 1} | {name: item[name] for name in names if name in item}


def view(
    item: Item,
    *,
    input: Any,
    output: Any,
    count: int | None,
    updated_at: int,
    waits: list[JsonObject],
) -> JsonObject:
    """The execution as the API shows it.

    Args:
        item: Its item.
        input: What it was started with.
        output: What it has to show now.
        count: How many transitions it has, None while none is there.
        updated_at: The time of its latest transition, microseconds since the epoch.
        waits: Its open waits.
    """
    now = status(item)
    return {
        "id": item["id"],
        "task_id": item["task_id"],
        "task_version": item["task_version"],
        "status": now,
        "input": input,
        "output": output,
        "error": output if now == "failed" and isinstance(output, str) else None,
        "transition_count": count,
        "metadata": values.loads(item["metadata"]),
        "waits": waits,
        "created_at": iso(item["created_at"]),
        "updated_at": iso(updated_at),
    }
