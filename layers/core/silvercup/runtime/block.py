"""Running a block: its record once, the follow-ups as often as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from silvercup.errors import ConditionFailed, StepError
from silvercup.executions.endings import Endings
from silvercup.executions.execution import is_final
from silvercup.executions.joins import Joins
from silvercup.executions.keys import INIT, RecordKey, RecordKind
from silvercup.executions.paths import iterations
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.executions.waits import Waits
from silvercup.llm.service import Models
from silvercup.runtime.arrival import arrival_of
from silvercup.runtime.draft import Arrival, Draft
from silvercup.runtime.flow import Failed, Flow, Left
from silvercup.runtime.programs import Programs
from silvercup.runtime.secrets import Secrets
from silvercup.runtime.situation import Returned, Situation, return_key
from silvercup.runtime.slices import Sliced, Slices
from silvercup.settings import Settings
from silvercup.storage import Change, Item
from silvercup.tools.calls import ToolCall
from statemachines import ir

NONE, LEFT, AGAIN, ASKED = -1, -2, -3, -4
"""What a block answers in ``go`` besides an arm's number: no arm, a ``return`` ended the workflow, run me once more, the calls of a model's
tools have to be answered first."""


class StepFailed(StepError):
    """A step failed, and that is written down. The state machine goes to its end."""


KINDS: dict[ir.Effect, tuple[RecordKind, ...]] = {
    "none": ("block",),
    "prompt": ("pure", "effect"),
    "talk": ("pure", "effect"),
    "tool": ("pure", "effect"),
    "wait": ("wait",),
}
"""The kinds of record that a block writes, by its effect."""


class ToolRunner(Protocol):
    """Runs tools."""

    def run(self, call: ToolCall, /) -> Any:
        """The result of a call, a JSON value.

        Raises:
            ToolFailed: The call was refused, or the tool failed.
            TransientError: A part of ours was throttled or slow.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What blocks work with.

    Attributes:
        models: Gives the models; called only by blocks that ask one.
        secrets: Gives the secrets of blocks.
        tools: Gives what runs tools; called only by blocks that call one.
    """

    store: RunStore
    waits: Waits
    endings: Endings
    joins: Joins
    programs: Programs
    settings: Settings
    models: Callable[[], Models]
    secrets: Secrets
    tools: Callable[[], ToolRunner]


def own_keys(path: str, block: ir.Block, at: str, frames: tuple[ir.Frame, ...]) -> tuple[RecordKey, ...]:
    """The keys that a block's records may have.

    Args:
        path: The block's path.
        block: The block.
        at: Where it runs.
        frames: The program's frames.
    """
    keys = [RecordKey(kind, path) for kind in KINDS[block.effect]]
    if block.effect == "talk":
        keys.append(RecordKey("round", f"{path}+0"))
    keys += [
        return_key(at, op.frame, frames[op.frame].loops)
        for op in ir.walk(block.ops)
        if isinstance(op, ir.ReturnOp) and op.loops > frames[op.frame].loops
    ]
    return tuple(dict.fromkeys(keys))


def run_pure(services: Services, situation: Situation, key: RecordKey) -> Record:
    """Run a block's pure operations, and give the record that holds now.

    Args:
        services: What it works with.
        situation: What it read.
        key: Where its record stands.
    """
    found = written(situation, key)
    if found is not None:
        return found
    situation.ensure_alive()
    mark(services, situation, "starting")
    draft, flow = begin(services, situation, key)
    ended = run_through(services, situation, draft, flow, situation.block.ops)
    return ended or commit(services, situation, draft.build())


def written(situation: Situation, *keys: RecordKey) -> Record | None:
    """The record that this block wrote before: one of these, or that of its ``return``."""
    for key in keys:
        if key in situation.own:
            return Record.from_item(situation.own[key])
    path = situation.path
    for key, item in situation.own.items():
        if key.kind == "return":
            record = Record.from_item(item)
            if record.by == path:
                return record
    return None


def begin(services: Services, situation: Situation, key: RecordKey) -> tuple[Draft, Flow]:
    """A draft of a block's record and a run through its operations, from where earlier invocations of it stopped."""
    ref = situation.pointer.ref
    draft = draft_of(services, situation, key, arrival_of(situation))
    slices = Slices(services.store, situation, draft)
    flow = Flow(
        situation,
        draft,
        keep=lambda text: services.store.keep(ref, text, inline=0),
        slices=slices,
        skip_waits=services.settings.skip_waits,
    )
    flow.play(slices.tape)
    return draft, flow


def draft_of(services: Services, situation: Situation, key: RecordKey, arrival: Arrival) -> Draft:
    """A draft of one of a block's records.

    Args:
        services: What it works with.
        situation: What it read.
        key: Where the record will stand.
        arrival: What came before.
    """
    pointer = situation.pointer
    return Draft(
        pointer.ref,
        key,
        arrival,
        iterations(pointer.at),
        tag=situation.tag,
        most=services.settings.max_steps,
        text_of=situation.secrets.stored,
    )


def run_through(
    services: Services, situation: Situation, draft: Draft, flow: Flow, ops: Sequence[ir.Op]
) -> Record | None:
    """Run operations; where they ended the block before its end, give the record that says how."""
    try:
        flow.run(ops)
    except Left as left:
        return _left(services, situation, draft, left.op)
    except Failed as failed:
        return fail(services, situation, draft, failed.op, failed.message)
    except Sliced as sliced:
        return sliced.record
    return None


def fail(
    services: Services, situation: Situation, draft: Draft, op: ir.Op, message: str, extra: Item | None = None
) -> Record:
    """Write the record of a step that failed; ``extra`` as for ``commit``."""
    draft.fail(op, failure_text(situation, draft, op, message))
    return commit(services, situation, draft.build(), extra)


def _left(services: Services, situation: Situation, draft: Draft, op: ir.ReturnOp) -> Record:
    """Write the record of a ``return``: from inside a loop the first one of its workflow counts."""
    pointer = situation.pointer
    frame = situation.loaded.program.frames[op.frame]
    draft.go = LEFT
    if op.loops == frame.loops:
        return commit(services, situation, draft.build())
    path = situation.path
    record = replace(draft.build(return_key(pointer.at, op.frame, frame.loops)), by=path, rough=True)
    return commit(services, situation, record)


def commit(services: Services, situation: Situation, record: Record, extra: Item | None = None) -> Record:
    """Write a block's record, with further attributes of its item; gives the one that holds now."""
    holds = Record.from_item(services.store.commit(situation.pointer.ref, record, extra))
    situation.overtaken |= holds.t != record.t
    return holds


def settle(services: Services, situation: Situation, record: Record) -> None:
    """Do a record's follow-ups (again).

    Raises:
        StepFailed: The record says that the step failed.
        Returned: It says that a ``return`` ended the workflow, from inside a loop.
    """
    ref = situation.pointer.ref
    terminal = record.terminal
    if terminal is not None:
        if terminal.type == "error" and situation.has_returned():
            raise Returned  # what failed was to stop
        services.endings.end(ref, record)
        if terminal.type == "error":
            raise StepFailed("A step failed; the execution's last transition says why")
    elif record.n:
        mark(services, situation, "running")
    settle_wait(services, situation)
    if record.key.kind == "return":
        close_loop(services, situation, record)
        raise Returned


def close_loop(services: Services, situation: Situation, record: Record) -> None:
    """Close the loop that a ``return`` left."""
    place, by = record.key.path.rpartition("/")[0], record.by or ""
    inside = [part.partition(".")[0] for part in by[len(place) + 1 :].split("/")[:-1]]
    openers = [situation.loaded.ops[name] for name in inside]
    beside = any(not isinstance(opener, ir.LoopOp) or opener.parallelism > 1 for opener in openers)
    prefix = f"{place}/{inside[0]}."
    services.joins.close(situation.pointer.ref, prefix, record.last_t if beside else None)


def settle_wait(services: Services, situation: Situation) -> None:
    """Take the wait before this block off the open ones, if whoever answered it could not."""
    ref, execution = situation.pointer.ref, situation.execution
    prev = situation.prev.key
    if prev.kind == "wait" and prev.path in (execution.get("open_waits") or ()):
        item = services.store.record(ref, prev)
        if item is not None and "answer_hash" in item:
            services.waits.note_answered(ref, prev.path, item["answer_hash"])


def failure_text(situation: Situation, draft: Draft, op: ir.Op, message: str) -> str:
    """Why a step failed: in which item, where it stands, and the cause."""
    where = "".join(
        f"In {'branch' if isinstance(opener, ir.ForkOp) else 'item'} {number} of {opener.loc}: "
        for loop, number in draft.iterations.items()
        if (opener := situation.loaded.ops[loop])
    )
    return f"{where}{message}" if isinstance(op, ir.RaiseOp) else f"{where}{op.loc}: {message}"


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
