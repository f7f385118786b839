"""What FastAPI can't see by itself for its OpenAPI document: bodies that the routes read on their own."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from silvercup.http import models
from silvercup.values import JsonObject

_REF = "#/components/schemas/{model}"
_REQUESTS: tuple[type[BaseModel], ...] = (
    models.AgentWrite,
    models.AgentPatch,
    models.ExecutionCreate,
    models.ExecutionChange,
    models.TokenResume,
)
DESCRIPTION = """\
Agents and tasks on your own AWS account, compatible with the Julep v1 API.

Send `Authorization: Bearer <key>`. Errors are `{"error": {"message", "code", "type", "details"}}`. Unknown keys are accepted and told in the
header `X-Silvercup-Warnings`; `?strict=true` makes them errors. A POST with an `Idempotency-Key` can be repeated.\
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


def json_body(model: type[BaseModel]) -> JsonObject:
    """``openapi_extra`` of a route that reads this model."""
    return {"requestBody": {"required": True, **_json({"$ref": _REF.format(model=model.__name__)})}}


def task_body() -> JsonObject:
    """``openapi_extra`` of a route that reads a task definition, as JSON or YAML."""
    schema: JsonObject = {
        "type": "object",
        "required": ["name", "main"],
        "properties": {"name": {"type": "string"}, "main": {"type": "array", "items": {"type": "object"}}},
        "additionalProperties": True,
        "description": "A task definition; every unknown top-level key is a sub-workflow",
    }
    types = ("application/json", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in types}}}


def install(app: FastAPI) -> None:
    """Complete ``app.openapi()``."""
    generate = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(generate())
        return app.openapi_schema

    app.openapi = complete


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    from silvercup.http import shown

    answers = (
        shown.Agent,
        shown.Deleted,
        shown.ModelList,
        shown.Task,
        shown.Execution,
        shown.Transition,
        shown.Job,
        shown.Error,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (*_REQUESTS, *answers):
        mode = "validation" if model in _REQUESTS else "serialization"
        schema = model.model_json_schema(ref_template=_REF, mode=mode)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    error = {"description": "What went wrong", **_json({"$ref": _REF.format(model="Error")})}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = error
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def _json(schema: JsonObject) -> JsonObject:
    return {"content": {"application/json": {"schema": schema}}}
