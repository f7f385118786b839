"""Operations on users."""

from __future__ import annotations

from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.schemas import LISTING, METADATA, PROJECT, text, uuid
from silvercup.values import JsonObject

_ID: JsonObject = {"user_id": uuid("The user's id")}
FIELDS: JsonObject = {
    "name": text("The user's name", 255),
    "about": text("Who the user is", 16_000),
    "metadata": METADATA,
    "project": PROJECT,
}


def _create(request: Request) -> JsonObject:
    if "user_id" in request.arguments:
        return _create_or_update(request)
    made = request.services.users.create
    return made(request.tenant, request.arguments, user_id=request.made_id, repeated=request.repeated)


def _create_or_update(request: Request) -> JsonObject:
    user, fields = request.arguments["user_id"], request.fields("user_id")
    return request.services.users.create_or_update(request.tenant, user, fields)


def _list(request: Request) -> list[JsonObject]:
    return request.services.users.list(request.tenant, request.page()).items


def _get(request: Request) -> JsonObject:
    return request.services.users.get(request.tenant, request.arguments["user_id"])


def _replace(request: Request) -> JsonObject:
    return request.services.users.replace(request.tenant, request.arguments["user_id"], request.fields("user_id"))


def _patch(request: Request) -> JsonObject:
    return request.services.users.update(request.tenant, request.arguments["user_id"], request.fields("user_id"))


def _delete(request: Request) -> JsonObject:
    return request.services.users.delete(request.tenant, request.arguments["user_id"])


OPERATIONS = {
    "user.list": Operation("List users", _list, LISTING),
    "user.get": Operation("Get a user", _get, _ID, ("user_id",)),
    "user.create": Operation("Create a user", _create, {"user_id": uuid("An id of your choice"), **FIELDS}),
    "user.create_or_update": Operation(
        "Create a user under an id, or write them anew", _create_or_update, _ID | FIELDS, ("user_id",)
    ),
    "user.update": Operation(
        "Write a user anew: what is absent gets its default", _replace, _ID | FIELDS, ("user_id",)
    ),
    "user.patch": Operation("Change what is given of a user", _patch, _ID | FIELDS, ("user_id",)),
    "user.delete": Operation("Delete a user with their docs", _delete, _ID, ("user_id",)),
}
