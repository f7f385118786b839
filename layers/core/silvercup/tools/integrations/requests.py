"""Requests of integrations: filled in as they are described, sent, and read; where one is asked again until something is done, too."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

from silvercup.errors import ToolFailed
from silvercup.expressions import compile_value
from silvercup.tools.api_call import json_of
from silvercup.tools.integrations.provider import RequestSpec
from silvercup.tools.outgoing import HttpAnswer, HttpRequest, HttpSender, checked_headers
from silvercup.values import JsonObject, dumps

_MOST = 50
_SHOWN = 500
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0


def answers(request: RequestSpec, scope: Mapping[str, Any], sender: HttpSender, deadline: float) -> Any:
    """Send what a request describes.

    Args:
        request: The description.
        scope: The values that its fields name.
        sender: Sends.
        deadline: ``time.monotonic()`` at which all of it must be done.

    Returns:
        What came back, ``{status, json | text | xml | base64}``; a list of those where the request is sent for ``each`` of several.

    Raises:
        ToolFailed: It can't be sent, or the answer is not what it should be.
        ExpressionError: A field can't be filled in.
    """
    if "each" not in request.fields:
        return _settled(request, scope, sender, deadline)
    items: list[Any] = filled(request.fields["each"], scope)
    return [_settled(request, {**scope, "item": item}, sender, deadline) for item in items[:_MOST]]


def filled(value: Any, scope: Mapping[str, Any]) -> Any:
    """A description's value with its expressions evaluated."""
    return compile_value(value, frozenset(scope)).evaluate(scope)


def _settled(request: RequestSpec, scope: Mapping[str, Any], sender: HttpSender, deadline: float) -> JsonObject:
    """The answer; with ``until`` the first for which that holds."""
    pause = _FIRST_PAUSE
    while True:
        answer = _answer(request, scope, sender, deadline)
        seen = {**scope, "answer": answer}
        if request.until is None or filled(request.until, seen):
            why = filled(request.fails, seen) if request.fails else None
            if why:
                raise ToolFailed(str(why))
            return answer
        if time.monotonic() + pause >= deadline:
            raise ToolFailed(f"what was asked for was not done in time ({request.name})")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _answer(request: RequestSpec, scope: Mapping[str, Any], sender: HttpSender, deadline: float) -> JsonObject:
    fields: JsonObject = filled({key: value for key, value in request.fields.items() if key != "each"}, scope)
    body, content_type = _body(fields)
    given = checked_headers(_present(fields.get("headers")), "headers")
    headers = {"Content-Type": content_type, **given} if content_type else given
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
    if answer.status >= 300 and answer.status not in request.accepts:
        transient = answer.status in {408, 429} or answer.status >= 500
        text = answer.body[: _SHOWN * 4].decode("utf-8", "replace")[:_SHOWN]
        raise ToolFailed(f"{answer.shown} answered {answer.status} {answer.reason}: {text}", transient=transient)
    if request.reads == "any":
        text = answer.body.decode("utf-8", "replace")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return {"status": answer.status, "type": kind, "json": json_of(answer.body), "text": text}
    return {"status": answer.status, request.reads: _read(answer, request.reads)}


def _body(fields: JsonObject) -> tuple[bytes | None, str]:
    if "json" in fields:
        return dumps(fields["json"]).encode(), "application/json"
    if "data" in fields:
        return urlencode(_present(fields["data"])).encode(), "application/x-www-form-urlencoded"
    if "form" in fields:
        from silvercup.tools.integrations.multipart import multipart

        return multipart(fields["form"])
    return None, ""


def _present(pairs: Any) -> JsonObject:
    given = cast("JsonObject", pairs or {})
    return {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in given.items()
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
