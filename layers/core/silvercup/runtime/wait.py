"""Running a wait: the wait is announced, its record holds the newest token, and whoever answers finds it there."""

from __future__ import annotations

import base64
from typing import Any, cast

from silvercup import values
from silvercup.errors import ConditionFailed, StepError
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.executions.waits import MAX_OPEN_WAITS, opened
from silvercup.expressions import compile_value
from silvercup.ids import hash128
from silvercup.runtime.block import Services, check_limits, commit, mark, wait_deadline
from silvercup.runtime.draft import Draft
from silvercup.runtime.situation import ExecutionEnded, Situation
from silvercup.storage import Change, Item
from silvercup.values import JsonObject
from statemachines.ir import AwaitOp


def run_wait(services: Services, situation: Situation, key: RecordKey, token: str) -> JsonObject:
    """Run a block that waits; the state machine goes on when the token is answered, not when this returns.

    Args:
        services: What it works with.
        situation: What it read.
        key: The wait record's key.
        token: Step Functions' token of this invocation; a retry has another.
    """
    existing = situation.own.get(key)
    if existing is None:
        situation.ensure_alive()
        mark(services, situation, "starting")
        record = _record(services, situation, key)
        if record.terminal is not None:
            return commit(services, situation, record)
        mark(services, situation, "running")
        _announce(services, situation, key)
        deadline = wait_deadline(services, situation.prev)
        ref = situation.pointer.ref
        existing = services.store.commit(ref, record, opened(ref, record, token, deadline))
    elif Record.from_item(existing).terminal is not None:
        return commit(services, situation, Record.from_item(existing))
    _deliver(services, situation, existing, token)
    return {}


def _record(services: Services, situation: Situation, key: RecordKey) -> Record:
    op = cast("AwaitOp", situation.block.ops[-1])
    ref = situation.pointer.ref
    draft = Draft(ref, key, situation.prev)
    try:
        check_limits(services, situation)
        if len(situation.execution.get("open_waits") or ()) >= MAX_OPEN_WAITS:
            raise StepError(f"An execution can have {MAX_OPEN_WAITS} open waits at once; this would be one more")
        info: Any = compile_value(op.info).evaluate(situation.scope(op))
        shown = info if op.tool is None else _tool_call(str(key), ref.id, op.tool, info)
        draft.stand_at(op.at)
        draft.add("wait", op.at, None, draft.values.add_value(shown), metadata={"step_type": op.step_type})
        return draft.build()
    except StepError as error:
        return Draft(ref, key, situation.prev).fail(op, error.message)


def _announce(services: Services, situation: Situation, key: RecordKey) -> None:
    change = Change(
        add_to={"open_waits": {key.path}}, condition="attribute_exists(#pk) AND attribute_not_exists(#final_key)"
    )
    try:
        services.store.change_execution(situation.pointer.ref, change)
    except ConditionFailed:
        raise ExecutionEnded from None


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
