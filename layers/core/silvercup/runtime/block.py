"""Running a block: its record once, the follow-ups as often as it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from silvercup.errors import ConditionFailed, StepError
from silvercup.executions.endings import Endings
from silvercup.executions.execution import is_final
from silvercup.executions.keys import INIT, RecordKey
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.executions.waits import Waits
from silvercup.ids import now_us
from silvercup.llm.service import Models
from silvercup.runtime.draft import Draft
from silvercup.runtime.operations import run_operation
from silvercup.runtime.programs import Programs
from silvercup.runtime.situation import Situation
from silvercup.settings import Settings
from silvercup.storage import Change
from silvercup.values import JsonObject
from statemachines.ir import Block, SleepOp


class StepFailed(StepError):
    """A step failed, and that is written down. The state machine goes to its end."""


@dataclass(frozen=True, slots=True)
class Services:
    """What blocks work with.

    Attributes:
        models: Gives the models; called only by blocks that ask one.
    """

    store: RunStore
    waits: Waits
    endings: Endings
    programs: Programs
    settings: Settings
    models: Callable[[], Models]


def run_pure(services: Services, situation: Situation, key: RecordKey) -> JsonObject:
    """Run a block without an effect."""
    if key in situation.own:
        return settle(services, situation, Record.from_item(situation.own[key]))
    situation.ensure_alive()
    mark(services, situation, "starting")
    draft = Draft(situation.pointer.ref, key, situation.prev)
    op = situation.block.ops[0]
    try:
        check_limits(services, situation)
        run_operation(op, draft, situation.scope(op), lambda: situation.state(op.at.depth))
        record = draft.build()
    except StepError as error:
        record = Draft(situation.pointer.ref, key, situation.prev).fail(op, error.message)
    return commit(services, situation, record)


def commit(services: Services, situation: Situation, record: Record) -> JsonObject:
    """Write a block's record, and answer with what holds now."""
    return settle(services, situation, Record.from_item(services.store.commit(situation.pointer.ref, record)))


def settle(services: Services, situation: Situation, record: Record) -> JsonObject:
    """Do a record's follow-ups (again), and answer the state machine.

    Raises:
        StepFailed: The record says that the step failed.
    """
    ref, execution = situation.pointer.ref, situation.execution
    terminal = record.terminal
    if terminal is not None:
        services.endings.end(ref, record)
        if terminal.type == "error":
            raise StepFailed("A step failed; the execution's last transition says why")
    elif record.transitions:
        mark(services, situation, "running")
    prev = situation.prev.key
    if prev.kind == "wait" and prev.path in (execution.get("open_waits") or ()):
        item = services.store.record(ref, prev)
        if item is not None and "answer_hash" in item:
            services.waits.note_answered(ref, prev.path, item["answer_hash"])
    return answer(services, situation.block, record)


def answer(services: Services, block: Block, record: Record) -> JsonObject:
    """What the state machine is told: the record, the branch or the seconds to sleep, and the seconds a wait may take."""
    now = now_us()
    go = record.go
    if isinstance(block.ops[-1], SleepOp):
        go = max(math.ceil((record.go - now) / 1_000_000), 0)
    deadline = wait_deadline(services, record)
    return {"prev": str(record.key), "go": go, "left": max(deadline - now // 1_000_000, 1)}


def wait_deadline(services: Services, before: Record) -> int:
    """When a wait that follows a record expires, in seconds since the epoch; the same for every replay."""
    return before.last_t // 1_000_000 + services.settings.wait_days * 86_400


def mark(services: Services, situation: Situation, status: str) -> None:
    """Move the status on, at the first block only; a status never goes back."""
    if situation.pointer.prev != INIT or is_final(situation.execution):
        return
    before = {"starting": ("queued",), "running": ("queued", "starting")}[status]
    if situation.execution["status"] not in before:
        return
    names = {f"s{i}": name for i, name in enumerate(before)}
    condition = " OR ".join(f"#status = :{name}" for name in names)
    change = Change(set={"status": status}, condition=f"attribute_not_exists(#final_key) AND ({condition})", args=names)
    with suppress(ConditionFailed):
        situation.execution = services.store.change_execution(situation.pointer.ref, change)


def check_limits(services: Services, situation: Situation) -> None:
    """Stop what would run for ever.

    Raises:
        StepError: The execution has taken as many steps as it may.
    """
    most = services.settings.max_steps
    if most and situation.prev.count >= most:
        raise StepError(f"The execution has {situation.prev.count:,} transitions; at most {most:,} are allowed")
