"""What the local stack serves over HTTP: the API (under ``/api`` and at the root, as the app itself does) and the console."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

CONSOLE = Path(__file__).parent.parent / "console"


class Web:
    """The console under ``/console/``, which a browser at ``/`` is sent to; everything else is the API's."""

    def __init__(self, api: ASGIApp, console: Path = CONSOLE) -> None:
        self._api = api
        self._console = console.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = self._own(scope) if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} else None
        await (answer or self._api)(scope, receive, send)

    def _own(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if path == "/console" or (path == "/" and "text/html" in Headers(scope=scope).get("accept", "")):
            return RedirectResponse("/console/")
        if path.startswith("/console/"):
            return self._file(path.removeprefix("/console/") or "index.html")
        return None

    def _file(self, name: str) -> Response:
        found = (self._console / name).resolve()
        if not found.is_relative_to(self._console) or not found.is_file():
            return PlainTextResponse(f"The console has no {name[:100]}", status_code=404)
        return FileResponse(found, media_type=mimetypes.guess_type(found.name)[0])
