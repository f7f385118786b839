"""What FastAPI can't see by itself for its OpenAPI document: bodies that the routes read on their own."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from silvercup.http import models
from silvercup.values import JsonObject

REF = "#/components/schemas/{model}"
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


def json_body(model: type[BaseModel]) -> JsonObject:
    """``openapi_extra`` of a route that reads this model."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(model=model.__name__)}}},
        }
    }


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
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in _REQUESTS:
                schema = model.model_json_schema(ref_template=REF)
                schemas.update(schema.pop("$defs", {}))
                schemas[model.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = complete
