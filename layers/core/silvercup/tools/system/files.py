"""Operations on files."""

from __future__ import annotations

import base64

from silvercup.resources.file_fields import MAX_DESCRIPTION, MAX_MIME_TYPE, MAX_NAME
from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.schemas import LISTING, METADATA, PROJECT, canonical, flag, text, uuid
from silvercup.values import JsonObject

MAX_CONTENT = 4_000_000
"""Bytes of a file whose content a tool gives."""
_ID: JsonObject = {"file_id": uuid("The file's id")}
FIELDS: JsonObject = {
    "name": text("The file's name", MAX_NAME, shortest=1),
    "content": text("Its bytes in base64", shortest=1),
    "description": text("What it is", MAX_DESCRIPTION),
    "mime_type": text("Such as application/pdf", MAX_MIME_TYPE),
    "metadata": METADATA,
    "project": PROJECT,
}


def _create(request: Request) -> JsonObject:
    made = request.services.files.create
    return made(request.tenant, request.arguments, file_id=request.made_id, repeated=request.repeated)


def _list(request: Request) -> list[JsonObject]:
    project = request.arguments.get("project")
    return request.services.files.list(request.tenant, request.page(), project=project).items


def _get(request: Request) -> JsonObject:
    files = request.services.files
    file = files.find(request.tenant, request.arguments["file_id"])
    if not file.ready or not request.arguments.get("content", True):
        return file.shown
    return {**file.shown, "content": base64.b64encode(files.read(file, MAX_CONTENT)).decode()}


def _delete(request: Request) -> JsonObject:
    return request.services.files.delete(request.tenant, request.arguments["file_id"])


OPERATIONS = {
    "file.list": Operation(
        "List files, without their content", _list, {**LISTING, "project": canonical("Only those of this project")}
    ),
    "file.get": Operation(
        "Get a file",
        _get,
        {**_ID, "content": flag("Whether its content is shown, in base64; true when absent")},
        ("file_id",),
    ),
    "file.create": Operation("Create a file", _create, FIELDS, ("name", "content")),
    "file.delete": Operation("Delete a file", _delete, _ID, ("file_id",)),
}
