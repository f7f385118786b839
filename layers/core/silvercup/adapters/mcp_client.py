"""Speaks to MCP servers with the protocol's official package, whose every request goes through our own sender.

``import mcp`` takes over a second (it brings its server along), so it happens at the first call, never at import.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from silvercup.errors import ToolFailed
from silvercup.tools.integrations.mcp import McpServer
from silvercup.tools.outgoing import MAX_ANSWER
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

_PAGES = 50
_SHOWN = 500


class PackageMcpClient:
    """An ``McpClient`` over the package ``mcp``: one session for each call, with the protocol's newest version that the server knows.

    Must not be called in a thread that has a running event loop.
    """

    def list_tools(self, server: McpServer, /) -> list[JsonObject]:
        """As ``McpClient.list_tools``."""
        return _run(server, _list)

    def call_tool(self, server: McpServer, name: str, arguments: JsonObject, /) -> JsonObject:
        """As ``McpClient.call_tool``."""

        async def ask(client: Client) -> JsonObject:
            return _said(await client.call_tool(name, arguments))

        return _run(server, ask)


def _run[T](server: McpServer, ask: Callable[[Client], Awaitable[T]]) -> T:
    import anyio

    for name in ("mcp", "client"):  # what goes wrong is raised; its log would quote the server's answers
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return anyio.run(_session, server, ask)


async def _session[T](server: McpServer, ask: Callable[[Client], Awaitable[T]]) -> T:
    """Open a session, ask, and close it.

    Raises:
        ToolFailed: Whatever went wrong.
    """
    import anyio
    import httpx2
    from mcp import Client, Implementation
    from mcp.client.streamable_http import streamable_http_client

    from silvercup.adapters.mcp_transport import NOWHERE, SenderTransport

    transport = SenderTransport(server, time.monotonic() + server.seconds)
    answers: list[T] = []
    try:
        with anyio.fail_after(server.seconds):
            async with httpx2.AsyncClient(transport=transport, timeout=None) as http:
                streams = streamable_http_client(NOWHERE, http_client=http, max_sse_event_size=MAX_ANSWER)
                us = Implementation(name="silvercup", version="1")
                async with Client(streams, client_info=us, cache=None) as client:
                    answers.append(await ask(client))
    except Exception as error:  # noqa: BLE001  groups of anything, of which the sender's own failure says most
        if not answers:
            raise _failed(error, transport) from None
    return answers[0]


def _failed(error: Exception, transport: Any) -> ToolFailed:
    from mcp import MCPError

    failure: ToolFailed | None = transport.failure
    if failure is not None:
        return failure
    leaves = [*_leaves(error)]
    if any(isinstance(leaf, TimeoutError) for leaf in leaves):
        return ToolFailed("The MCP server did not answer in time; it may later", transient=True)
    status, reason = transport.status
    if status >= 400:
        transient = status in {408, 429} or status >= 500
        return ToolFailed(f"The MCP server answered {status} {reason}: {_text(leaves)}", transient=transient)
    if any(isinstance(leaf, MCPError) for leaf in leaves):
        return ToolFailed(f"The MCP server answered with an error: {_text(leaves)}")
    return ToolFailed(f"The MCP server does not answer as the protocol asks: {_text(leaves)}")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _text(leaves: list[BaseException]) -> str:
    return "; ".join(str(leaf) or type(leaf).__name__ for leaf in leaves)[:_SHOWN]


async def _list(client: Client) -> list[JsonObject]:
    tools: list[JsonObject] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools.extend(
            {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
            for tool in page.tools
        )
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _said(result: CallToolResult) -> JsonObject:
    content: list[JsonObject] = [
        part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in result.content
    ]
    texts = [part["text"] for part in content if part.get("type") == "text"]
    return {
        "text": "\n".join(texts) if texts else None,
        "structured": result.structured_content,
        "content": content,
        "is_error": result.is_error or False,
    }
