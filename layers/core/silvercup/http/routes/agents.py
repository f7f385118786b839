"""``/agents``."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from silvercup.errors import Problem
from silvercup.http import models
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import Body, fields, read_body
from silvercup.http.context import Page, Strict, chosen_id, claim, existing_id, services
from silvercup.http.openapi import json_body, shows, shows_items
from silvercup.http.rooms import new_router
from silvercup.http.template_warnings import template_warnings
from silvercup.values import JsonObject

router = new_router("Agents")


@router.post("/agents", status_code=201, responses=shows("Agent", 201), openapi_extra=json_body(models.AgentWrite))
async def create_agent(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Create an agent."""
    body = await read_body(request, models.AgentWrite, strict=strict)
    claimed = await claim(request, tenant)
    agent = services(request).agents.create(tenant, fields(body.value), agent_id=claimed.id, repeated=claimed.repeated)
    return answer(agent, 201, warnings=_warnings(request, body))


@router.get("/agents", responses=shows_items("Agent"))
async def list_agents(
    request: Request,
    tenant: Tenant,
    page: Page,
    canonical_name: Annotated[str | None, Query(description="Only the agent of this name, whatever its case")] = None,
) -> Response:
    """List agents."""
    return page_answer(services(request).agents.list(tenant, page, canonical_name=canonical_name))


@router.get("/agents/models", responses=shows("ModelList"))
async def list_models(request: Request, tenant: Tenant) -> Response:
    """List the models that are served."""
    del tenant
    return answer({"models": [{"id": name} for name in services(request).models.catalog.names()]})


@router.get("/agents/{id}", responses=shows("Agent"))
async def get_agent(request: Request, tenant: Tenant, id: str) -> Response:
    """Get an agent."""
    return answer(services(request).agents.get(tenant, existing_id("Agent", id)))


@router.post("/agents/{id}", status_code=201, responses=shows("Agent", 201), openapi_extra=json_body(models.AgentWrite))
async def create_or_update_agent(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Create an agent under an id of your choice, or write the one that has it anew (its canonical_name stays)."""
    agent_id = chosen_id(id)
    body = await read_body(request, models.AgentWrite, strict=strict)
    agent = services(request).agents.create_or_update(tenant, agent_id, fields(body.value))
    return answer(agent, 201, warnings=_warnings(request, body))


@router.put("/agents/{id}", responses=shows("Agent"), openapi_extra=json_body(models.AgentWrite))
async def replace_agent(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Write an agent anew: what is absent gets its default."""
    agent_id = existing_id("Agent", id)
    body = await read_body(request, models.AgentWrite, strict=strict)
    return answer(
        services(request).agents.replace(tenant, agent_id, fields(body.value)), warnings=_warnings(request, body)
    )


@router.patch("/agents/{id}", responses=shows("Agent"), openapi_extra=json_body(models.AgentPatch))
async def update_agent(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Change what is given; metadata is merged."""
    agent_id = existing_id("Agent", id)
    body = await read_body(request, models.AgentPatch, strict=strict)
    return answer(
        services(request).agents.update(tenant, agent_id, fields(body.value)), warnings=_warnings(request, body)
    )


@router.delete("/agents/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_agent(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete an agent with its tools, its tasks and their executions."""
    return answer(services(request).agents.delete(tenant, existing_id("Agent", id)), 202)


def _warnings(request: Request, body: Body[models.AgentWrite] | Body[models.AgentPatch]) -> list[JsonObject]:
    model = body.value.model
    warning = services(request).models.catalog.resolve(model).warning if model else None
    substituted = [Problem("model", warning).as_dict()] if warning else []
    template = template_warnings("default_system_template", body.value.default_system_template)
    return [*body.warnings, *substituted, *template]
