"""``/usage``: what calls of models used, by day and model."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import Query, Request
from starlette.responses import Response

from silvercup.errors import InvalidRequest
from silvercup.http.answers import answer
from silvercup.http.auth import Tenant
from silvercup.http.context import services
from silvercup.http.openapi import shows
from silvercup.http.rooms import new_router
from silvercup.usage.period import MAX_DAYS, USUAL_DAYS, Period

router = new_router("Usage")
_DATE = {"format": "date"}
_ID = {"format": "uuid"}


@router.get("/usage", responses=shows("Usage"))
async def sum_usage(
    request: Request,
    tenant: Tenant,
    start: Annotated[
        str | None,
        Query(description=f"The first day, in UTC; {USUAL_DAYS} days up to end unless given", json_schema_extra=_DATE),
    ] = None,
    end: Annotated[
        str | None,
        Query(description=f"The last day, {MAX_DAYS} days in all at most; today unless given", json_schema_extra=_DATE),
    ] = None,
    agent: Annotated[str | None, Query(description="Only of this agent", json_schema_extra=_ID)] = None,
    session: Annotated[str | None, Query(description="Only in this session", json_schema_extra=_ID)] = None,
    execution: Annotated[str | None, Query(description="Only in this execution", json_schema_extra=_ID)] = None,
    task: Annotated[str | None, Query(description="Only in this task's executions", json_schema_extra=_ID)] = None,
) -> Response:
    """Sum the tokens of model calls by day and model, the newest day first; what was deleted is in it."""
    period = Period.of(start, end, datetime.now(UTC).date())
    work = partial(
        services(request).usage.sum,
        tenant,
        start=period.start,
        end=period.end,
        agent=_id("agent", agent),
        session=_id("session", session),
        execution=_id("execution", execution),
        task=_id("task", task),
    )
    return answer(await to_thread.run_sync(work))


def _id(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidRequest(f"{name} must be an id, which is a UUID; it is {text[:40]!r}") from None
