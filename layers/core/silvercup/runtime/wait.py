"""Running a wait: the wait is announced, its record holds the newest token, and whoever answers finds it there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, cast

from silvercup import values
from silvercup.errors import ConditionFailed, StepError
from silvercup.executions.execution import is_final
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.executions.waits import MAX_OPEN_WAITS, opened
from silvercup.ids import hash128
from silvercup.runtime.answers import wait_deadline
from silvercup.runtime.block import Services, begin, draft_of, fail, mark, run_through, settle, settle_wait
from silvercup.runtime.draft import Draft, arrival_after
from silvercup.runtime.flow import Flow
from silvercup.runtime.prompt import given_tools
from silvercup.runtime.said import Round, waited
from silvercup.runtime.situation import ExecutionEnded, Situation
from silvercup.storage import Change, Item
from silvercup.tool_types import runs_here
from silvercup.values import JsonObject
from statemachines.ir import AwaitOp, TalkOp


def run_wait(services: Services, situation: Situation, key: RecordKey, token: str) -> JsonObject:
    """Run a block that waits; the state machine goes on when the token is answered, not when this returns.

    Args:
        services: What it works with.
        situation: What it read.
        key: The wait record's key.
        token: Step Functions' token of this invocation; a retry has another.
    """

    def begun() -> tuple[Draft, Record | None, Sequence[str]]:
        mark(services, situation, "starting")
        draft, flow = begin(services, situation, key)
        ended = run_through(services, situation, draft, flow, situation.block.ops[:-1])
        return draft, ended or _announcement(services, situation, draft, flow, key), ()

    return _hold(services, situation, key, token, begun)


def run_answers(services: Services, situation: Situation, key: RecordKey, token: str) -> JsonObject:
    """Wait for the results of a model's calls; the record before holds what it said.

    Args:
        services: What it works with.
        situation: What was read.
        key: The wait record's key.
        token: Step Functions' token of this invocation; a retry has another.
    """
    return _hold(services, situation, key, token, lambda: _asked(services, situation, key))


def _hold(
    services: Services,
    situation: Situation,
    key: RecordKey,
    token: str,
    begin_wait: Callable[[], tuple[Draft, Record | None, Sequence[str]]],
) -> JsonObject:
    """Announce a wait that is not there yet, and leave the token with it; ``begin_wait`` gives the ids of the calls that it is for, too."""
    existing = situation.own.get(key)
    if existing is None:
        situation.ensure_alive()
        draft, ended, calls = begin_wait()
        if ended is not None:
            settle(services, situation, ended)
            return {}
        record = draft.build()
        ref = situation.pointer.ref
        deadline = wait_deadline(services, situation.prev)
        existing = services.store.commit(ref, record, opened(ref, record, token, deadline, calls))
    record = Record.from_item(existing)
    if record.terminal is not None:
        settle(services, situation, record)
        return {}
    settle_wait(services, situation)
    _deliver(services, situation, existing, token)
    return {}


def _announcement(services: Services, situation: Situation, draft: Draft, flow: Flow, key: RecordKey) -> Record | None:
    """Announce the wait and add its transition; where that fails, give the record that says so.

    Raises:
        ExecutionEnded: The execution has ended: there is nothing left to record.
    """
    op = cast("AwaitOp", situation.block.ops[-1])
    ref = situation.pointer.ref
    try:
        info: Any = flow.evaluate(op, op.info)
        shown = info if op.tool is None else _tool_call(str(key), ref.id, op.tool, info)
        mark(services, situation, "running")
        _announce(services, situation, key)
        draft.leave_scopes(op.at.depth)
        draft.add("wait", op.at, None, draft.values.add_value(shown), metadata={"step_type": op.step_type})
    except ExecutionEnded:
        raise
    except StepError as error:
        return fail(services, situation, draft, op, error.message)
    return None


def _asked(services: Services, situation: Situation, key: RecordKey) -> tuple[Draft, Record | None, Sequence[str]]:
    """Announce the wait for a model's calls; after another one of the same step it says first that this has ended."""
    op = cast("TalkOp", situation.block.ops[-1])
    before = situation.prev
    draft = draft_of(services, situation, key, arrival_after(before))
    asked = Round(before, situation.load)
    tools = given_tools(situation, op)
    left = [call for call in asked.calls if not runs_here(tools.get(call["function"]["name"], {"type": "system"}))]
    metadata: JsonObject = {"step_type": op.step_type}
    try:
        _announce(services, situation, key)
        draft.leave_scopes(op.at.depth)
        if waited(before):
            answer = draft.values.add_value(None) if draft.out is None else draft.out
            draft.add("resume", op.at, op.at, answer, metadata=metadata)
        draft.add("wait", op.at, None, draft.values.add_value(left), metadata=metadata)
    except ExecutionEnded:
        raise
    except StepError as error:
        return draft, fail(services, situation, draft, op, error.message), ()
    return draft, None, [call["id"] for call in left]


def _announce(services: Services, situation: Situation, key: RecordKey) -> None:
    """Add the wait to the open ones.

    Raises:
        ExecutionEnded: The execution has ended.
        StepError: As many waits are open as can be.
    """
    room = "attribute_not_exists(#open_waits) OR contains(#open_waits, :path) OR size(#open_waits) < :most"
    change = Change(
        add_to={"open_waits": {key.path}},
        condition=f"attribute_exists(#pk) AND attribute_not_exists(#final_key) AND ({room})",
        args={"path": key.path, "most": MAX_OPEN_WAITS},
    )
    try:
        services.store.change_execution(situation.pointer.ref, change)
    except ConditionFailed as error:
        if error.found is None or is_final(dict(error.found)):
            raise ExecutionEnded from None
        raise StepError(
            f"An execution can have {MAX_OPEN_WAITS:,} open waits at once; this would be one more"
        ) from None


def _deliver(services: Services, situation: Situation, item: Item, token: str) -> None:
    """Leave the newest token with an open wait; pass on an answer that is there already."""
    ref = situation.pointer.ref
    if item["wait"] == "open" and item["token"] != token:
        change = Change(set={"token": token}, condition="#wait = :open", args={"open": "open"})
        try:
            item = services.store.change_record(item["pk"], change)
        except ConditionFailed as error:
            item = dict(error.found or item)
    if item["wait"] == "closed":
        raise ExecutionEnded
    if item["wait"] == "answered":
        services.waits.send(ref, {**item, "token": token})


def _tool_call(key: str, execution_id: str, tool: str, arguments: Any) -> JsonObject:
    """A call of a function tool as chat shows it; a retry has the same id."""
    call_id = base64.urlsafe_b64encode(hash128("call", execution_id, key) + hash128("call2", execution_id, key)[:2])
    return {
        "id": f"call_{call_id.decode()}",
        "type": "function",
        "function": {"name": tool, "arguments": values.dumps(arguments)},
    }
