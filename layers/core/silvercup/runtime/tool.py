"""Tool steps whose tools are run here."""

from __future__ import annotations

from typing import Any, cast

from silvercup.errors import StepError, ToolFailed
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.ids import derived_uuid7
from silvercup.runtime.block import Services
from silvercup.runtime.flow import Flow
from silvercup.runtime.situation import Situation
from silvercup.tools.calls import ToolCall
from silvercup.values import JsonObject
from statemachines.ir import ToolOp

TOOL_SECONDS = 840.0
"""How long a tool may take, its own attempts and all; a function may take 15 minutes."""


def evaluated(flow: Flow, op: ToolOp) -> JsonObject:
    """The arguments of a call, to be written down.

    Raises:
        StepError: They can't be evaluated, or are no object.
    """
    arguments: Any = flow.evaluate(op, op.arguments)
    if not isinstance(arguments, dict):
        what = "a list" if isinstance(arguments, list) else "null" if arguments is None else type(arguments).__name__
        hint = "; without 'arguments' they are the step's input" if op.arguments == "_" else ""
        raise StepError(f"The arguments of a tool must be an object, and are {what}{hint}")
    return {"arguments": cast("JsonObject", arguments)}


def called(services: Services, situation: Situation, op: ToolOp, call: JsonObject, prepared: Record) -> Any:
    """The result of a call. A call that is made again has the same arguments, and creates under the same id.

    Args:
        services: What it works with.
        situation: Where it stands.
        op: The step.
        call: What ``evaluated`` gave.
        prepared: The record that holds it.

    Raises:
        StepError: The tool failed, or refused the call.
        InvalidRequest: What metadata says of it is not valid.
        TransientError: A part of ours was throttled or slow.
    """
    try:
        definition = situation.tool(situation.loaded.program.tools[op.tool])
        return run(
            services, situation, definition, call["arguments"], by_model=False, record=prepared, key=prepared.key
        )
    except ToolFailed as error:
        doing = "Error in executing "
        message = error.message if error.message.startswith(doing) else f"{doing}{op.tool}: {error.message}"
        raise StepError(message) from None


def run(
    services: Services,
    situation: Situation,
    definition: JsonObject,
    arguments: JsonObject,
    *,
    by_model: bool,
    record: Record,
    key: RecordKey,
) -> Any:
    """Run a tool.

    Args:
        services: What it works with.
        situation: Where it is called.
        definition: The tool; the secrets that it names are put in for the call alone, and taken out of what comes back.
        arguments: What it is called with.
        by_model: Whether a model wrote them.
        record: The record that holds them; what the call creates is of its time, however often it is made.
        key: What tells this call from others.

    Raises:
        ToolFailed: The tool failed, or refused the call.
        TransientError: A part of ours was throttled or slow.
    """
    ref = situation.pointer.ref
    return services.tools().run(
        ToolCall(
            tenant=ref.tenant,
            tool=definition,
            arguments=arguments,
            seconds=TOOL_SECONDS,
            agent_id=situation.execution["agent_id"],
            by_model=by_model,
            secrets=situation.secrets,
            made_id=derived_uuid7(record.last_t, ref.id, str(key)),
        )
    )
