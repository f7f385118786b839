"""``/executions/{id}/transitions.stream`` and ``status.stream``: server-sent events (RUNTIME.md 9)."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import Header, Query, Request
from starlette.responses import Response

from silvercup.http.auth import Tenant
from silvercup.http.context import existing_id, services
from silvercup.http.rooms import new_router
from silvercup.http.sse import stream

router = new_router("Executions")
_EVENTS = {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
_OVER = {"description": "The execution has ended, and nothing follows what the token names"}


@router.get("/executions/{id}/transitions.stream", responses={200: _EVENTS, 204: _OVER})
async def stream_transitions(
    request: Request,
    tenant: Tenant,
    id: str,
    next_page_token: Annotated[str | None, Query(description="Go on after the event that had this token")] = None,
    last_event_id: Annotated[str | None, Header(description="As next_page_token; browsers send it")] = None,
) -> Response:
    """Every transition, oldest first, until the execution has ended; an event may come twice when a stream is taken up again."""
    execution_id = existing_id("Execution", id)
    token = last_event_id or next_page_token
    feed = await to_thread.run_sync(services(request).executions.transition_feed, tenant, execution_id, token)
    return await stream(feed, request.app.state.stream_seconds, resumed=token is not None)


@router.get("/executions/{id}/status.stream", responses={200: _EVENTS})
async def stream_status(request: Request, tenant: Tenant, id: str) -> Response:
    """The execution, whenever it has changed, until it has ended."""
    execution_id = existing_id("Execution", id)
    feed = await to_thread.run_sync(services(request).executions.status_feed, tenant, execution_id)
    return await stream(feed, request.app.state.stream_seconds)
