"""``/projects``."""

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

router = new_router("Projects")


@router.post(
    "/projects", status_code=201, responses=shows("Project", 201), openapi_extra=json_body(models.ProjectWrite)
)
async def create_project(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Create a project."""
    body = await read_body(request, models.ProjectWrite, strict=strict)
    claimed = await claim(request, tenant)
    project = services(request).projects.create(
        tenant, fields(body.value), project_id=claimed.id, repeated=claimed.repeated
    )
    return answer(project, 201, warnings=body.warnings)


@router.get("/projects", responses=shows_items("Project"))
async def list_projects(request: Request, tenant: Tenant, page: Page) -> Response:
    """List projects."""
    return page_answer(services(request).projects.list(tenant, page))


@router.get("/projects/{id}", responses=shows("Project"))
async def get_project(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a project."""
    return answer(services(request).projects.get(tenant, existing_id("Project", id)))


@router.post(
    "/projects/{id}", status_code=201, responses=shows("Project", 201), openapi_extra=json_body(models.ProjectWrite)
)
async def create_or_update_project(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Create a project under an id of your choice, or write the one that has it anew (its canonical_name stays)."""
    project_id = chosen_id(id)
    body = await read_body(request, models.ProjectWrite, strict=strict)
    project = services(request).projects.create_or_update(tenant, project_id, fields(body.value))
    return answer(project, 201, warnings=body.warnings)


@router.put("/projects/{id}", responses=shows("Project"), openapi_extra=json_body(models.ProjectWrite))
async def replace_project(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Write a project anew: what is absent gets its default."""
    project_id = existing_id("Project", id)
    body = await read_body(request, models.ProjectWrite, strict=strict)
    project = services(request).projects.replace(tenant, project_id, fields(body.value))
    return answer(project, warnings=body.warnings)


@router.patch("/projects/{id}", responses=shows("Project"), openapi_extra=json_body(models.ProjectPatch))
async def update_project(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Change what is given; metadata is merged."""
    project_id = existing_id("Project", id)
    body = await read_body(request, models.ProjectPatch, strict=strict)
    project = services(request).projects.update(tenant, project_id, fields(body.value))
    return answer(project, warnings=body.warnings)


@router.delete("/projects/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_project(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete a project; its agents and users belong to ``default`` then, which can't be deleted."""
    return answer(services(request).projects.delete(tenant, existing_id("Project", id)), 202)
