"""Running a prompt: what will be asked is written down before the model is called, the answer after."""

from __future__ import annotations

from typing import Any, cast

from silvercup.errors import RequestError, StepError
from silvercup.executions.keys import RecordKey
from silvercup.executions.paths import iterations
from silvercup.executions.record import Record
from silvercup.ids import hash128
from silvercup.runtime.block import Services, begin, commit, fail, mark, run_through, written
from silvercup.runtime.draft import Draft, arrival_after
from silvercup.runtime.flow import Flow
from silvercup.runtime.situation import Situation
from silvercup.storage import Item
from silvercup.usage.spending import Call, spent
from silvercup.values import JsonObject
from statemachines.ir import PromptOp


def run_prompt(services: Services, situation: Situation, pure: RecordKey, effect: RecordKey) -> Record:
    """Run a block that asks a model, and give the record that holds now.

    Args:
        services: What it works with.
        situation: What it read.
        pure: The key of the record that holds the steps before the prompt, and the call.
        effect: The key of the record that holds the answer.
    """
    found = written(situation, effect)
    if found is not None:
        return found
    op = cast("PromptOp", situation.block.ops[-1])
    prepared = written(situation, pure)
    if prepared is None or prepared.call is not None:
        situation.ensure_alive()
    if prepared is None:
        mark(services, situation, "starting")
        prepared = _prepare(services, situation, op, pure)
    if prepared.call is None:
        return prepared
    draft = Draft(
        situation.pointer.ref,
        effect,
        arrival_after(prepared),
        iterations(situation.pointer.at),
        tag=situation.tag,
        most=services.settings.max_steps,
    )
    call = cast("JsonObject", situation.load(prepared.values[prepared.call]))
    used: Item = {}
    try:
        model = call["settings"].get("model")
        api_key = _api_key(services, situation, model)
        completion = services.models().complete(
            call["messages"], model=model, settings=call["settings"], api_key=api_key
        )
        used = _used(situation, draft.t, effect, completion, own_key=api_key is not None)
        draft.out = draft.outs[op.id] = draft.values.add_value(_unwrap(completion) if op.unwrap else completion)
        draft.close(op, draft.out)
    except (StepError, RequestError) as error:
        return fail(services, situation, draft, op, error.message, used)
    return commit(services, situation, draft.build(), used)


def _api_key(services: Services, situation: Situation, model: str | None) -> str | None:
    """The secret of the developer, or of the task's agent, that is named like the provider's variable."""
    if not situation.secrets:
        return None
    wanted = services.models().key_variables(model)
    return services.provider_keys().choose(situation.secrets, situation.pointer.ref.tenant, situation.agent_id, wanted)


def _used(situation: Situation, at: int, key: RecordKey, completion: JsonObject, *, own_key: bool) -> Item:
    """What the call used, for the record that holds its answer, or says what was wrong with it."""
    ref, execution = situation.pointer.ref, situation.execution
    return spent(
        ref.tenant,
        [Call.of(completion)],
        at=at,
        id_=hash128(ref.id, str(key)).hex()[:16],
        agent=execution["agent_id"],
        execution=ref.id,
        task=execution["task_id"],
        own_key=own_key,
    )


def _prepare(services: Services, situation: Situation, op: PromptOp, key: RecordKey) -> Record:
    """Run the steps before the prompt and write the call down; it has no call when it ended before that."""
    draft, flow = begin(services, situation, key)
    ended = run_through(services, situation, draft, flow, situation.block.ops[:-1])
    if ended is not None:
        return ended
    try:
        draft.call = draft.values.add_value(_evaluate(situation, flow, op))
    except StepError as error:
        return fail(services, situation, draft, op, error.message)
    return commit(services, situation, draft.build())


def _evaluate(situation: Situation, flow: Flow, op: PromptOp) -> JsonObject:
    agent = situation.agent()
    own = cast("JsonObject", flow.evaluate(op, op.settings))
    defaults = cast("JsonObject", agent.get("default_settings") or {})
    named: JsonObject = {"model": agent["model"]} if agent.get("model") else {}
    settings: JsonObject = {**named, **_given(defaults), **_given(own)}
    return {"messages": _messages(flow.evaluate(op, op.prompt)), "settings": settings}


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
