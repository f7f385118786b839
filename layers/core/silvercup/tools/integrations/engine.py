"""Runs integrations: checks, fills in and sends what a provider's description says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from silvercup.errors import ExpressionError, ToolFailed
from silvercup.tools.arguments import check_arguments, joined
from silvercup.tools.calls import ToolCall, spec_of
from silvercup.tools.integrations.provider import defaults_of, given, method_of
from silvercup.tools.integrations.requests import answers, filled
from silvercup.tools.integrations.setup import check_setup
from silvercup.tools.mail import MailSender
from silvercup.tools.outgoing import HttpSender
from silvercup.values import JsonObject


def run_integration(call: ToolCall, sender: HttpSender, urls: Mapping[str, str], mail: Callable[[], MailSender]) -> Any:
    """Run an integration.

    Args:
        call: The definition's arguments win over the call's.
        sender: Sends.
        urls: Where providers are, by name, when not at their own addresses.
        mail: Gives what sends mail, when some has to be sent.

    Returns:
        The method's result, as in v1.

    Raises:
        ToolFailed: There is no such provider or method, the setup or an argument is wrong, or the provider does not answer as it should.
    """
    provider, method = method_of(spec_of(call.tool))
    name = f"{provider.name}.{method.name}"
    setup, fixed = given(call)
    check_setup(provider, setup)
    arguments = joined({key: value for key, value in call.arguments.items() if value is not None}, fixed)
    arguments = {**defaults_of(method), **arguments}
    check_arguments(method.arguments, arguments, name)
    there = dict.fromkeys(provider.urls, urls[provider.name]) if provider.name in urls else provider.urls
    scope: JsonObject = {"setup": setup, "arguments": arguments, "urls": there}
    deadline = time.monotonic() + call.seconds
    try:
        if method.makes:
            scope["made"] = _code(method.makes)(setup, arguments, there)
        if method.runs:
            _code(method.runs)(setup, arguments, mail(), call.seconds)
        for request in method.requests:
            scope[request.name] = answers(request, scope, sender, deadline)
        return filled(method.result, scope)
    except ToolFailed as error:
        raise ToolFailed(f"Error in executing {name}: {error.message}", transient=error.transient) from None
    except ExpressionError:
        raise ToolFailed(f"Error in executing {name}: the answer does not have the shape that it should") from None


def _code(name: str) -> Callable[..., Any]:
    """A function of a module beside this one, named ``module.function``."""
    module, _, function = name.partition(".")
    return getattr(import_module(f"silvercup.tools.integrations.{module}"), function)
