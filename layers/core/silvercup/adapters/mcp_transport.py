"""An httpx2 transport that sends what the package ``mcp`` sends through an ``HttpSender``, to one MCP server.

So the addresses are checked and pinned, redirects, sizes and times bounded, and secrets taken out, as for every other tool. An answer is
read whole before the package sees it: a server that streams its answer as events has to close the stream after the answer, as the
protocol asks.
"""

from __future__ import annotations

import json
import time
from typing import Any, cast

import anyio.to_thread
import httpx2

from silvercup.errors import ToolFailed
from silvercup.tools.integrations.mcp import McpServer
from silvercup.tools.outgoing import HttpAnswer, HttpRequest, checked_headers

NOWHERE = "http://mcp.invalid/"
"""The address that the package is given: only the transport knows the server's, which may hold what is secret."""

_REPEATABLE = frozenset({"server/discover", "initialize", "tools/list"})
_SENT = frozenset({"accept", "cache-control", "content-type", "last-event-id"})
_READ = ("content-type", "mcp-session-id")


class SenderTransport(httpx2.AsyncBaseTransport):
    """Sends to a server.

    Args:
        server: Which, and through what.
        deadline: By ``time.monotonic``, for all requests together.

    Attributes:
        failure: Why a request could not be sent or answered; after it none is sent any more.
        status: Status and reason of the last message's answer.
    """

    def __init__(self, server: McpServer, deadline: float) -> None:
        self._server = server
        self._deadline = deadline
        self.failure: ToolFailed | None = None
        self.status = (0, "")

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """As httpx2 asks.

        Raises:
            httpx2.TransportError: See ``failure``.
        """
        if request.method == "GET" and "last-event-id" not in request.headers:
            return httpx2.Response(405)  # events of the server's own: nobody waits for them
        if self.failure is not None:
            raise httpx2.TransportError(self.failure.message)
        body = await request.aread()
        try:
            sent = self._sent(request, body)
            answer = await anyio.to_thread.run_sync(self._server.sender.send, sent, abandon_on_cancel=True)
        except ToolFailed as error:
            self.failure = error
            raise httpx2.TransportError(error.message) from None
        if request.method == "POST":
            self.status = (answer.status, answer.reason)
        return _response(answer)

    def _sent(self, request: httpx2.Request, body: bytes) -> HttpRequest:
        own = {name: value for name, value in request.headers.items() if name in _SENT or name.startswith("mcp-")}
        given = {name: value for name, value in self._server.headers.items() if name.lower() not in own}
        return HttpRequest(
            request.method,
            self._server.url,
            checked_headers({**given, **own}, "headers"),
            body or None,
            seconds=max(self._deadline - time.monotonic(), 0.001),
            follow_redirects=True,
            repeatable=_method(body) in _REPEATABLE,
        )


def _response(answer: HttpAnswer) -> httpx2.Response:
    headers = {name: answer.headers[name] for name in _READ if name in answer.headers}
    return httpx2.Response(answer.status, headers=headers, content=answer.body)


def _method(body: bytes) -> str | None:
    try:
        message: Any = json.loads(body)
    except ValueError:
        return None
    return cast("dict[str, Any]", message).get("method") if isinstance(message, dict) else None
