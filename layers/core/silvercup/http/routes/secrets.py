"""``/secrets`` and ``/agents/{agent_id}/secrets``. Errors show nothing of a body, and nothing is kept by which it could be guessed."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from silvercup.http import models
from silvercup.http.answers import answer, array_answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import fields, read_body
from silvercup.http.context import Page, Strict, claim, existing_id, services
from silvercup.http.openapi import json_body, shows, shows_items, shows_list
from silvercup.http.rooms import new_router

router = new_router("Secrets")
_OF_AGENT = "/agents/{agent_id}/secrets"
_ONE_OF_AGENT = "/agents/{agent_id}/secrets/{id}"
_WHOLE = json_body(models.SecretWrite)
_CHANGE = json_body(models.SecretChange)


@router.post("/secrets", status_code=201, responses=shows("Secret", 201), openapi_extra=_WHOLE)
async def create_secret(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Create a secret; its name is unique among the developer's."""
    body = await read_body(request, models.SecretWrite, strict=strict, secret=True)
    claimed = await claim(request, tenant, by_name=True, secret=True)
    made = services(request).secrets.create(tenant, fields(body.value), claimed=claimed)
    return answer(made, 201, warnings=body.warnings)


@router.get("/secrets", responses=shows_list("Secret"))
async def list_secrets(request: Request, tenant: Tenant, page: Page) -> Response:
    """List secrets: an array, as in v1, paged by `offset`."""
    return array_answer(services(request).secrets.list(tenant, page))


@router.get("/secrets/{id}", responses=shows("Secret"))
async def get_secret(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a secret, without its value."""
    return answer(services(request).secrets.get(tenant, existing_id("Secret", id)))


@router.put("/secrets/{id}", responses=shows("Secret"), openapi_extra=_CHANGE)
async def update_secret(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Change what is given and not null, as in v1."""
    return await _update(request, tenant, None, id, strict=strict)


@router.patch("/secrets/{id}", responses=shows("Secret"), openapi_extra=_CHANGE)
async def patch_secret(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Change what is given; metadata is merged."""
    return await _update(request, tenant, None, id, strict=strict, merge=True)


@router.delete("/secrets/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_secret(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete a secret; a function that has just read it may use it for a minute more."""
    return answer(services(request).secrets.delete(tenant, existing_id("Secret", id)), 202)


@router.post(_OF_AGENT, status_code=201, responses=shows("Secret", 201), openapi_extra=_WHOLE)
async def create_agent_secret(request: Request, tenant: Tenant, agent_id: str, *, strict: Strict = False) -> Response:
    """Create a secret of an agent; for that agent it goes before the developer's of the same name."""
    agent = existing_id("Agent", agent_id)
    body = await read_body(request, models.SecretWrite, strict=strict, secret=True)
    claimed = await claim(request, tenant, by_name=True, secret=True)
    made = services(request).secrets.create(tenant, fields(body.value), claimed=claimed, agent_id=agent)
    return answer(made, 201, warnings=body.warnings)


@router.get(_OF_AGENT, responses=shows_items("Secret"))
async def list_agent_secrets(request: Request, tenant: Tenant, agent_id: str, page: Page) -> Response:
    """List an agent's own secrets."""
    return page_answer(services(request).secrets.list(tenant, page, existing_id("Agent", agent_id)))


@router.get(_ONE_OF_AGENT, responses=shows("Secret"))
async def get_agent_secret(request: Request, tenant: Tenant, agent_id: str, id: str) -> Response:
    """Get a secret of an agent, without its value."""
    agent, secret_id = existing_id("Agent", agent_id), existing_id("Secret", id)
    return answer(services(request).secrets.get(tenant, secret_id, agent))


@router.put(_ONE_OF_AGENT, responses=shows("Secret"), openapi_extra=_CHANGE)
async def update_agent_secret(
    request: Request, tenant: Tenant, agent_id: str, id: str, *, strict: Strict = False
) -> Response:
    """Change what is given and not null."""
    return await _update(request, tenant, existing_id("Agent", agent_id), id, strict=strict)


@router.patch(_ONE_OF_AGENT, responses=shows("Secret"), openapi_extra=_CHANGE)
async def patch_agent_secret(
    request: Request, tenant: Tenant, agent_id: str, id: str, *, strict: Strict = False
) -> Response:
    """Change what is given; metadata is merged."""
    return await _update(request, tenant, existing_id("Agent", agent_id), id, strict=strict, merge=True)


@router.delete(_ONE_OF_AGENT, status_code=202, responses=shows("Deleted", 202))
async def delete_agent_secret(request: Request, tenant: Tenant, agent_id: str, id: str) -> Response:
    """Delete a secret of an agent."""
    agent, secret_id = existing_id("Agent", agent_id), existing_id("Secret", id)
    return answer(services(request).secrets.delete(tenant, secret_id, agent), 202)


async def _update(
    request: Request, tenant: str, agent_id: str | None, id_: str, *, strict: bool, merge: bool = False
) -> Response:
    secret_id = existing_id("Secret", id_)
    body = await read_body(request, models.SecretChange, strict=strict, secret=True)
    changed = services(request).secrets.update(tenant, secret_id, fields(body.value), agent_id, merge=merge)
    return answer(changed, warnings=body.warnings)
