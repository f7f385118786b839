"""An MCP server on loopback, made with the protocol's official package and served by uvicorn.

with McpHost(stateless=True) as url:
    ...
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from typing import Self

import uvicorn
from mcp.server import MCPServer
from mcp.types import ImageContent, TextContent
from pydantic import BaseModel


class Sum(BaseModel):
    """What ``add`` gives."""

    sum: int


def make() -> MCPServer:
    """A server with tools of every kind of answer."""
    server = MCPServer("numbers", log_level="CRITICAL")

    @server.tool()
    def add(a: int, b: int) -> Sum:
        """Add two numbers."""
        return Sum(sum=a + b)

    @server.tool()
    def picture() -> list[TextContent | ImageContent]:
        """Show something."""
        return [
            TextContent(type="text", text="Here:"),
            ImageContent(type="image", data="aGk=", mime_type="image/png"),
            TextContent(type="text", text="That was it."),
        ]

    @server.tool()
    def fail(why: str) -> str:
        """Fail."""
        raise ValueError(why)

    @server.tool()
    async def sleep(seconds: float) -> str:
        """Take long."""
        await asyncio.sleep(seconds)
        return "awake"

    return server


class McpHost:
    """Serves ``make()``.

    Args:
        json_response: Answer with JSON instead of events.
        stateless: Keep no sessions.
    """

    def __init__(self, *, json_response: bool = False, stateless: bool = False) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        app = make().streamable_http_app(json_response=json_response, stateless_http=stateless)

        async def recording(scope, receive, send):
            if scope["type"] == "http":
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                self.seen.append((scope["method"], headers))
            await app(scope, receive, send)

        self._server = uvicorn.Server(uvicorn.Config(recording, log_config=None, timeout_graceful_shutdown=1))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/mcp"

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        with suppress(OSError):
            self._socket.close()
