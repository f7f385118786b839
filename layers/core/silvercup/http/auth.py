"""Who asks: the API key in ``Authorization`` gives the tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import Request

from silvercup.errors import Unauthenticated
from silvercup.http.context import services

_SCHEME = HTTPBearer(auto_error=False, description="An API key: `silvercup keys create`")


def key_of(authorization: str) -> str:
    """The key in an ``Authorization`` header, with or without the word ``Bearer``.

    Raises:
        Unauthenticated: There is none, or another scheme.
    """
    scheme, _, rest = authorization.strip().partition(" ")
    if rest and scheme.lower() == "bearer":
        return rest.strip()
    if rest:
        raise Unauthenticated(f"Authorization is {scheme[:20]!r}; send 'Authorization: Bearer <key>'")
    return "" if scheme.lower() == "bearer" else scheme


async def _tenant(request: Request, _documented: Annotated[object, Depends(_SCHEME)]) -> str:
    return services(request).keys.tenant_of(key_of(request.headers.get("authorization", "")))


Tenant = Annotated[str, Depends(_tenant)]
"""A route that takes one is closed to callers without a key."""
