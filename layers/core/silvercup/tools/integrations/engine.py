"""Runs integrations: checks, fills in and sends what a provider's description says."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from silvercup.errors import ExpressionError, ToolFailed
from silvercup.expressions import compile_value
from silvercup.tools.api_call import json_of
from silvercup.tools.arguments import check_arguments, joined
from silvercup.tools.calls import ToolCall, spec_of
from silvercup.tools.integrations.provider import RequestSpec, check_setup, defaults_of, given, method_of
from silvercup.tools.outgoing import HttpAnswer, HttpRequest, HttpSender, checked_headers
from silvercup.values import JsonObject, dumps

_MOST = 50
_SHOWN = 500


def run_integration(call: ToolCall, sender: HttpSender, urls: Mapping[str, str]) -> Any:
    """Run an integration.

    Args:
        call: The definition's arguments win over the call's.
        sender: Sends.
        urls: Where providers are, by name, when not at their own addresses.

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
        for request in method.requests:
            scope[request.name] = _answers(request, scope, sender, deadline)
        return _filled(method.result, scope)
    except ToolFailed as error:
        raise ToolFailed(f"Error in executing {name}: {error.message}", transient=error.transient) from None
    except ExpressionError:
        raise ToolFailed(f"Error in executing {name}: the answer does not have the shape that it should") from None


def _answers(request: RequestSpec, scope: JsonObject, sender: HttpSender, deadline: float) -> Any:
    """What came back: one answer, or a list where the request is sent for each of several."""
    if "each" not in request.fields:
        return _answer(request, scope, sender, deadline)
    items: list[Any] = _filled(request.fields["each"], scope)
    return [_answer(request, {**scope, "item": item}, sender, deadline) for item in items[:_MOST]]


def _answer(request: RequestSpec, scope: JsonObject, sender: HttpSender, deadline: float) -> JsonObject:
    fields: JsonObject = _filled({key: value for key, value in request.fields.items() if key != "each"}, scope)
    headers = checked_headers(_present(fields.get("headers")), "headers")
    body: bytes | None = None
    if "json" in fields:
        body, headers = dumps(fields["json"]).encode(), {"Content-Type": "application/json", **headers}
    elif "data" in fields:
        body = urlencode(_present(fields["data"])).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    query = urlencode(_present(fields.get("params")), doseq=True)
    answer = sender.send(
        HttpRequest(
            fields["method"],
            f"{fields['url']}?{query}" if query else fields["url"],
            headers,
            body,
            seconds=max(deadline - time.monotonic(), 0.001),
            follow_redirects=True,
            repeatable=request.repeatable,
        )
    )
    if answer.status >= 300:
        transient = answer.status in {408, 429} or answer.status >= 500
        text = answer.body[: _SHOWN * 4].decode("utf-8", "replace")[:_SHOWN]
        raise ToolFailed(f"{answer.shown} answered {answer.status} {answer.reason}: {text}", transient=transient)
    return {"status": answer.status, request.reads: _read(answer, request.reads)}


def _present(pairs: JsonObject | None) -> JsonObject:
    return {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in (pairs or {}).items()
        if value is not None
    }


def _read(answer: HttpAnswer, reads: str) -> Any:
    if reads == "json":
        value = json_of(answer.body)
        if value is None:
            raise ToolFailed(f"{answer.shown} answered with what is not JSON")
        return value
    if reads == "xml":
        from silvercup.tools.integrations.xml import read_xml

        try:
            return read_xml(answer.body)
        except ValueError as error:
            raise ToolFailed(f"{answer.shown} answered with {error}") from None
    return base64.b64encode(answer.body).decode() if reads == "base64" else answer.body.decode("utf-8", "replace")


def _filled(value: Any, scope: JsonObject) -> Any:
    return compile_value(value, frozenset(scope)).evaluate(scope)
