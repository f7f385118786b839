"""Errors to HTTP, once: every answer that is not a success is made here, in v1's shape ``{"error": {message, code, type, details?}}``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from silvercup.errors import ConditionFailed, Conflict, SilvercupError, TransientError
from silvercup.http.answers import JsonAnswer
from silvercup.logs import where
from silvercup.values import JsonObject

_LOG = logging.getLogger("silvercup.http")
_SHOWN = 200
_HINTS = {
    "missing": "Add this required field to your request",
    "extra_forbidden": "Remove this field, or send the request without strict=true",
    "string_type": "Send text in double quotes",
    "dict_type": 'Send an object, such as {"key": "value"}',
    "int_parsing": "Send a whole number",
    "bool_parsing": "Send true or false",
}


def install(app: FastAPI) -> None:
    """Make the app answer every error in one shape."""
    app.add_exception_handler(SilvercupError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_shape)
    app.add_exception_handler(HTTPException, _on_http)


def unexpected(error: BaseException, request_id: str) -> JsonAnswer:
    """The answer to a bug. The log gets the kind of error and where it came from, but no message: it may hold a caller's data."""
    _LOG.error("request %s failed: %s", request_id, where(error))
    message = f"Internal error; the log has more under the request id {request_id}"
    return _problem(500, message, "internal_error", "InternalError", details=None, extra={"request_id": request_id})


def _on_ours(request: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, SilvercupError)
    if error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return unexpected(error, request.scope.get("silvercup.request_id", "unknown"))
    message = error.message
    headers: dict[str, str] = {}
    if isinstance(error, ConditionFailed):
        message = "Somebody changed the same thing at the same time; try again"
        headers["x-should-retry"] = "true"
    elif isinstance(error, Conflict):
        headers["x-should-retry"] = "true" if error.should_retry else "false"
    elif isinstance(error, TransientError):
        headers["retry-after"] = "1"
    elif error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    details = [problem.as_dict() for problem in error.details] or None
    return _problem(error.http_status, message, error.code, type(error).__name__, details=details, headers=headers)


def _on_shape(request: Request, error: Exception) -> JsonAnswer:
    del request
    assert isinstance(error, RequestValidationError)
    details = [_detail(found) for found in error.errors()]
    first = details[0] if details else {"loc": "", "msg": "the request does not have the right shape"}
    where = f"{first['loc']}: " if first["loc"] else ""
    more = f" (and {len(details) - 1} more, see details)" if len(details) > 1 else ""
    message = f"Validation error: {where}{first['msg']}{more}"
    return _problem(422, message, "validation_error", "RequestValidationError", details=details)


def _on_http(request: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = f"There is no route {request.method} {request.url.path}"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        message = f"{request.method} is not allowed on {request.url.path}; allowed: {allowed}"
    return _problem(error.status_code, message, f"http_{error.status_code}", "http_error", headers=error.headers)


def _detail(found: Mapping[str, Any]) -> JsonObject:
    kind = str(found["type"])
    detail: JsonObject = {"type": kind, "msg": str(found["msg"]), "loc": dotted(found["loc"])}
    if kind != "missing" and "input" in found:
        received = found["input"] if isinstance(found["input"], str) else repr(found["input"])
        detail["received"] = received if len(received) <= _SHOWN else f"{received[:_SHOWN]}..."
    if kind in _HINTS:
        detail["fix"] = _HINTS[kind]
    return detail


def dotted(loc: Sequence[str | int]) -> str:
    """A pydantic location as v1 shows it: without ``body``, indices in brackets (``main[0].evaluate``)."""
    text = ""
    for part in loc[1:] if loc and loc[0] == "body" else loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def _problem(
    status: int,
    message: str,
    code: str,
    kind: str,
    *,
    details: Sequence[JsonObject] | None = None,
    headers: Mapping[str, str] | None = None,
    extra: JsonObject | None = None,
) -> JsonAnswer:
    error: JsonObject = {"message": message, "code": code, "type": kind, **(extra or {})}
    if details:
        error["details"] = list(details)
    return JsonAnswer({"error": error}, status, dict(headers or {}))
