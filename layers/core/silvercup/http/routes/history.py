"""``/sessions/{id}/history``."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import Query, Request
from starlette.responses import Response

from silvercup.chat.history import MAX_LIMIT, SHOWN, SOURCES, HistoryQuery
from silvercup.errors import InvalidRequest
from silvercup.http.answers import answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_body
from silvercup.http.chat_bodies import HistoryWrite, entries_of
from silvercup.http.context import Strict, existing_id, once, services
from silvercup.http.openapi import json_body, shows
from silvercup.http.rooms import new_router

router = new_router("Sessions")


@router.get("/sessions/{id}/history", responses=shows("History"))
async def get_history(
    request: Request,
    tenant: Tenant,
    id: str,
    limit: Annotated[
        int, Query(description="How many entries", json_schema_extra={"minimum": 1, "maximum": MAX_LIMIT})
    ] = MAX_LIMIT,
    offset: Annotated[int, Query(description="How many to pass over", json_schema_extra={"minimum": 0})] = 0,
    direction: Annotated[str, Query(json_schema_extra={"enum": ["asc", "desc"]})] = "asc",
    sources: Annotated[
        str,
        Query(
            description="Which entries, by commas: api_request, api_response, tool_request, tool_response, summarizer; or all"
        ),
    ] = ",".join(sorted(SHOWN)),
    cursor: Annotated[str | None, Query(description="The next_cursor of the page before")] = None,
) -> Response:
    """The history of a session, the oldest entry first."""
    if direction not in {"asc", "desc"}:
        raise InvalidRequest(f"Invalid sort direction {direction[:40]!r}: direction is asc or desc")
    wanted = SOURCES if sources == "all" else frozenset(one.strip() for one in sources.split(",") if one.strip())
    query = HistoryQuery(limit, offset, direction == "desc", wanted, cursor)
    session_id = existing_id("Session", id)
    return answer(await to_thread.run_sync(services(request).history.list, tenant, session_id, query))


@router.post(
    "/sessions/{id}/history",
    status_code=201,
    responses=shows("EntriesAdded", 201),
    openapi_extra=json_body(HistoryWrite),
)
async def add_to_history(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Add entries without asking a model: what was said elsewhere, or before."""
    session_id = existing_id("Session", id)
    body = await read_body(request, HistoryWrite, strict=strict)
    claimed = await once(request, tenant)
    entries = entries_of(body.value)
    added = services(request).history.append(
        tenant, session_id, entries, turn_id=claimed.id, once=claimed.name, since=claimed.since, again=claimed.again
    )
    return answer(added, 201, warnings=body.warnings)


@router.delete("/sessions/{id}/history", status_code=202, responses=shows("Deleted", 202))
async def delete_history(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete the whole history of a session; the session stays."""
    return answer(services(request).history.clear(tenant, existing_id("Session", id)), 202)


@router.delete("/sessions/{id}/history/{child_id}", status_code=202, responses=shows("Deleted", 202))
async def delete_entry(request: Request, tenant: Tenant, id: str, child_id: str) -> Response:
    """Delete one entry of the history; with a call of tools also its results."""
    session_id, entry_id = existing_id("Session", id), existing_id("Entry", child_id)
    return answer(services(request).history.delete(tenant, session_id, entry_id), 202)
