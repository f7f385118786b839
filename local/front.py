"""What stands between the clients and moto: one request at a time for the stores, and the journal.

moto's stores are plain dicts, which its threads would change under each other; so requests to DynamoDB, to S3 and to
Step Functions are served one after the other. A change of an item or an object is committed to the journal before it is
answered, under the same lock.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from local import moto_state
from local.candidates import Candidates
from local.journal import Journal, StateError, item_entry, object_entry
from local.wsgi import Application, Environ, StartResponse, call

_ITEM_CHANGES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
_MAX_JOURNALLED = 900_000_000
"""Bytes of an object that a row of the journal can hold."""
_PARTIQL = frozenset({"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"})


class Front:
    """A WSGI application that passes requests on to moto's.

    Args:
        stores: moto's applications of ``dynamodb``, ``s3`` and ``states``.
        others: moto's application that finds out the service itself, which costs a fifth of a small request.
        tables: The key attributes of every table, by its name.
        buckets: The buckets whose objects are journalled.
        candidates: Told of every item that changed.
        streams: Told of the changed items of some tables, by the tables' names.
        journal: Where changes are kept; None keeps them nowhere.
    """

    def __init__(
        self,
        stores: Mapping[str, Application],
        others: Application,
        *,
        tables: Mapping[str, tuple[str, ...]],
        buckets: Iterable[str],
        candidates: Candidates,
        streams: Mapping[str, Callable[[Mapping[str, Any]], None]],
        journal: Journal | None,
    ) -> None:
        self._stores = stores
        self._others = others
        self._tables = tables
        self._buckets = frozenset(buckets)
        self._candidates = candidates
        self._streams = streams
        self._journal = journal
        self._locks = {service: threading.Lock() for service in ("data", "states")}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        service, operation = _service(environ)
        if service not in self._stores:
            return self._others(environ, start_response)
        if service == "states":
            with self._locks["states"]:
                status, headers, answer = call(self._stores[service], environ)
        else:
            with self._locks["data"]:
                status, headers, answer = self._data(service, operation, environ)
        start_response(status, headers)
        return [answer]

    def read_item(self, table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """An item in DynamoDB's JSON, between two requests."""
        with self._locks["data"]:
            return moto_state.read_item(table, key)

    def tidy(self) -> None:
        """Let moto forget what it no longer needs."""
        with self._locks["data"]:
            moto_state.forget_tracked_models()

    def _data(self, service: str, operation: str, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        if not _changes(service, operation):
            return call(self._stores[service], environ)
        if operation in _PARTIQL:
            return _refused(service, "the local stack does not serve PartiQL; use the item operations")
        try:
            body: bytes = environ["wsgi.input"].read()
            if self._journal:
                self._journal.check()
                if len(body) > _MAX_JOURNALLED:
                    return _refused(
                        service, f"with --state, silvercup dev keeps objects of at most {_MAX_JOURNALLED:,} bytes"
                    )
            environ["wsgi.input"] = io.BytesIO(body)
            status, headers, answer = call(self._stores[service], environ)
            if status.startswith("2"):
                self._note(service, operation, environ, body)
        except StateError as problem:
            return _refused(service, str(problem))
        return status, headers, answer

    def _note(self, service: str, operation: str, environ: Environ, body: bytes) -> None:
        """Take notice of what a request has changed."""
        if service == "dynamodb":
            named = _item_keys(operation, json.loads(body), self._tables)
            keys = {json.dumps(found, sort_keys=True): found for found in named}.values()
            for table, key in keys:
                self._candidates.refresh(table, key)
            if self._journal:
                self._journal.commit(item_entry(table, key, moto_state.read_item(table, key)) for table, key in keys)
            for table, key in keys:
                if table in self._streams:
                    self._streams[table](key)
        elif self._journal:
            bucket, names = _object_names(environ, body)
            if bucket in self._buckets:
                self._journal.commit(object_entry(bucket, name, moto_state.read_object(bucket, name)) for name in names)


def _service(environ: Environ) -> tuple[str, str]:
    """Which service a request is for, and the operation where a header names it."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    api, _, operation = target.partition(".")
    if api.startswith("DynamoDB_"):
        return "dynamodb", operation
    if api == "AWSStepFunctions":
        return "states", operation
    if target:
        return "", operation
    scope = environ.get("HTTP_AUTHORIZATION", "") or unquote(environ.get("QUERY_STRING", ""))
    parts = scope.partition("Credential=")[2].split("/")
    if len(parts) > 3:
        return ("s3" if parts[3] == "s3" else ""), environ["REQUEST_METHOD"]
    return ("" if environ["PATH_INFO"].startswith("/moto-api") else "s3"), environ["REQUEST_METHOD"]


def _changes(service: str, operation: str) -> bool:
    if service == "s3":
        return operation in {"PUT", "POST", "DELETE"}
    return operation in _ITEM_CHANGES or operation in _PARTIQL


def _item_keys(
    operation: str, request: Mapping[str, Any], tables: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The table and the key of every item that a request of DynamoDB writes; ``tables`` has their key attributes."""
    for table, thing in _written(operation, request):
        name = table.rpartition("/")[2]
        if name in tables:
            yield name, {part: thing[part] for part in tables[name]}


def _written(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The table and the item, or the key, of every write in a request."""
    match operation:
        case "PutItem":
            yield request["TableName"], request["Item"]
        case "UpdateItem" | "DeleteItem":
            yield request["TableName"], request["Key"]
        case "BatchWriteItem":
            for table, writes in request["RequestItems"].items():
                for write in writes:
                    yield table, write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"]
        case _:
            for part in request["TransactItems"]:
                ((kind, write),) = cast("dict[str, dict[str, Any]]", part).items()
                if kind != "ConditionCheck":
                    yield write["TableName"], write["Item"] if kind == "Put" else write["Key"]


def _object_names(environ: Environ, body: bytes) -> tuple[str, list[str]]:
    """The bucket and the objects that a request of S3 names, path style."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
    bucket, _, name = path.lstrip("/").partition("/")
    if name:
        return bucket, [name]
    if "delete" in environ["QUERY_STRING"]:
        request = ET.fromstring(body)  # noqa: S314  # from a client on this machine
        return bucket, [part.text or "" for part in request.iter() if part.tag.rpartition("}")[2] == "Key"]
    return bucket, []


def _refused(service: str, message: str) -> tuple[str, list[tuple[str, str]], bytes]:
    if service == "dynamodb":
        body = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": message})
        return "500 Internal Server Error", [("Content-Type", "application/x-amz-json-1.0")], body.encode()
    root = ET.Element("Error")
    ET.SubElement(root, "Code").text = "InternalError"
    ET.SubElement(root, "Message").text = message
    return "500 Internal Server Error", [("Content-Type", "application/xml")], ET.tostring(root)
