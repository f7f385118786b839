"""``/healthz``, and ``/jobs``: v1's view of an execution, and of the embedding of a doc."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from silvercup.executions.jobs import job_of
from silvercup.http.answers import answer
from silvercup.http.auth import Tenant
from silvercup.http.context import existing_id, services
from silvercup.http.openapi import shows
from silvercup.http.rooms import new_router

router = new_router()


@router.get("/healthz", tags=["Health"], responses=shows("Health"))
async def check() -> Response:
    """Whether the API answers; needs no key and touches nothing behind it."""
    return answer({"status": "ok"})


@router.get("/jobs/{id}", tags=["Jobs"], responses=shows("Job"))
async def get_job(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a job; its id is the execution's, or that of the doc which is embedded."""
    job_id = existing_id("Job", id)
    behind = services(request)
    job = job_of(
        job_id,
        execution=lambda: behind.executions.get(tenant, job_id),
        doc=lambda: behind.docs.job(tenant, job_id),
    )
    return answer(job)
