"""Which file of ``routes`` serves a path.

A file is imported when its first request comes: FastAPI takes about a millisecond for each route, and a cold function has one
request to answer.
"""

from __future__ import annotations

import re
from importlib import import_module

from fastapi import APIRouter, FastAPI
from starlette.responses import Response

_ROOMS = {
    "meta": r"/(healthz|jobs)(/.*)?",
    "agents": r"/agents(/[^/]*)?",
    "tools": r"/agents/[^/]*/tools(/.*)?",
    "users": r"/users(/[^/]*)?",
    "sessions": r"/sessions(/[^/]*)?",
    "chat": r"/sessions/[^/]*/(chat|render)",
    "history": r"/sessions/[^/]*/history(/[^/]*)?",
    "responses": r"/responses(/.*)?",
    "secrets": r"(/agents/[^/]*)?/secrets(/.*)?",
    "projects": r"/projects(/.*)?",
    "files": r"/files(/.*)?",
    "docs": r"/(agents|users)/[^/]*/(docs(/.*)?|search)",
    "doc": r"/docs/[^/]*|/embed",
    "tasks": r"/agents/[^/]*/tasks(/.*)?|/tasks(/[^/]*(/versions(/.*)?)?)?",
    "executions": r"/tasks/[^/]*/executions(/.*)?|/waits(/.*)?|/executions(/[^/]*(/transitions(/.*)?)?)?",
    "usage": r"/usage",
    "streams": r"/executions/[^/]*/[a-z]+\.stream",
}


def new_router(*tags: str) -> APIRouter:
    """What a file of ``routes`` adds its routes to."""
    return APIRouter(
        tags=[*tags], default_response_class=Response, generate_unique_id_function=lambda route: route.name
    )


class Rooms:
    """The files of an app that were not needed yet."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._closed = {name: re.compile(paths) for name, paths in _ROOMS.items()}

    def open(self, path: str) -> None:
        """Add the routes that may serve a path."""
        for name in [name for name, paths in self._closed.items() if paths.fullmatch(path)]:
            self._include(name)

    def open_all(self) -> None:
        """Add all routes, in the order of the documentation."""
        for name in [*self._closed]:
            self._include(name)

    def _include(self, name: str) -> None:
        # include_router would make each route once more
        self._app.router.routes.extend(import_module(f"silvercup.http.routes.{name}").router.routes)
        del self._closed[name]
