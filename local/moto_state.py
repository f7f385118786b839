"""What we read from and write to moto's memory beside its API; all of it is here, so that a new moto is checked in one place."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# moto carries no type stubs for its models.

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.names import ACCOUNT, REGION


@dataclass(frozen=True, slots=True)
class MachineExecution:
    """An execution of a state machine, as moto knows it."""

    arn: str
    machine_arn: str
    name: str
    status: str
    started: float
    stopped: float | None
    input: str
    error: str | None
    cause: str | None


def read_item(table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """An item in DynamoDB's JSON, or None; ``key`` is in DynamoDB's JSON too."""
    from moto.dynamodb.models import dynamodb_backends

    item = dynamodb_backends[ACCOUNT][REGION].get_item(table, {name: _as_kept(value) for name, value in key.items()})
    return None if item is None else {name: _as_sent(value) for name, value in item.attrs.items()}


def _as_sent(value: Any) -> dict[str, Any]:
    """moto's ``DynamoType`` as DynamoDB's JSON; moto keeps bytes as bytes."""
    kind, inner = value.type, value.value
    match kind:
        case "M":
            return {kind: {name: _as_sent(part) for name, part in inner.items()}}
        case "L":
            return {kind: [_as_sent(part) for part in inner]}
        case "B":
            return {kind: base64.b64encode(inner).decode()}
        case "BS":
            return {kind: [base64.b64encode(part).decode() for part in inner]}
        case "SS" | "NS":
            return {kind: list(inner)}
        case _:
            return {kind: inner}


def _as_kept(value: Mapping[str, Any]) -> dict[str, Any]:
    """A value in DynamoDB's JSON as moto's own parser hands it on: the other way round."""
    ((kind, inner),) = value.items()
    match kind:
        case "M":
            return {kind: {name: _as_kept(part) for name, part in inner.items()}}
        case "L":
            return {kind: [_as_kept(part) for part in inner]}
        case "B":
            return {kind: base64.b64decode(inner)}
        case "BS":
            return {kind: [base64.b64decode(part) for part in inner]}
        case _:
            return {kind: inner}


def write_item(table: str, item: Mapping[str, Any]) -> None:
    """Put an item given in DynamoDB's JSON."""
    from moto.dynamodb.models import dynamodb_backends

    dynamodb_backends[ACCOUNT][REGION].put_item(
        table, {name: _as_kept(value) for name, value in item.items()}, overwrite=True
    )


def read_object(bucket: str, key: str) -> tuple[dict[str, str], bytes] | None:
    """An object's metadata headers and body, or None when there is no such object."""
    from moto.s3.models import s3_backends

    found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
    return None if found is None else (dict(found.metadata), found.value)


def write_object(bucket: str, key: str, headers: Mapping[str, str], body: bytes) -> None:
    """Put an object."""
    from moto.s3.models import s3_backends

    made = s3_backends[ACCOUNT]["aws"].put_object(bucket, key, body, disable_notification=True)
    made.set_metadata(dict(headers), replace=True)


def executions() -> Iterator[MachineExecution]:
    """Every execution of every state machine, in no order."""
    for execution in _executions():
        yield MachineExecution(
            arn=execution.exec_arn,
            machine_arn=execution.state_machine.arn,
            name=execution.name,
            status=execution.status if execution.exec_status else "RUNNING",
            started=execution.start_date.timestamp(),
            stopped=execution.stop_date.timestamp() if execution.stop_date else None,
            input=execution.execution_input,
            error=execution.error,
            cause=execution.cause,
        )


def _executions() -> Iterator[Any]:
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    for machine in list(stepfunctions_parser_backends[ACCOUNT][REGION].state_machines):
        yield from list(machine.executions)


def stop_executions() -> None:
    """End every running execution, also those that wait for a token, so that their threads end."""
    import datetime

    for execution in _executions():
        worker = execution.exec_worker
        environment = worker.env if worker else None
        if environment is None or execution.status != "RUNNING":
            continue
        environment.set_stop(
            stop_date=datetime.datetime.now(tz=datetime.UTC), cause="the local stack stops", error=None
        )
        for endpoint in list(environment.callback_pool_manager._pool.values()):  # pyright: ignore[reportPrivateUsage]
            endpoint.interrupt_all()


def forget_tracked_models() -> None:
    """Empty the lists in which moto keeps every model object that it ever made (for its dashboard): they would grow for ever."""
    from moto.core.model_instances import reset_model_data

    reset_model_data()


def reset() -> None:
    """Empty all of moto's memory."""
    from moto.core.base_backend import BackendDict
    from moto.stepfunctions.parser import utils

    BackendDict.reset()
    utils.TMP_THREADS.clear()
    forget_tracked_models()
