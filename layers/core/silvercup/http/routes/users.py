"""``/users``."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from silvercup.http import models
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import fields, read_body
from silvercup.http.context import Page, Strict, chosen_id, claim, existing_id, services
from silvercup.http.openapi import json_body, shows, shows_items
from silvercup.http.rooms import new_router

router = new_router("Users")


@router.post("/users", status_code=201, responses=shows("User", 201), openapi_extra=json_body(models.UserWrite))
async def create_user(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Create a user."""
    body = await read_body(request, models.UserWrite, strict=strict)
    claimed = await claim(request, tenant)
    user = services(request).users.create(tenant, fields(body.value), user_id=claimed.id, repeated=claimed.repeated)
    return answer(user, 201, warnings=body.warnings)


@router.get("/users", responses=shows_items("User"))
async def list_users(request: Request, tenant: Tenant, page: Page) -> Response:
    """List users."""
    return page_answer(services(request).users.list(tenant, page))


@router.get("/users/{id}", responses=shows("User"))
async def get_user(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a user."""
    return answer(services(request).users.get(tenant, existing_id("User", id)))


@router.post("/users/{id}", status_code=201, responses=shows("User", 201), openapi_extra=json_body(models.UserWrite))
async def create_or_update_user(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Create a user under an id of your choice, or write the one that has it anew."""
    user_id = chosen_id(id)
    body = await read_body(request, models.UserWrite, strict=strict)
    user = services(request).users.create_or_update(tenant, user_id, fields(body.value))
    return answer(user, 201, warnings=body.warnings)


@router.put("/users/{id}", responses=shows("User"), openapi_extra=json_body(models.UserWrite))
async def replace_user(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Write a user anew: what is absent gets its default."""
    user_id = existing_id("User", id)
    body = await read_body(request, models.UserWrite, strict=strict)
    user = services(request).users.replace(tenant, user_id, fields(body.value))
    return answer(user, warnings=body.warnings)


@router.patch("/users/{id}", responses=shows("User"), openapi_extra=json_body(models.UserPatch))
async def update_user(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Change what is given; metadata is merged."""
    user_id = existing_id("User", id)
    body = await read_body(request, models.UserPatch, strict=strict)
    user = services(request).users.update(tenant, user_id, fields(body.value))
    return answer(user, warnings=body.warnings)


@router.delete("/users/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_user(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete a user."""
    return answer(services(request).users.delete(tenant, existing_id("User", id)), 202)
