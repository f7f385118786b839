"""What we read from and write to moto's memory beside its API; all of it is here, so that a new moto is checked in one place."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# moto carries no type stubs for its models.

from __future__ import annotations

import base64
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.names import ACCOUNT, REGION, arn


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
    item = _find_item(table, key)
    return None if item is None else {name: _as_sent(value) for name, value in item.attrs.items()}


def read_strings(table: str, key: Mapping[str, Any]) -> dict[str, str]:
    """An item's attributes that are strings; none of an item that is not there."""
    item = _find_item(table, key)
    return {} if item is None else {name: value.value for name, value in item.attrs.items() if value.type == "S"}


def _find_item(table: str, key: Mapping[str, Any]) -> Any:
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends[ACCOUNT][REGION].get_item(table, {name: _as_kept(value) for name, value in key.items()})


def _as_sent(value: Any) -> dict[str, Any]:
    """A ``DynamoType`` of moto as DynamoDB's JSON; moto keeps bytes as bytes."""
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


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken from a queue; unless it is deleted it comes back."""

    id: str
    receipt: str
    body: str


def take_message(queue: str, visibility_seconds: int) -> Message | None:
    """The next message of an SQS queue, or None."""
    from moto.sqs.models import sqs_backends

    backend = sqs_backends[ACCOUNT][REGION]
    if queue not in backend.queues or not backend.queues[queue].messages:
        return None
    taken = backend.receive_message(queue, 1, 0, visibility_seconds)
    return Message(taken[0].id, str(taken[0].receipt_handle), taken[0].body) if taken else None


def delete_message(queue: str, message: Message) -> None:
    """Take a message off its queue for good."""
    from moto.sqs.models import sqs_backends

    sqs_backends[ACCOUNT][REGION].delete_message(queue, message.receipt)


def executions(known: Container[str] = ()) -> Iterator[MachineExecution]:
    """Every execution of every state machine, in no order, but those whose ARNs are known."""
    for execution in _executions():
        if execution.exec_arn in known:
            continue
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
    for execution in _executions():
        worker = execution.exec_worker
        environment = worker.env if worker else None
        if environment is None or execution.status != "RUNNING":
            continue
        environment.set_stop(stop_date=datetime.now(tz=UTC), cause="the local stack stops", error=None)
        for endpoint in list(environment.callback_pool_manager._pool.values()):  # pyright: ignore[reportPrivateUsage]
            endpoint.interrupt_all()


def forget_tracked_models() -> None:
    """Empty the lists in which moto keeps every model object that it ever made (for its dashboard): they would grow for ever.

    Objects of S3 hold a file each and want it closed before they go. Nothing may be writing to S3 meanwhile.
    """
    from moto.core.model_instances import reset_model_data
    from moto.s3.models import FakeKey, s3_backends

    alive: set[int] = set()
    for bucket in s3_backends[ACCOUNT]["aws"].buckets.values():
        keys = [key for name in bucket.keys for key in bucket.keys.getlist(name)]
        uploads = [*bucket.multiparts.values(), *(key.multipart for key in keys if getattr(key, "multipart", None))]
        alive |= {id(key) for key in keys} | {id(part) for upload in uploads for part in upload.parts.values()}
    kept: list[Any] = []
    for key in FakeKey.instances_tracked:  # pyright: ignore[reportAttributeAccessIssue]
        if id(key) in alive:
            kept.append(key)
        else:
            key.dispose()
    reset_model_data()
    FakeKey.instances_tracked = kept  # pyright: ignore[reportAttributeAccessIssue]


def make_key(key_id: str, material: bytes) -> None:
    """Make a symmetric KMS key of a known id and material, so that what it encrypted can be read after a restart.

    Args:
        key_id: Its id.
        material: 32 bytes.
    """
    from moto.kms.models import kms_backends

    backend = kms_backends[ACCOUNT][REGION]
    key = backend.create_key("", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    del backend.keys[key.id]
    key.id, key.key_material = key_id, material
    key.arn = arn("kms", f"key/{key_id}")
    backend.keys[key_id] = key


def reset(buckets: Iterable[str], roles: Iterable[str]) -> None:
    """Empty moto's memory of what a stack has in it: the backends of our region, and the named global things."""
    from moto.awslambda.models import lambda_backends
    from moto.dynamodb.models import dynamodb_backends
    from moto.iam.models import iam_backends
    from moto.kms.models import kms_backends
    from moto.s3.models import s3_backends
    from moto.secretsmanager.models import secretsmanager_backends
    from moto.sqs.models import sqs_backends
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    for backends in (
        dynamodb_backends,
        kms_backends,
        lambda_backends,
        secretsmanager_backends,
        sqs_backends,
        stepfunctions_parser_backends,
    ):
        backends[ACCOUNT][REGION].reset()
    for bucket in buckets:
        if found := s3_backends[ACCOUNT]["aws"].buckets.get(bucket):
            found.keys.clear()
            s3_backends[ACCOUNT]["aws"].delete_bucket(bucket)
    kept = iam_backends[ACCOUNT]["aws"].roles
    for role_id in [role_id for role_id, role in kept.items() if role.name in set(roles)]:
        del kept[role_id]
    forget_tracked_models()
