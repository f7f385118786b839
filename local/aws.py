"""The AWS of the local stack: a moto server in this process, with the resources of the template in it."""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import threading
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self, cast

import boto3
from botocore.config import Config

from local import moto_state, seams
from local.candidates import Candidates
from local.front import Front
from local.invoke import Invoker
from local.journal import Journal, expired, item_entry
from local.names import REGION, STACK, arn
from local.streams import TableStream
from local.template import Secret, Template
from local.wsgi import Server

ACCESS_KEY = "local"

_KEY_BYTES = 32
_ROLE = f"{STACK}-function"
_IN_MEMORY = str(1 << 30)
"""Bytes from which moto keeps a body in a temporary file, which it never closes."""

_in_use = threading.Lock()


class Aws:
    """Started by ``start``, emptied and ended by ``stop``. moto's memory belongs to the process, so there is one at a time.

    Attributes:
        invoker: Runs the template's functions.
        endpoint: The address of every service.
    """

    def __init__(self, template: Template, state: Path | None = None, *, direct: bool = True) -> None:
        """Prepare it.

        Args:
            template: What to make.
            state: Where data outlive the process; None keeps them nowhere.
            direct: See ``seams.install``.
        """
        self._template = template
        self._state = state
        self._direct = direct
        self._journal: Journal | None = None
        self._server: Server | None = None
        self._front: Front | None = None
        self._environment = ExitStack()
        self._candidates = Candidates(template.tables)
        self.invoker = Invoker(template.functions)
        self._streams = {
            table.name: TableStream(
                table.name,
                table.stream,
                template.functions[table.stream.function].name,
                self.invoker,
                read=self._read_item,
                fail=self._send,
            )
            for table in template.tables
            if table.stream is not None
        }

    @property
    def endpoint(self) -> str:
        """``http://127.0.0.1:<port>``."""
        if self._server is None:
            raise RuntimeError("the local AWS is not started")
        return f"http://127.0.0.1:{self._server.port}"

    def start(self) -> None:
        """Start the server and make the resources.

        Raises:
            StateError: The state directory can't be used.
            RuntimeError: This process has one already.
        """
        if not _in_use.acquire(blocking=False):
            raise RuntimeError("this process runs a local stack already; stop that one first")
        try:
            self._journal = Journal(self._state) if self._state else None
            self._serve()
            self._make()
            self._load()
        except BaseException:
            self.stop()
            raise

    def _serve(self) -> None:
        from moto.core.config import default_user_config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        for noisy in ("moto", "werkzeug", "botocore"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._reset()
        seams.install(self.invoker, self._candidates, direct=self._direct)
        tables = {table.name: table.key for table in self._template.tables}
        stores = {"dynamodb": "dynamodb", "s3": "s3", "states": "stepfunctions"}
        self._front = Front(
            {service: create_backend_app(cast("Any", backend)) for service, backend in stores.items()},
            DomainDispatcherApplication(create_backend_app),
            tables=tables,
            buckets=self._template.buckets,
            candidates=self._candidates,
            streams={name: stream.note for name, stream in self._streams.items()},
            journal=self._journal,
        )
        self._server = Server(self._front)
        self._server.start()
        self._environment.enter_context(
            environment({"MOTO_PORT": str(self._server.port), "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": _IN_MEMORY})
        )

    def _reset(self) -> None:
        moto_state.reset(self._template.buckets, [_ROLE])

    def start_streams(self) -> None:
        """Let the functions have the changes of tables, those that the last process left over first."""
        for stream in self._streams.values():
            stream.start()

    def _read_item(self, table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        return None if self._front is None else self._front.read_item(table, key)

    def _send(self, queue: str, body: str) -> None:
        with closing(self.client("sqs")) as sqs:
            sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody=body)

    def tidy(self) -> None:
        """Let moto forget what it no longer needs."""
        if self._front is not None:
            self._front.tidy()

    def client(self, service: str) -> Any:
        """A boto3 client of a service here."""
        return cast(
            "Any",
            boto3.client(  # pyright: ignore[reportUnknownMemberType, reportCallIssue, reportArgumentType]
                service,  # pyright: ignore[reportArgumentType]
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id=ACCESS_KEY,
                aws_secret_access_key=ACCESS_KEY,
                config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            ),
        )

    def _make(self) -> None:
        dynamodb = self.client("dynamodb")
        for table in self._template.tables:
            dynamodb.create_table(TableName=table.name, **table.definition)
        if self._template.buckets:
            s3 = self.client("s3")
            for bucket in self._template.buckets:
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        if self._template.secrets:
            manager = self.client("secretsmanager")
            for secret in self._template.secrets:
                manager.create_secret(Name=secret.name, SecretString=self._secret_text(secret))
        for key in self._template.keys:
            material = self._remembered(key, lambda: secrets.token_hex(_KEY_BYTES))
            moto_state.make_key(key, bytes.fromhex(material))
        if self._template.queues:
            sqs = self.client("sqs")
            for queue in sorted(self._template.queues, key=lambda one: "RedrivePolicy" in one.attributes):
                sqs.create_queue(QueueName=queue.name, Attributes=dict(queue.attributes))
        if self._template.functions:
            self._make_functions()

    def _make_functions(self) -> None:
        self.client("iam").create_role(RoleName=_ROLE, AssumeRolePolicyDocument="{}")
        functions = self.client("lambda")
        code = _empty_zip()
        for function in self._template.functions.values():
            functions.create_function(
                FunctionName=function.name,
                Runtime="python3.13",
                Role=arn("iam", f"role/{_ROLE}", region=""),
                Handler=f"{function.module}.{function.attribute}",
                Code={"ZipFile": code},
                Timeout=function.timeout,
                MemorySize=function.memory,
                Environment={"Variables": dict(function.environment)},
            )

    def _secret_text(self, secret: Secret) -> str:
        """The secret's text."""
        return self._remembered(secret.name, lambda: _generate(secret))

    def _remembered(self, name: str, make: Callable[[], str]) -> str:
        """What is made once; with a state directory the same at every start, so that what it signed or encrypted stays good."""
        if self._state is None:
            return make()
        path = self._state / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if name not in known:
            known[name] = make()
            fresh = path.with_suffix(".new")
            with suppress(FileNotFoundError):
                fresh.unlink()
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump(known, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        return known[name]

    def _load(self) -> None:
        """Put what the journal holds back into moto; items whose time to live is over are left out and forgotten."""
        if self._journal is None:
            return
        tables = {f"dynamodb/{table.name}": table for table in self._template.tables}
        buckets = {f"s3/{bucket}": bucket for bucket in self._template.buckets}
        gone: list[Any] = []
        for entry in self._journal.entries():
            body = entry.body or b""
            if table := tables.get(entry.store):
                item = json.loads(body)
                if expired(item, table.ttl):
                    gone.append(item_entry(table.name, json.loads(entry.key), None))
                else:
                    moto_state.write_item(table.name, item)
                    self._candidates.refresh(table.name, json.loads(entry.key))
                    if table.name in self._streams:
                        self._streams[table.name].note(json.loads(entry.key))
            elif bucket := buckets.get(entry.store):
                moto_state.write_object(bucket, entry.key, json.loads(entry.headers), body)
        self._journal.commit(gone)

    def stop(self) -> None:
        """Stop the server, end what runs, empty moto's memory, close the journal."""
        self.invoker.stopped = True
        for stream in self._streams.values():
            stream.stop()
        try:
            if self._server is not None:
                moto_state.stop_executions()
                self._server.stop()
                seams.uninstall()
                self._reset()
            if self._journal is not None:
                self._journal.close()
        finally:
            self._environment.close()
            self._server = self._journal = None
            with suppress(RuntimeError):
                _in_use.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _generate(secret: Secret) -> str:
    value = secrets.token_urlsafe(secret.length)[: secret.length].replace("-", "x").replace("_", "y")
    return json.dumps({**json.loads(secret.template), secret.key: value})


def _empty_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", "")
    return buffer.getvalue()


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Generator[None]:
    """Set environment variables (None takes one away), and what was there before at the end."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
