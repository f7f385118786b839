"""What FastAPI can't see by itself for its OpenAPI document: bodies that the routes read on their own."""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from silvercup.http.answers import WARNINGS_HEADER
from silvercup.http.rooms import Rooms
from silvercup.values import JsonObject

_REF = "#/components/schemas/{model}"
_TO = re.compile(r'"#/components/schemas/([^"]+)"')
_STORED = "/files/{"
"""What these routes give may not be there yet, or too large."""
_ERRORS = {
    "400": ("Invalid", "The body can't be read, or a value is not acceptable; a task's problems are all in `details`"),
    "401": ("Unauthenticated", "No API key"),
    "403": ("Forbidden", "A wrong or revoked API key"),
    "404": ("NotFound", "No such thing, or another developer's"),
    "409": ("Conflict", "Not in a state that allows this; a name or an id is taken"),
    "413": ("TooLarge", "The body is over the limit"),
    "422": ("WrongShape", "The body or a parameter does not have the shape of the API"),
    "default": ("Failed", "What went wrong: 500 for a bug, 502 and 503 for trouble that passes"),
}
_RESPONSE_ID = "^resp_[0-9a-f]{52}$"
_HEADERS: dict[str, tuple[str, str]] = {
    "X-Request-Id": ("RequestId", "Names this request in the log"),
    WARNINGS_HEADER: ("Warnings", "What was accepted but looks wrong: a JSON list of `{loc, msg, line?, hint?}`"),
    "X-Should-Retry": ("ShouldRetry", "`true` where the same request may work in a moment, else `false`"),
    "WWW-Authenticate": ("Authenticate", "`Bearer`"),
    "Retry-After": ("RetryAfter", "Seconds; with 503"),
}
_HEADERS_OF = {"401": "WWW-Authenticate", "409": "X-Should-Retry", "default": "Retry-After"}
_IDEMPOTENCY_KEY: JsonObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key with the same body gives what the first request made, for a day; with another body it is 409",
}
DESCRIPTION = """\
Agents and tasks on your own AWS account, compatible with the Julep v1 API.

Send `Authorization: Bearer <key>`. Errors are `{"error": {"message", "code", "type", "details"}}`. Unknown keys are accepted and told in the
header `X-Silvercup-Warnings`; `?strict=true` makes them errors. A POST with an `Idempotency-Key` can be repeated. Lists also take
`metadata_filter.<key>=<value>`, several times; all must match.\
"""


def shows(name: str, status: int = 200) -> dict[int | str, Any]:
    """``responses`` of a route that shows one of ``shown``, by its name (FastAPI would build a model for each at import)."""
    return {status: {"description": "Success", **_json({"$ref": _REF.format(model=name)})}}


def shows_items(name: str) -> dict[int | str, Any]:
    """``responses`` of a route that shows a page of them."""
    items: JsonObject = {"type": "array", "items": {"$ref": _REF.format(model=name)}}
    cursor: JsonObject = {"type": "string", "description": "Gives the next page, where there is one"}
    schema: JsonObject = {
        "type": "object",
        "required": ["items"],
        "properties": {"items": items, "next_cursor": cursor},
    }
    return {200: {"description": "Success", **_json(schema)}}


def shows_list(name: str) -> dict[int | str, Any]:
    """``responses`` of a route that shows several of them as a bare array, as v1 does."""
    schema: JsonObject = {"type": "array", "items": {"$ref": _REF.format(model=name)}}
    return {200: {"description": "Success", **_json(schema)}}


def json_body(model: type[BaseModel]) -> JsonObject:
    """``openapi_extra`` of a route that reads this model."""
    return {"requestBody": {"required": True, **_json({"$ref": _REF.format(model=model.__name__)})}}


def task_body(*, partial: bool = False) -> JsonObject:
    """``openapi_extra`` of a route that reads a task definition, or a part of one, as JSON or YAML."""
    schema: JsonObject = {
        "type": "object",
        "required": [] if partial else ["name", "main"],
        "properties": {"name": {"type": "string"}, "main": {"type": "array", "items": {"type": "object"}}},
        "additionalProperties": True,
        "description": "A task definition; every unknown top-level key is a sub-workflow",
    }
    types = ("application/json", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in types}}}


def install(app: FastAPI, rooms: Rooms) -> None:
    """Complete ``app.openapi()``: of all routes."""
    generate = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            rooms.open_all()
            app.openapi_schema = _complete(generate())
        return app.openapi_schema

    app.openapi = complete


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    document["paths"]["/openapi.json"] = {"get": _openapi_json()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(path, method, operation)
    components = document.setdefault("components", {})
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.values()
    }
    components["responses"] = {
        name: {"description": text, "headers": _headers(status), **_json({"$ref": _REF.format(model="Error")})}
        for status, (name, text) in _ERRORS.items()
    }
    _add_schemas(document)
    return document


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add ids that are UUIDs, the header that makes a POST repeatable, the headers of the answers and the errors."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["schema"].get("type") == "string":
            kind = {"pattern": _RESPONSE_ID} if path.startswith("/responses") else {"format": "uuid"}
            parameter["schema"] = {"type": "string", **kind}
    responses = operation["responses"]
    has_body = "requestBody" in operation
    makes = "201" in responses or path == "/responses"
    if method == "post" and makes and not path.endswith("}"):
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    for response in responses.values():
        shown = response.setdefault("headers", {})
        shown.update(_headers(""))
        if has_body and "security" in operation:
            shown[WARNINGS_HEADER] = _header(WARNINGS_HEADER)
    expected = {
        "400": has_body or "parameters" in operation,
        "401": "security" in operation,
        "403": "security" in operation or has_body,
        "404": "{" in path or has_body,
        "409": has_body or method == "delete" or path.startswith(_STORED),
        "413": has_body or path.startswith(_STORED),
        "422": has_body or "parameters" in operation,
        "default": True,
    }
    responses.pop("422", None)
    responses.update(
        {status: {"$ref": f"#/components/responses/{_ERRORS[status][0]}"} for status, yes in expected.items() if yes}
    )


def _add_schemas(document: dict[str, Any]) -> None:
    """Add every schema that something refers to, wherever its model is."""
    from silvercup.http import chat_bodies, chat_shown, models, response_bodies, response_shown, shown

    schemas = document["components"].setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name in sorted(set(_TO.findall(json.dumps(document)))):
        asks = (models, chat_bodies, response_bodies)
        room = next(room for room in (*asks, shown, chat_shown, response_shown) if hasattr(room, name))
        requested = room in asks
        model: type[BaseModel] = getattr(room, name)
        schema = model.model_json_schema(ref_template=_REF, mode="validation" if requested else "serialization")
        schemas.update(schema.pop("$defs", {}))
        schemas[name] = schema


def _openapi_json() -> JsonObject:
    described = {"200": {"description": "Success", **_json({"type": "object"})}}
    return {
        "tags": ["Health"],
        "summary": "Openapi Json",
        "description": "This document; needs no key.",
        "operationId": "openapi_json",
        "responses": described,
    }


def _headers(status: str) -> JsonObject:
    names = ["X-Request-Id", _HEADERS_OF[status]] if status in _HEADERS_OF else ["X-Request-Id"]
    return {name: _header(name) for name in names}


def _header(name: str) -> JsonObject:
    return {"$ref": f"#/components/headers/{_HEADERS[name][0]}"}


def _json(schema: JsonObject) -> JsonObject:
    return {"content": {"application/json": {"schema": schema}}}
