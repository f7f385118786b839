"""``/agents/{agent_id}/tools``."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from silvercup.http import models
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import fields, read_body
from silvercup.http.context import Page, Strict, claim, existing_id, services
from silvercup.http.openapi import json_body, shows, shows_items
from silvercup.http.rooms import new_router

router = new_router("Tools")
_ALL = "/agents/{agent_id}/tools"
_ONE = "/agents/{agent_id}/tools/{id}"


@router.post(_ALL, status_code=201, responses=shows("Tool", 201), openapi_extra=json_body(models.ToolWrite))
async def create_tool(request: Request, tenant: Tenant, agent_id: str, *, strict: Strict = False) -> Response:
    """Create a tool of an agent; its name is unique among them."""
    agent = existing_id("Agent", agent_id)
    body = await read_body(request, models.ToolWrite, strict=strict)
    claimed = await claim(request, tenant, by_name=True)
    tool = services(request).tools.create(tenant, agent, fields(body.value), claimed=claimed)
    return answer(tool, 201, warnings=body.warnings)


@router.get(_ALL, responses=shows_items("Tool"))
async def list_tools(request: Request, tenant: Tenant, agent_id: str, page: Page) -> Response:
    """List an agent's tools."""
    return page_answer(services(request).tools.list(tenant, existing_id("Agent", agent_id), page))


@router.get(_ONE, responses=shows("Tool"))
async def get_tool(request: Request, tenant: Tenant, agent_id: str, id: str) -> Response:
    """Get a tool."""
    agent, tool_id = existing_id("Agent", agent_id), existing_id("Tool", id)
    return answer(services(request).tools.get(tenant, agent, tool_id))


@router.put(_ONE, responses=shows("Tool"), openapi_extra=json_body(models.ToolWrite))
async def replace_tool(request: Request, tenant: Tenant, agent_id: str, id: str, *, strict: Strict = False) -> Response:
    """Write a tool anew."""
    agent, tool_id = existing_id("Agent", agent_id), existing_id("Tool", id)
    body = await read_body(request, models.ToolWrite, strict=strict)
    tool = services(request).tools.replace(tenant, agent, tool_id, fields(body.value))
    return answer(tool, warnings=body.warnings)


@router.patch(_ONE, responses=shows("Tool"), openapi_extra=json_body(models.ToolPatch))
async def update_tool(request: Request, tenant: Tenant, agent_id: str, id: str, *, strict: Strict = False) -> Response:
    """Change what is given; a definition of the same type is merged."""
    agent, tool_id = existing_id("Agent", agent_id), existing_id("Tool", id)
    body = await read_body(request, models.ToolPatch, strict=strict)
    tool = services(request).tools.update(tenant, agent, tool_id, fields(body.value))
    return answer(tool, warnings=body.warnings)


@router.delete(_ONE, status_code=202, responses=shows("Deleted", 202))
async def delete_tool(request: Request, tenant: Tenant, agent_id: str, id: str) -> Response:
    """Delete a tool; tasks that inherited it keep it until their next version."""
    agent, tool_id = existing_id("Agent", agent_id), existing_id("Tool", id)
    return answer(services(request).tools.delete(tenant, agent, tool_id), 202)
