"""``api_call`` tools: one HTTP request, put together from the tool's definition and the call's arguments.

The definition's ``headers`` win over the call's; its ``params``, ``json``, ``data``, ``content`` and ``cookies`` are defaults, in objects
key by key. Arguments that are none of v1's (``params``, ``json``, ...) first fill the ``{name}`` places of the URL; the rest is flat: a
query for GET, HEAD, DELETE and OPTIONS, else keys of the JSON body, or of the form where there is one.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from typing import Any, NoReturn, cast
from urllib.parse import parse_qs, quote

from silvercup.errors import ToolFailed
from silvercup.tools.arguments import check_arguments, joined
from silvercup.tools.calls import ToolCall, object_of, spec_of
from silvercup.tools.outgoing import HttpAnswer, HttpRequest, HttpSender, checked_headers
from silvercup.tools.request_fields import (
    PLACE,
    REFUSED,
    cookie_problem,
    encoded,
    method_problem,
    pair_problem,
    text,
    text_problem,
    timeout_problem,
)
from silvercup.tools.targets import target_of
from silvercup.values import JsonObject, dumps, kind_of

_MERGED = ("params", "cookies")
_BODIES = ("json", "data", "content")
_AUTHORS = frozenset({"method", "url", "headers", "cookies", "follow_redirects", "timeout", "include_response_content"})
"""Arguments that change where a request goes and as whom: a model's only where ``params_schema`` has them."""
_RESERVED = _AUTHORS | {*_MERGED, *_BODIES}
_QUERY_METHODS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
_DOTS = re.compile(r"(?:^|[/\\])(?:\.|%2e){1,2}(?=$|[/\\?#])", re.IGNORECASE)
_SHOWN = 500


def run_api_call(call: ToolCall, sender: HttpSender) -> JsonObject:
    """Make the request.

    Returns:
        ``{status_code, headers, json, content}``: names of headers in lower case, ``json`` the body's value, or null where it is not
        JSON, ``content`` in base64 (left out with ``include_response_content: false``). A model, unless the definition says
        ``include_response_content: true``, gets no base64 of what it can read: of JSON nothing more, of a text ``text``.

    Raises:
        ToolFailed: The call is not well formed, the address is refused, nothing came back, or a status of 300 and above did.
    """
    spec = spec_of(call.tool)
    name = str(call.tool.get("name"))
    arguments = _named_as_v1(_allowed(call, spec, name))
    request = _request(name, spec, arguments, call)
    answer = sender.send(request)
    if answer.status >= 300:
        _fail(request, answer)
    return _result(answer, {**spec, **arguments}.get("include_response_content"), by_model=call.by_model)


def _allowed(call: ToolCall, spec: JsonObject, name: str) -> JsonObject:
    """The arguments, those that metadata fixes over the call's, where a model wrote them checked against the schema that it was shown."""
    fixed = object_of(spec, "arguments", f"{name}.api_call")
    arguments = joined(call.arguments, fixed)
    if refused := {key for key in REFUSED if key in arguments or spec.get(key) is not None}:
        raise ToolFailed(f"{name}: {', '.join(sorted(refused))} can't be given in this version")
    if not call.by_model:
        return arguments
    schema = object_of(spec, "params_schema", f"{name}.api_call")
    declared = object_of(schema, "properties", f"{name}.api_call.params_schema")
    shown = {key: value for key, value in arguments.items() if key in call.arguments or key in declared}
    check_arguments(schema, shown, name)
    if wrong := (_AUTHORS & call.arguments.keys()) - declared.keys():
        raise ToolFailed(f"{name}: {', '.join(sorted(wrong))} can't be changed by a call: its params_schema has none")
    return arguments


def _named_as_v1(arguments: JsonObject) -> JsonObject:
    """v1's ``json_`` is ``json``."""
    if "json_" not in arguments:
        return arguments
    rest = {key: value for key, value in arguments.items() if key != "json_"}
    return {"json": arguments["json_"], **rest}


def _request(name: str, spec: JsonObject, arguments: JsonObject, call: ToolCall) -> HttpRequest:
    given: Any = arguments.get("method") or spec.get("method")
    if why := method_problem(given):
        raise ToolFailed(f"{name}: the method {why}")
    method: str = given.upper()
    template = arguments.get("url") or spec.get("url")
    if not isinstance(template, str):
        raise ToolFailed(f"{name}: the url must be a string; it is {kind_of(template)}")
    flat = {key: value for key, value in arguments.items() if key not in _RESERVED}
    url, used = _filled(template, flat, name)
    flat = {key: value for key, value in flat.items() if key not in used}
    own = spec
    if call.by_model and "url" in arguments and _is_elsewhere(url, spec.get("url")):
        withheld = call.with_secrets | {"headers", "cookies", "params"}
        own = {key: value for key, value in spec.items() if key not in withheld}
    params = {**_params(own, name), **_params(arguments, name)}
    if method in _QUERY_METHODS:
        params, flat = {**params, **flat}, {}
    cookies = {**object_of(own, "cookies", name), **object_of(arguments, "cookies", name)}
    headers = _once(
        {
            **({"Cookie": _cookies(cookies, name)} if cookies else {}),
            **checked_headers(object_of(arguments, "headers", name), f"{name}.headers"),
            **checked_headers(object_of(own, "headers", name), f"{name}.headers"),
        }
    )
    body, content_type = _body(name, own, arguments, flat)
    if content_type and not any(known.lower() == "content-type" for known in headers):
        headers["Content-Type"] = content_type
    return HttpRequest(
        method,
        _with_query(url, params),
        headers,
        body,
        seconds=_seconds(name, {**spec, **arguments}.get("timeout"), call.seconds),
        follow_redirects={**spec, **arguments}.get("follow_redirects") is True,
    )


def _filled(template: str, flat: JsonObject, name: str) -> tuple[str, set[str]]:
    """The URL with its places filled, and the arguments that did. A value can't leave its place: it is quoted, and no ``..``."""
    used: set[str] = set()

    def fill(found: re.Match[str]) -> str:
        key = found[1]
        if key not in flat:
            raise ToolFailed(f"{name}: the argument {key!r} is missing; the url needs it")
        used.add(key)
        if why := text_problem(flat[key]):
            raise ToolFailed(f"{name}: the argument {key!r} of the url {why}")
        return quote(text(flat[key]), safe="")

    url = PLACE.sub(fill, template)
    if used and len(_DOTS.findall(url)) > len(_DOTS.findall(PLACE.sub("x", template))):
        raise ToolFailed(f"{name}: an argument of the url may not be a path of dots")
    return url, used


def _is_elsewhere(url: str, defined: Any) -> bool:
    """Whether a call's URL is of another origin than the definition's: then nothing of the definition's that may be a key goes there."""
    try:
        return target_of(url).origin != target_of(str(defined)).origin
    except ToolFailed:
        return True


def _params(holder: JsonObject, name: str) -> JsonObject:
    """The query of a definition or a call; it may be written as a string."""
    given: Any = holder.get("params")
    return parse_qs(given, keep_blank_values=True) if isinstance(given, str) else object_of(holder, "params", name)


def _with_query(url: str, params: JsonObject) -> str:
    query = _encoded(params)
    if not query:
        return url
    address, mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{query}{mark}{fragment}"


def _encoded(pairs: JsonObject) -> str:
    for key, value in pairs.items():
        if why := pair_problem(value):
            raise ToolFailed(f"the query's {key!r} {why}")
    return encoded(pairs)


def _once(headers: dict[str, str]) -> dict[str, str]:
    """Headers whose names differ in more than case; the last of a name wins."""
    last = {name.lower(): name for name in headers}
    return {name: headers[name] for name in last.values()}


def _cookies(cookies: JsonObject, name: str) -> str:
    for key, value in cookies.items():
        if why := cookie_problem(key, value):
            raise ToolFailed(f"{name}: the cookie {key[:40]!r} {why}")
    return "; ".join(f"{key}={text(value)}" for key, value in cookies.items())


def _body(name: str, own: JsonObject, arguments: JsonObject, flat: JsonObject) -> tuple[bytes | None, str]:
    """The body and its type. A call that gives one kind of body does not get the definition's of another kind."""
    chosen = [kind for kind in _BODIES if arguments.get(kind) is not None]
    defined = [kind for kind in _BODIES if own.get(kind) is not None]
    if len(chosen) > 1 or (not chosen and len(defined) > 1):
        raise ToolFailed(f"{name}: there can be one body only: json, data or content")
    kind = (chosen or defined or (["json"] if flat else [None]))[0]
    if kind is None:
        return None, ""
    value: Any = (arguments if kind in chosen else own).get(kind)
    default: Any = own.get(kind)
    if isinstance(value, dict) or (value is None and flat):
        value = _merged(default, flat, value if kind in chosen else None)
    elif flat:
        raise ToolFailed(f"{name}: there is no place for {', '.join(sorted(flat)[:5])}: the {kind} is not an object")
    if kind == "json":
        return _json(value, name), "application/json"
    if kind == "data" and isinstance(value, dict):
        return _encoded(cast("JsonObject", value)).encode(), "application/x-www-form-urlencoded"
    if why := text_problem(value):
        raise ToolFailed(f"{name}: the {kind} {why}")
    return text(value).encode(), ""


def _merged(*objects: Any) -> JsonObject:
    """The objects among some values, the keys of the later ones before those of the earlier ones."""
    merged: JsonObject = {}
    for one in objects:
        merged |= cast("JsonObject", one) if isinstance(one, dict) else {}
    return merged


def _json(value: Any, name: str) -> bytes:
    try:
        return dumps(value).encode("utf-8", "replace")
    except (ValueError, TypeError, RecursionError):
        raise ToolFailed(f"{name}: the json body can't be written as JSON") from None


def _seconds(name: str, timeout: Any, left: float) -> float:
    if timeout is None:
        return left
    if why := timeout_problem(timeout):
        raise ToolFailed(f"{name}: the timeout {why}")
    return min(float(timeout), left)


def _fail(request: HttpRequest, answer: HttpAnswer) -> NoReturn:
    said = f"{request.method} {answer.shown} answered {answer.status} {answer.reason}".rstrip()
    if answer.status < 400:
        where = answer.headers.get("location", "nowhere").partition("?")[0][:200]
        raise ToolFailed(f"{said}: a redirect to {where}; with follow_redirects it is followed")
    transient = answer.status in {408, 429} or answer.status >= 500
    body = answer.body[: _SHOWN * 4].decode("utf-8", "replace")[:_SHOWN]
    later = "; it may work later" if transient else ""
    raise ToolFailed(f"{said}{later}: {body}" if body.strip() else f"{said}{later}", transient=transient)


def _result(answer: HttpAnswer, whole: Any, *, by_model: bool) -> JsonObject:
    """What the call gives; ``whole`` is ``include_response_content``."""
    value = json_of(answer.body)
    result: JsonObject = {"status_code": answer.status, "headers": answer.headers, "json": value}
    readable = by_model and whole is not True
    if whole is False or (readable and value is not None):
        return result
    if readable:
        with suppress(UnicodeDecodeError):
            return result | {"text": answer.body.decode()}
    return result | {"content": base64.b64encode(answer.body).decode()}


def json_of(body: bytes) -> Any:
    """The value of a JSON text; None where it is none, or has numbers that are none."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
