"""Calls of what is outside, a model or a tool: the call is written down before it is made, its answer after."""

from __future__ import annotations

from typing import Any, cast

from silvercup.errors import RequestError, StepError
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.runtime import prompt, tool
from silvercup.runtime.block import Services, begin, commit, draft_of, fail, mark, run_through, written
from silvercup.runtime.draft import arrival_after
from silvercup.runtime.flow import Flow
from silvercup.runtime.situation import Situation
from silvercup.runtime.talk import run_talk
from silvercup.storage import Item
from silvercup.values import JsonObject
from statemachines.ir import Op, PromptOp, ToolOp


def run_effect(services: Services, situation: Situation, pure: RecordKey, effect: RecordKey) -> Record:
    """Run a block that ends with a call, and give the record that holds now.

    Args:
        services: What it works with.
        situation: What it read.
        pure: The key of the record that holds the steps before the call, and the call.
        effect: The key of the record that holds the answer.

    Raises:
        TransientError: What is called can't answer now; the call is made again as it was written down.
    """
    found = written(situation, effect)
    if found is not None:
        return found
    op = situation.block.ops[-1]
    prepared = written(situation, pure)
    if prepared is None or prepared.call is not None:
        situation.ensure_alive()
    if prepared is None:
        mark(services, situation, "starting")
        prepared = _prepare(services, situation, op, pure)
    if prepared.call is None:
        return prepared
    if situation.block.effect == "talk":
        return run_talk(services, situation, prepared, effect)
    draft = draft_of(services, situation, effect, arrival_after(prepared))
    call = cast("JsonObject", situation.load(prepared.values[prepared.call]))
    used: Item = {}
    try:
        draft.out = draft.outs[op.id] = draft.values.add_value(
            _made(services, situation, prepared, call, draft.t, effect, used)
        )
        draft.close(op, draft.out)
    except (StepError, RequestError) as error:
        return fail(services, situation, draft, op, error.message, used)
    return commit(services, situation, draft.build(), used)


def _prepare(services: Services, situation: Situation, op: Op, key: RecordKey) -> Record:
    """Run the steps before the call and write the call down; there is none where the block ended before that."""
    draft, flow = begin(services, situation, key)
    ended = run_through(services, situation, draft, flow, situation.block.ops[:-1])
    if ended is not None:
        return ended
    try:
        draft.call = draft.values.add_value(_evaluated(situation, flow, op))
    except StepError as error:
        return fail(services, situation, draft, op, error.message)
    return commit(services, situation, draft.build())


def _evaluated(situation: Situation, flow: Flow, op: Op) -> JsonObject:
    match op:
        case PromptOp():
            return prompt.evaluated(situation, flow, op)
        case ToolOp():
            return tool.evaluated(flow, op)
        case _:
            raise AssertionError(f"{op.name} is no call")


def _made(
    services: Services, situation: Situation, prepared: Record, call: JsonObject, at: int, key: RecordKey, used: Item
) -> Any:
    """Make the call; ``used`` takes what it used, of a call too whose answer is of no use."""
    op = situation.block.ops[-1]
    match op:
        case PromptOp():
            return prompt.asked(services, situation, op, call, at, key, used)
        case ToolOp():
            return tool.called(services, situation, op, call, prepared)
        case _:
            raise AssertionError(f"{op.name} is no call")
