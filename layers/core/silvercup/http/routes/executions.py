"""``/tasks/{id}/executions``, ``/executions`` and their transitions; the event streams are in ``streams``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from silvercup.http import models
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_body
from silvercup.http.context import Page, claim, existing_id, retries, services
from silvercup.http.openapi import json_body, shows, shows_items

router = APIRouter(tags=["Executions"], default_response_class=Response)


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
    claimed = await claim(request, tenant)
    execution = services(request).executions.create(
        tenant, task_id, input=body.input, metadata=body.metadata, execution_id=claimed.id
    )
    return answer(execution, 201)


@router.get("/tasks/{id}/executions", responses=shows_items("Execution"))
async def list_executions(request: Request, tenant: Tenant, id: str, page: Page) -> Response:
    """List a task's executions."""
    return page_answer(services(request).executions.list(tenant, existing_id("Task", id), page))


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
