"""Runs tools, whatever their type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from silvercup.errors import ToolFailed
from silvercup.tool_types import RUN_HERE
from silvercup.tools.calls import SecretValues, ToolCall, spec_of
from silvercup.tools.mail import MailSender
from silvercup.tools.outgoing import HttpSender
from silvercup.tools.secrets import run_with_secrets
from silvercup.tools.system.services import Services

if TYPE_CHECKING:
    from silvercup.tools.integrations.mcp import McpClient


def _no_mail() -> NoReturn:
    raise ToolFailed("No mail is sent from here")


class ToolRunner:
    """Runs ``system``, ``integration`` and ``api_call`` tools; what a type needs is imported with its first call.

    Args:
        services: What is behind the API.
        sender: Gives what sends requests, when one has to be sent.
        urls: Where integrations' providers are, by name, when not at their own addresses.
        secrets: Gives the secrets that definitions name.
        mcp: Gives what speaks to MCP servers, when one has to be spoken to.
        mail: Gives what sends mail, when some has to be sent.
    """

    def __init__(
        self,
        services: Services,
        sender: Callable[[], HttpSender],
        urls: Mapping[str, str],
        secrets: Callable[[], SecretValues],
        mcp: Callable[[], McpClient],
        mail: Callable[[], MailSender] = _no_mail,
    ) -> None:
        self._services = services
        self._sender = sender
        self._urls = urls
        self._secrets = secrets
        self._mail = mail
        self._mcp = mcp

    def run(self, call: ToolCall) -> Any:
        """Run a tool.

        Returns:
            Its result, a JSON value.

        Raises:
            ToolFailed: The call was refused, or the tool failed; the message is for whoever made the call, a model as well.
            TransientError: A part of ours was throttled or slow: the same call may work later.
        """
        match call.tool.get("type"):
            case "system":
                from silvercup.tools.system.run import run_system

                return run_system(call, self._services)
            case "api_call":
                from silvercup.tools.api_call import run_api_call

                return run_with_secrets(call, self._sender, self._secrets, run_api_call)
            case "integration" if spec_of(call.tool).get("provider") == "mcp":
                from silvercup.tools.integrations.mcp import run_mcp

                return run_with_secrets(
                    call, self._sender, self._secrets, lambda one, sender: run_mcp(one, sender, self._mcp())
                )
            case "integration":
                from silvercup.tools.integrations.engine import run_integration

                return run_with_secrets(
                    call,
                    self._sender,
                    self._secrets,
                    lambda one, sender: run_integration(one, sender, self._urls, self._mail),
                )
            case kind:
                here = ", ".join(sorted(RUN_HERE))
                raise ToolFailed(f"A tool of type {kind!r} is run by the caller; here run {here}")
