"""The app: routes, errors, middleware. Served by Mangum (``functions/api``), by a web server (``functions/stream``, ``silvercup dev``)."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from silvercup.http import openapi, problems
from silvercup.http.answers import WARNINGS_HEADER
from silvercup.http.edge import Edge
from silvercup.http.rooms import Rooms

MAX_STREAM_SECONDS = 840.0
"""How long a stream stays open at most: under the 15 minutes of a function."""


def create_app(services: Callable[[], object], *, stream_seconds: float = MAX_STREAM_SECONDS) -> FastAPI:
    """Make the ASGI app; the same routes are served under ``/api`` and at the root.

    Args:
        services: Gives what has the attributes of ``services.Services``: the container (whose lazy attributes no type checker
            matches with a protocol; ``tests/unit/http/test_port.py`` does it one by one). Called for every request.
        stream_seconds: How long an event stream stays open; then it closes and tells the client to come back.
    """
    app = FastAPI(
        title="Silvercup",
        description=openapi.DESCRIPTION,
        version="1.0.0",
        servers=[{"url": "/api"}],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.stream_seconds = stream_seconds
    problems.install(app)
    rooms = Rooms(app)
    openapi.install(app, rooms)
    app.add_middleware(Edge, rooms=rooms)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[WARNINGS_HEADER, "X-Request-Id", "X-Should-Retry", "Retry-After"],
        max_age=3600,
    )
    return app
