"""The integration ``mcp``: lists and calls the tools of a server that speaks the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from silvercup.errors import ToolFailed
from silvercup.tools.arguments import check_arguments, joined
from silvercup.tools.calls import ToolCall, spec_of
from silvercup.tools.integrations.provider import Method, defaults_of, given, method_of
from silvercup.tools.integrations.setup import check_setup
from silvercup.tools.outgoing import HttpSender, checked_headers
from silvercup.values import JsonObject


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server, and how it is reached.

    Attributes:
        url: Its endpoint, absolute.
        headers: Sent with every request; already checked.
        seconds: How long all that is asked of it may take together.
        sender: Sends every request.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    seconds: float
    sender: HttpSender = field(repr=False)


class McpClient(Protocol):
    """Speaks to MCP servers, by streamable HTTP."""

    def list_tools(self, server: McpServer, /) -> list[JsonObject]:
        """The server's tools: ``{name, description, input_schema}`` each.

        Raises:
            ToolFailed: The server can't be reached, is refused, or does not answer as it should.
        """
        ...

    def call_tool(self, server: McpServer, name: str, arguments: JsonObject, /) -> JsonObject:
        """Call a tool of the server.

        Returns:
            ``{text, structured, content, is_error}``: the texts of the answer, a line break between two; its structured value or None;
            all its parts; whether the tool says that it failed.

        Raises:
            ToolFailed: As of ``list_tools``, or there is no such tool.
        """
        ...


def run_mcp(call: ToolCall, sender: HttpSender, client: McpClient) -> Any:
    """Run a tool of the provider ``mcp``.

    Returns:
        ``{tools: [...]}`` or the called tool's answer, as of ``McpClient``.

    Raises:
        ToolFailed: The setup or an argument is wrong, or the server does not answer as it should.
    """
    provider, method = method_of(spec_of(call.tool))
    setup, fixed = given(call)
    check_setup(provider, setup)
    arguments = _arguments(call, fixed, method)
    check_arguments(method.arguments, arguments, f"mcp.{method.name}")
    headers = checked_headers(setup.get("http_headers") or {}, "setup.http_headers")
    seconds = min(call.seconds, arguments.get("timeout_seconds", call.seconds))
    server = McpServer(setup["http_url"], headers, seconds, sender)
    try:
        if method.name == "list_tools":
            return {"tools": client.list_tools(server)}
        return client.call_tool(server, arguments["tool_name"], arguments["arguments"])
    except ToolFailed as error:
        raise ToolFailed(f"Error in executing mcp.{method.name}: {error.message}", transient=error.transient) from None


def _arguments(call: ToolCall, fixed: JsonObject, method: Method) -> JsonObject:
    arguments = joined({key: value for key, value in call.arguments.items() if value is not None}, fixed)
    return {**defaults_of(method), **arguments}
