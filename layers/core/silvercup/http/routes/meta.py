"""``/healthz``, and ``/jobs``: v1's view of an execution, and of the embedding of a doc."""

from __future__ import annotations

from contextlib import suppress

from fastapi import Request
from starlette.responses import Response

from silvercup.errors import NotFound
from silvercup.http.answers import answer
from silvercup.http.auth import Tenant
from silvercup.http.context import existing_id, services
from silvercup.http.openapi import shows
from silvercup.http.rooms import new_router
from silvercup.values import JsonObject

router = new_router()
_STATES = {"queued": "pending", "succeeded": "succeeded", "failed": "failed", "cancelled": "aborted"}


@router.get("/healthz", tags=["Health"], responses=shows("Health"))
async def check() -> Response:
    """Whether the API answers; needs no key and touches nothing behind it."""
    return answer({"status": "ok"})


@router.get("/jobs/{id}", tags=["Jobs"], responses=shows("Job"))
async def get_job(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a job; its id is the execution's, or that of the doc which is embedded."""
    job_id = existing_id("Job", id)
    with suppress(NotFound):
        return answer(_job(services(request).executions.get(tenant, job_id)))
    try:
        return answer(services(request).docs.job(tenant, job_id))
    except NotFound:
        raise NotFound(f"Job {job_id} not found; a job's id is its execution's, or its doc's") from None


def _job(execution: JsonObject) -> JsonObject:
    status = execution["status"]
    return {
        "id": execution["id"],
        "name": "TaskExecution",
        "reason": f"Execution status: {status}",
        "state": _STATES.get(status, "in_progress"),
        "has_progress": False,
        "progress": 0.0,
        "created_at": execution["created_at"],
        "updated_at": execution["updated_at"],
    }
