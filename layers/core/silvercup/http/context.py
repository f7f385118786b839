"""What a route finds with its request: the services, ids of the path, what the list wants, whether it is a retry."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from silvercup.errors import InvalidRequest, NotFound
from silvercup.ids import now_us, uuid7
from silvercup.paging import MAX_LIMIT, MAX_OFFSET, Direction, ListQuery, SortBy
from silvercup.resources.idempotency import RETRY_SECONDS, Attempt, Claim

if TYPE_CHECKING:
    from silvercup.http.services import Services

_FILTER = "metadata_filter."
_MAX_KEY = 255

Strict = Annotated[bool, Query(description="Refuse unknown keys instead of telling them in X-Silvercup-Warnings")]


def services(request: Request) -> Services:
    """The services that this app was made with."""
    return cast("Services", request.app.state.services())


def existing_id(kind: str, text: str) -> str:
    """An id from the path, in canonical form.

    Raises:
        NotFound: It is no UUID, so nothing can have it.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(f"{kind} {text[:40]!r} not found: an id is a UUID") from None


def chosen_id(text: str) -> str:
    """An id that the caller chose.

    Raises:
        RequestValidationError: It is no UUID.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        found: dict[str, Any] = {
            "type": "uuid_parsing",
            "loc": ("path", "id"),
            "msg": "Input should be a valid UUID",
            "input": text,
        }
        raise RequestValidationError([found]) from None


def retries(request: Request) -> int:
    """How often the client tried this request before."""
    text = request.headers.get("x-stainless-retry-count", "0")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


async def claim(
    request: Request, tenant: str, *, by_name: bool = False, later: bool = False, secret: bool = False
) -> Claim:
    """The id under which a POST makes its thing; see ``IdempotencyService.claim``. Of a ``secret`` body no hash is kept.

    Raises:
        InvalidRequest: The ``Idempotency-Key`` is empty or over 255 characters.
        Conflict: It came before with another body.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= _MAX_KEY:
        raise InvalidRequest(f"An Idempotency-Key has 1 to {_MAX_KEY} characters; this one has {len(key)}")
    body = b"" if secret else await request.body()
    attempt = Attempt(tenant, request.method, request.url.path, body, key, retries(request))
    return services(request).idempotency.claim(attempt, by_name=by_name, later=later)


@dataclass(frozen=True, slots=True)
class Once:
    """What tells a request that is not looked up beforehand from others.

    Attributes:
        id: The id of what it makes.
        name: The same for the same request.
        again: Whether the client has sent it before.
        since: When it can have been sent first, microseconds since the epoch.
    """

    id: str
    name: str
    again: bool
    since: int


async def once(request: Request, tenant: str) -> Once:
    """What tells a POST from others whose answer is found where it is kept; a request that comes once takes no read for it.

    Raises:
        InvalidRequest, Conflict: As ``claim``, of an ``Idempotency-Key``.
    """
    if "idempotency-key" in request.headers:
        claimed = await claim(request, tenant)
        return Once(claimed.id, claimed.id, claimed.repeated, 0)
    body = hashlib.sha256(request.url.path.encode() + b"\0" + await request.body()).hexdigest()
    return Once(uuid7(), body[:32], retries(request) > 0, now_us() - RETRY_SECONDS * 1_000_000)


async def _page(
    request: Request,
    limit: Annotated[int, Query(description="How many", json_schema_extra={"minimum": 1, "maximum": MAX_LIMIT})] = 100,
    offset: Annotated[
        int, Query(description="How many to pass over", json_schema_extra={"minimum": 0, "maximum": MAX_OFFSET})
    ] = 0,
    sort_by: Annotated[str, Query(json_schema_extra={"enum": ["created_at", "updated_at"]})] = "created_at",
    direction: Annotated[str, Query(json_schema_extra={"enum": ["asc", "desc"]})] = "desc",
    cursor: Annotated[str | None, Query(description="The next_cursor of the page before")] = None,
) -> ListQuery:
    if sort_by not in {"created_at", "updated_at"}:
        raise InvalidRequest(f"Invalid sort field {sort_by[:40]!r}: sort_by is created_at or updated_at")
    if direction not in {"asc", "desc"}:
        raise InvalidRequest(f"Invalid sort direction {direction[:40]!r}: direction is asc or desc")
    found = {name[len(_FILTER) :]: value for name, value in request.query_params.items() if name.startswith(_FILTER)}
    return ListQuery(limit, offset, cast("SortBy", sort_by), cast("Direction", direction), found, cursor)


Page = Annotated[ListQuery, Depends(_page)]
"""The list parameters of a request; ``?metadata_filter.key=value`` may come several times."""
