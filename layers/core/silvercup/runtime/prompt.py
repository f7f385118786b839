"""Running a prompt: what will be asked is written down before the model is called, the answer after."""

from __future__ import annotations

from typing import Any, cast

from silvercup.errors import RequestError, StepError
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.expressions import compile_value
from silvercup.runtime.block import Services, check_limits, commit, mark, settle
from silvercup.runtime.draft import Draft
from silvercup.runtime.situation import Situation
from silvercup.values import JsonObject
from statemachines.ir import PromptOp


def run_prompt(services: Services, situation: Situation, pure: RecordKey, effect: RecordKey) -> JsonObject:
    """Run a block that asks a model.

    Args:
        services: What it works with.
        situation: What it read.
        pure: The key of the record that holds the call.
        effect: The key of the record that holds the answer.
    """
    if effect in situation.own:
        return settle(services, situation, Record.from_item(situation.own[effect]))
    situation.ensure_alive()
    mark(services, situation, "starting")
    ref, op = situation.pointer.ref, cast("PromptOp", situation.block.ops[-1])
    try:
        check_limits(services, situation)
        call = _call(services, situation, op, pure)
        completion = services.models().complete(
            call["messages"], model=call["settings"].get("model"), settings=call["settings"]
        )
        draft = Draft(ref, effect, situation.prev)
        draft.out = draft.values.add_value(_unwrap(completion) if op.unwrap else completion)
        draft.close(op, draft.out)
        record = draft.build()
    except (StepError, RequestError) as error:
        record = Draft(ref, effect, situation.prev).fail(op, error.message)
    return commit(services, situation, record)


def _call(services: Services, situation: Situation, op: PromptOp, key: RecordKey) -> JsonObject:
    """The call as it was written down, now or by an earlier attempt."""
    ref = situation.pointer.ref
    item = situation.own.get(key)
    if item is None:
        draft = Draft(ref, key, situation.prev)
        draft.call = draft.values.add_value(_evaluate(situation, op))
        item = services.store.commit(ref, draft.build())
    record = Record.from_item(item)
    assert record.call is not None
    return services.store.load(record.values[record.call])


def _evaluate(situation: Situation, op: PromptOp) -> JsonObject:
    scope = situation.scope(op)
    agent = situation.agent()
    own = cast("JsonObject", compile_value(op.settings).evaluate(scope))
    defaults = cast("JsonObject", agent.get("default_settings") or {})
    named: JsonObject = {"model": agent["model"]} if agent.get("model") else {}
    settings: JsonObject = {**named, **_given(defaults), **_given(own)}
    return {"messages": _messages(compile_value(op.prompt).evaluate(scope)), "settings": settings}


def _given(settings: JsonObject) -> JsonObject:
    return {name: value for name, value in settings.items() if value is not None}


def _messages(prompt: Any) -> list[JsonObject]:
    if not isinstance(prompt, list):
        text = prompt if isinstance(prompt, str) else str(prompt)
        return [{"role": "user", "content": text}]
    messages: list[JsonObject] = []
    for i, message in enumerate(cast("list[Any]", prompt)):
        if not isinstance(message, dict) or "role" not in message or "content" not in message:
            raise StepError(f"Message {i} of the prompt is not an object with 'role' and 'content'")
        messages.append(cast("JsonObject", message))
    return messages


def _unwrap(completion: JsonObject) -> Any:
    choices = completion["choices"]
    if len(choices) != 1:
        raise StepError(f"The model gave {len(choices)} choices; 'unwrap' takes the text of one")
    if choices[0]["finish_reason"] == "tool_calls":
        raise StepError("Tool calls cannot be unwrapped")
    return choices[0]["message"]["content"]
