"""The ASGI middleware around the routes: prefix, request id, body limit, HEAD and OPTIONS, and what no handler caught."""

from __future__ import annotations

import re
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from silvercup.errors import TooLarge
from silvercup.http.problems import unexpected
from silvercup.http.rooms import Rooms
from silvercup.ids import uuid7

MAX_BODY = 6_000_000
"""The largest request body in bytes: what a function can be given."""
_MAX_DRAINED = 10 * MAX_BODY
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_FILES = re.compile(r"/files|/(?:agents|users)/[^/]+/docs/file")
_UPLOAD = ": upload a large file; POST /files with 'upload: true' and its 'size' says where"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_=.-]{1,100}")


class Edge:
    """Serves the same routes under ``/api`` and at the root, and lets nothing out that is not an answer of the API."""

    def __init__(self, app: ASGIApp, rooms: Rooms) -> None:
        self._app = app
        self._rooms = rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        path = _without_prefix(scope["path"])
        head = scope["method"] == "HEAD" and not path.endswith(".stream")
        method = "GET" if head else scope["method"]
        inner: Scope = {
            **scope,
            "path": path,
            "raw_path": path.encode(),
            "method": method,
            "silvercup.request_id": request_id,
        }
        outgoing = _Outgoing(send, request_id, head=head)
        if method == "OPTIONS":
            await outgoing({"type": "http.response.start", "status": 204, "headers": [(b"allow", _METHODS)]})
            await outgoing({"type": "http.response.body", "body": b""})
            return
        try:
            self._rooms.open(path)
            await self._app(inner, _Incoming(receive, path), outgoing)
        except Exception as error:  # a bug: every other error has its handler
            if outgoing.started:
                raise
            await unexpected(error, request_id)(inner, receive, outgoing)


class _Incoming:
    """The body, counted. One that is too large is read to its end, so that the client hears why and not that the line broke."""

    def __init__(self, receive: Receive, path: str) -> None:
        self._receive = receive
        self._path = path
        self._size = 0

    async def __call__(self) -> Message:
        while True:
            message = await self._receive()
            if message["type"] == "http.request":
                self._size += len(message.get("body", b""))
            if self._size <= MAX_BODY:
                return message
            if not message.get("more_body") or self._size > _MAX_DRAINED:
                advice = _UPLOAD if _FILES.fullmatch(self._path) else ""
                raise TooLarge(f"The body is {self._size:,} bytes or more; the limit is {MAX_BODY:,}{advice}")


class _Outgoing:
    """The answer, with the request id; without its body when HEAD asked."""

    def __init__(self, send: Send, request_id: str, *, head: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._head = head
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message = {
                **message,
                "headers": [*message.get("headers", []), (b"x-request-id", self._request_id.encode())],
            }
        elif self._head:
            message = {**message, "body": b""}
        await self._send(message)


def _without_prefix(path: str) -> str:
    if path == "/api" or path.startswith("/api/"):
        path = path[4:]
    return path.rstrip("/") or "/"


def _request_id(scope: Scope) -> str:
    event = cast("dict[str, dict[str, str]]", scope.get("aws.event") or {})
    given = (event.get("requestContext") or {}).get("requestId", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid7()
