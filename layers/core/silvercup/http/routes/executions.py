"""``/tasks/{id}/executions``, ``/executions`` and their transitions; the event streams are in ``streams``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from silvercup.executions.execution import STATUSES
from silvercup.executions.search import Search
from silvercup.http import models
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_body
from silvercup.http.context import Page, claim, existing_id, retries, services
from silvercup.http.openapi import json_body, shows, shows_items
from silvercup.http.rooms import new_router
from silvercup.times import microseconds

router = new_router("Executions")


@router.post(
    "/tasks/{id}/executions",
    status_code=201,
    responses=shows("Execution", 201),
    openapi_extra=json_body(models.ExecutionCreate),
)
async def create_execution(request: Request, tenant: Tenant, id: str) -> Response:
    """Start an execution of a task."""
    task_id = existing_id("Task", id)
    body = (await read_body(request, models.ExecutionCreate)).value
    claimed = await claim(request, tenant, later=True)
    execution = services(request).executions.create(
        tenant,
        task_id,
        input=body.input,
        metadata=body.metadata,
        execution_id=claimed.id,
        claim=claimed.unwritten,
    )
    return answer(execution, 201)


@router.get("/tasks/{id}/executions", responses=shows_items("Execution"))
async def list_executions(request: Request, tenant: Tenant, id: str, page: Page) -> Response:
    """List a task's executions."""
    return page_answer(services(request).executions.list(tenant, existing_id("Task", id), page))


@router.get("/executions", responses=shows_items("Execution"))
async def find_executions(
    request: Request,
    tenant: Tenant,
    page: Page,
    status: Annotated[str | None, Query(json_schema_extra={"enum": [*STATUSES]})] = None,
    task_id: Annotated[UUID | None, Query(description="Only those of this task")] = None,
    agent_id: Annotated[UUID | None, Query(description="Only those of this agent's tasks")] = None,
    created_after: Annotated[datetime | None, Query(description="ISO 8601; UTC unless it says otherwise")] = None,
    created_before: Annotated[datetime | None, Query(description="As created_after")] = None,
) -> Response:
    """List the executions of all tasks; `sort_by=updated_at` needs a `task_id`."""
    search = Search(
        status,
        None if task_id is None else str(task_id),
        None if agent_id is None else str(agent_id),
        None if created_after is None else microseconds(created_after),
        None if created_before is None else microseconds(created_before),
    )
    return page_answer(services(request).executions.find(tenant, search, page))


@router.get("/waits", responses=shows_items("InboxWait"))
async def list_waits(request: Request, tenant: Tenant, page: Page) -> Response:
    """List the open waits of all executions, the newest first; each with the task token that answers it."""
    return page_answer(services(request).executions.waits(tenant, page))


@router.post("/executions", responses=shows("Execution"), openapi_extra=json_body(models.TokenResume))
async def resume_by_token(
    request: Request,
    task_token: Annotated[
        str | None, Query(description="One of an execution's waits; it may be in the body instead")
    ] = None,
) -> Response:
    """Resume an execution with a task token; no API key is needed."""
    body = (await read_body(request, models.TokenResume)).value
    token = task_token or body.task_token
    if not token:
        missing = {"type": "missing", "loc": ("query", "task_token"), "msg": "Field required", "input": None}
        raise RequestValidationError([missing])
    return answer(services(request).executions.resume_by_token(token, body.input))


@router.get("/executions/{id}", responses=shows("Execution"))
async def get_execution(request: Request, tenant: Tenant, id: str) -> Response:
    """Get an execution."""
    return answer(services(request).executions.get(tenant, existing_id("Execution", id)))


@router.put("/executions/{id}", responses=shows("Execution"), openapi_extra=json_body(models.ExecutionChange))
async def change_status(request: Request, tenant: Tenant, id: str) -> Response:
    """Resume an execution that awaits input, or cancel one that has not ended."""
    execution_id = existing_id("Execution", id)
    body = (await read_body(request, models.ExecutionChange)).value
    only_reason = body.status is None and "reason" in body.model_fields_set and "input" not in body.model_fields_set
    executions = services(request).executions
    if body.status == "cancelled" or only_reason:
        return answer(executions.cancel(tenant, execution_id, body.reason))
    is_retry = retries(request) > 0
    return answer(
        executions.resume(tenant, execution_id, body.input, is_retry=is_retry, transition_id=body.transition_id)
    )


@router.delete("/executions/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_execution(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete an execution with its transitions; one that has not ended is cancelled."""
    return answer(services(request).executions.delete(tenant, existing_id("Execution", id)), 202)


@router.get("/executions/{id}/transitions", responses=shows_items("Transition"))
async def list_transitions(
    request: Request,
    tenant: Tenant,
    id: str,
    page: Page,
    scope_id: Annotated[str | None, Query(description="Only transitions of this scope")] = None,
) -> Response:
    """List an execution's transitions, the newest first."""
    found = services(request).executions.transitions(tenant, existing_id("Execution", id), page, scope_id)
    return page_answer(found)


@router.get("/executions/{id}/transitions/{transition_id}", responses=shows("Transition"))
async def get_transition(request: Request, tenant: Tenant, id: str, transition_id: str) -> Response:
    """Get one transition."""
    execution_id, wanted = existing_id("Execution", id), existing_id("Transition", transition_id)
    return answer(services(request).executions.transition(tenant, execution_id, wanted))
