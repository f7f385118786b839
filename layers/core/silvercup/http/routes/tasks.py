"""``/agents/{agent_id}/tasks`` and ``/tasks``. Bodies are JSON or YAML."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from silvercup.errors import InvalidRequest, Problem
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_source
from silvercup.http.context import Page, Strict, chosen_id, claim, existing_id, services
from silvercup.http.openapi import shows, shows_items, task_body
from silvercup.http.rooms import new_router

router = new_router("Tasks")


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


@router.put("/agents/{agent_id}/tasks/{id}", responses=shows("Task"), openapi_extra=task_body())
async def replace_task(request: Request, tenant: Tenant, agent_id: str, id: str, *, strict: Strict = False) -> Response:
    """Write a new version of a task; running executions keep theirs. An absent canonical_name stays."""
    agent, task_id = existing_id("Agent", agent_id), existing_id("Task", id)
    source = await read_source(request)
    saved = services(request).tasks.replace(tenant, agent, source, task_id=task_id, strict=strict)
    return answer(saved.task, warnings=saved.warnings)


@router.patch("/agents/{agent_id}/tasks/{id}", responses=shows("Task"), openapi_extra=task_body(partial=True))
async def update_task(request: Request, tenant: Tenant, agent_id: str, id: str, *, strict: Strict = False) -> Response:
    """Write a new version in which the given keys replace the old ones and metadata is merged; null takes a sub-workflow away."""
    agent, task_id = existing_id("Agent", agent_id), existing_id("Task", id)
    source = await read_source(request)
    saved = services(request).tasks.update(tenant, agent, source, task_id=task_id, strict=strict)
    return answer(saved.task, warnings=saved.warnings)


@router.delete("/agents/{agent_id}/tasks/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_task(request: Request, tenant: Tenant, agent_id: str, id: str) -> Response:
    """Delete a task with its executions; those that have not ended are cancelled."""
    agent, task_id = existing_id("Agent", agent_id), existing_id("Task", id)
    return answer(services(request).tasks.delete(tenant, agent, task_id), 202)


@router.post("/tasks/check", responses=shows("TaskCheck"), openapi_extra=task_body())
async def check_task(
    request: Request,
    tenant: Tenant,
    agent_id: Annotated[str | None, Query(description="The agent whose tools the task may inherit")] = None,
    *,
    strict: Strict = False,
) -> Response:
    """Compile a definition and keep nothing: its problems, or its report and the state machine that it becomes."""
    agent = None if agent_id is None else existing_id("Agent", agent_id)
    try:
        source = await read_source(request)
    except InvalidRequest as invalid:
        problems = invalid.details or [Problem("", invalid.message)]
        errors = [problem.as_dict() for problem in problems]
        return answer({"ok": False, "errors": errors, "warnings": [], "report": None, "definition": None})
    return answer(services(request).tasks.check(tenant, source, agent_id=agent, strict=strict))


@router.get("/tasks/{id}/versions", responses=shows_items("TaskVersion"))
async def list_versions(request: Request, tenant: Tenant, id: str, page: Page) -> Response:
    """List a task's versions, by number."""
    return page_answer(services(request).tasks.versions(tenant, existing_id("Task", id), page))


@router.get("/tasks/{id}/versions/{number}", responses=shows("WholeTaskVersion"))
async def get_version(request: Request, tenant: Tenant, id: str, number: int) -> Response:
    """Get one version of a task: the task as it was, the state machine that it became, and its report."""
    return answer(services(request).tasks.version(tenant, existing_id("Task", id), number))


@router.get("/tasks/{id}", responses=shows("Task"))
async def get_task(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a task."""
    return answer(services(request).tasks.get(tenant, existing_id("Task", id)))
