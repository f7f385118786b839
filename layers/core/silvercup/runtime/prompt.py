"""Prompt steps."""

from __future__ import annotations

from typing import Any, cast

from silvercup.errors import StepError
from silvercup.executions.keys import RecordKey
from silvercup.ids import hash128
from silvercup.runtime.block import Services
from silvercup.runtime.flow import Flow
from silvercup.runtime.situation import Situation
from silvercup.storage import Item
from silvercup.tool_types import choice_problem, normal_choice
from silvercup.tools.functions import functions_of
from silvercup.usage.spending import Call, spent
from silvercup.values import JsonObject
from statemachines.ir import PromptOp, TalkOp


def asked(
    services: Services, situation: Situation, op: PromptOp, call: JsonObject, at: int, key: RecordKey, used: Item
) -> Any:
    """The answer of a model; see ``complete``.

    Raises:
        StepError, RequestError: The model refused the call, or its answer can't be unwrapped.
        ModelUnavailable: It can't answer now.
    """
    completion = complete(services, situation, op, call, at, key, used)
    return unwrapped(completion) if op.unwrap else completion


def complete(
    services: Services, situation: Situation, op: PromptOp, call: JsonObject, at: int, key: RecordKey, used: Item
) -> JsonObject:
    """What a model says.

    Args:
        services: What it works with.
        situation: Where it stands.
        op: The step.
        call: What ``evaluated`` gave.
        at: When, microseconds since the epoch.
        key: The record that will hold the answer.
        used: Takes what the call used.

    Raises:
        StepError, RequestError: The model refused the call.
        ModelUnavailable: It can't answer now.
    """
    more: dict[str, Any] = {}
    if isinstance(op, TalkOp):
        more = {"tools": _shown(situation, op), "tool_choice": call.get("tool_choice")}
    settings = call["settings"]
    model = settings.get("model")
    api_key = situation.secrets.provider_key(lambda: services.models().key_variables(model))
    completion = services.models().complete(call["messages"], model=model, settings=settings, api_key=api_key, **more)
    used |= _used(situation, at, key, completion, own_key=api_key is not None)
    return completion


def given_tools(situation: Situation, op: TalkOp) -> dict[str, JsonObject]:
    """The tools that a model is given, by name.

    Raises:
        InvalidRequest: What metadata says of one is not valid.
    """
    known = situation.loaded.program.tools
    tools = (known[one] if isinstance(one, str) else one for one in op.tools)
    return {tool["name"]: situation.tool(tool) for tool in tools}


def _shown(situation: Situation, op: TalkOp) -> list[JsonObject]:
    """The tools as a model sees them.

    Raises:
        StepError: One can't be shown.
        InvalidRequest: What metadata says of one is not valid.
    """
    shown, wrong = functions_of(list(given_tools(situation, op).values()))
    if wrong:
        raise StepError(f"The model can't be given the tool {wrong[0]}")
    return shown


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


def evaluated(situation: Situation, flow: Flow, op: PromptOp) -> JsonObject:
    """What a model will be asked: ``{messages, settings, tool_choice?}``.

    Raises:
        StepError: It can't be evaluated, or a message is none.
    """
    agent = situation.agent()
    own = cast("JsonObject", flow.evaluate(op, op.settings))
    defaults = cast("JsonObject", agent.get("default_settings") or {})
    named: JsonObject = {"model": agent["model"]} if agent.get("model") else {}
    settings: JsonObject = {**named, **_given(defaults), **_given(own)}
    call: JsonObject = {"messages": _messages(flow.evaluate(op, op.prompt)), "settings": settings}
    return call | {"tool_choice": _choice(situation, flow, op)} if isinstance(op, TalkOp) else call


def _choice(situation: Situation, flow: Flow, op: TalkOp) -> str | JsonObject | None:
    """The tool that the model has to call first.

    Raises:
        StepError: It is none that there is.
    """
    try:
        choice = normal_choice(flow.evaluate(op, op.tool_choice))
    except ValueError as error:
        raise StepError(f"tool_choice {error}") from None
    if problem := choice_problem(choice, given_tools(situation, op), "this prompt"):
        raise StepError(f"tool_choice {problem}")
    return choice


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


def unwrapped(completion: JsonObject) -> Any:
    """The text of an answer.

    Raises:
        StepError: There are several, or it calls tools.
    """
    choices = completion["choices"]
    if len(choices) != 1:
        raise StepError(f"The model gave {len(choices)} choices; 'unwrap' takes the text of one")
    if choices[0]["finish_reason"] == "tool_calls":
        raise StepError("Tool calls cannot be unwrapped")
    return choices[0]["message"]["content"]
