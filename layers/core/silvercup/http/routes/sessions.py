"""``/sessions``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from silvercup.docs.filters import terms_of_filter
from silvercup.errors import Problem
from silvercup.http import models
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import fields, read_body
from silvercup.http.context import Page, Strict, chosen_id, claim, existing_id, services
from silvercup.http.doc_bodies import unknown_language
from silvercup.http.openapi import json_body, shows, shows_items
from silvercup.http.rooms import new_router
from silvercup.http.template_warnings import template_warnings
from silvercup.values import JsonObject

router = new_router("Sessions")
_Wanted = models.SessionWrite | models.SessionReset | models.SessionPatch


@router.post(
    "/sessions", status_code=201, responses=shows("Session", 201), openapi_extra=json_body(models.SessionWrite)
)
async def create_session(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Create a session."""
    body = await read_body(request, models.SessionWrite, strict=strict)
    wanted, told = _wanted(body.value)
    claimed = await claim(request, tenant)
    session = services(request).sessions.create(tenant, wanted, session_id=claimed.id, repeated=claimed.repeated)
    return answer(session, 201, warnings=[*body.warnings, *told, *_meaningless(wanted, session)])


@router.get("/sessions", responses=shows_items("Session"))
async def list_sessions(
    request: Request,
    tenant: Tenant,
    page: Page,
    agent: Annotated[str | None, Query(description="Only sessions of the agent of this id")] = None,
    user: Annotated[str | None, Query(description="Only sessions of the user of this id")] = None,
) -> Response:
    """List sessions."""
    of_agent = None if agent is None else existing_id("Agent", agent)
    of_user = None if user is None else existing_id("User", user)
    return page_answer(services(request).sessions.list(tenant, page, agent=of_agent, user=of_user))


@router.get("/sessions/{id}", responses=shows("Session"))
async def get_session(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a session."""
    return answer(services(request).sessions.get(tenant, existing_id("Session", id)))


@router.post(
    "/sessions/{id}", status_code=201, responses=shows("Session", 201), openapi_extra=json_body(models.SessionWrite)
)
async def create_or_update_session(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Create a session under an id of your choice, or write the one that has it anew (its history stays)."""
    session_id = chosen_id(id)
    body = await read_body(request, models.SessionWrite, strict=strict)
    wanted, told = _wanted(body.value)
    session = services(request).sessions.create_or_update(tenant, session_id, wanted)
    return answer(session, 201, warnings=[*body.warnings, *told, *_meaningless(wanted, session)])


@router.put("/sessions/{id}", responses=shows("Session"), openapi_extra=json_body(models.SessionReset))
async def replace_session(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Write a session anew: what is absent gets its default; participants of whom nothing is said stay."""
    session_id = existing_id("Session", id)
    body = await read_body(request, models.SessionReset, strict=strict)
    wanted, told = _wanted(body.value)
    session = services(request).sessions.replace(tenant, session_id, wanted)
    return answer(session, warnings=[*body.warnings, *told, *_meaningless(wanted, session)])


@router.patch("/sessions/{id}", responses=shows("Session"), openapi_extra=json_body(models.SessionPatch))
async def update_session(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Change what is given; metadata and recall_options are merged."""
    session_id = existing_id("Session", id)
    body = await read_body(request, models.SessionPatch, strict=strict)
    wanted, told = _wanted(body.value)
    session = services(request).sessions.update(tenant, session_id, wanted)
    return answer(session, warnings=[*body.warnings, *told, *_meaningless(wanted, session)])


@router.delete("/sessions/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_session(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete a session with its history."""
    return answer(services(request).sessions.delete(tenant, existing_id("Session", id)), 202)


def _wanted(body: _Wanted) -> tuple[JsonObject, list[JsonObject]]:
    """What a body says of a session, and warnings; of ``recall_options`` only the keys that are given."""
    recall = body.recall_options
    told = template_warnings("system_template", body.system_template)
    if recall is None:
        return fields(body), told
    given: dict[str, Any] = {name: value for name, value in fields(recall).items() if name in recall.model_fields_set}
    terms_of_filter(recall.metadata_filter or {})
    return fields(body) | {"recall_options": given}, [*told, *unknown_language(recall.lang, "recall_options.lang")]


def _meaningless(wanted: JsonObject, session: JsonObject) -> list[JsonObject]:
    """Warnings for recall options that the mode of the session does not have."""
    kept: JsonObject = session["recall_options"] or {}
    given: JsonObject = wanted["recall_options"] or {}
    return [
        Problem(f"recall_options.{name}", f"Means nothing with mode {kept.get('mode')!r}").as_dict()
        for name, value in given.items()
        if value is not None and name not in kept
    ]
