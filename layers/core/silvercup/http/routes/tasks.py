"""``/agents/{agent_id}/tasks`` and ``/tasks``. Bodies are JSON or YAML."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_source
from silvercup.http.context import Page, Strict, chosen_id, claim, existing_id, services
from silvercup.http.openapi import shows, shows_items, task_body

router = APIRouter(tags=["Tasks"], default_response_class=Response)


@router.post("/agents/{agent_id}/tasks", status_code=201, responses=shows("Task", 201), openapi_extra=task_body())
async def create_task(request: Request, tenant: Tenant, agent_id: str, *, strict: Strict = False) -> Response:
    """Create a task; all problems of the definition are told at once."""
    agent = existing_id("Agent", agent_id)
    source = await read_source(request)
    claimed = await claim(request, tenant)
    saved = services(request).tasks.create(
        tenant, agent, source, task_id=claimed.id, repeated=claimed.repeated, strict=strict
    )
    return answer(saved.task, 201, warnings=saved.warnings)


@router.post("/agents/{agent_id}/tasks/{id}", status_code=201, responses=shows("Task", 201), openapi_extra=task_body())
async def create_or_update_task(
    request: Request,
    tenant: Tenant,
    agent_id: str,
    id: str,
    *,
    strict: Strict = False,
) -> Response:
    """Create a task under an id of your choice, or a new version of the one that has it; running executions keep theirs."""
    agent, task_id = existing_id("Agent", agent_id), chosen_id(id)
    source = await read_source(request)
    saved = services(request).tasks.create_or_update(tenant, agent, source, task_id=task_id, strict=strict)
    return answer(saved.task, 201, warnings=saved.warnings)


@router.get("/agents/{agent_id}/tasks", responses=shows_items("Task"))
async def list_tasks(request: Request, tenant: Tenant, agent_id: str, page: Page) -> Response:
    """List an agent's tasks."""
    return page_answer(services(request).tasks.list(tenant, existing_id("Agent", agent_id), page))


@router.get("/tasks/{id}", responses=shows("Task"))
async def get_task(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a task."""
    return answer(services(request).tasks.get(tenant, existing_id("Task", id)))
