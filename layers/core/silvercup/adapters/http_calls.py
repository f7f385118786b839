"""Sends the HTTP requests of tools: to public addresses only, redirects and attempts included.

A host is looked up once for each hop; every address of the answer is checked, and the connection is made to an address that was checked,
so that a second answer of the name server changes nothing. urllib3 then speaks HTTP over that connection and can't open another one.
It was chosen over httpx because it takes a connection that is already there (httpx takes one through a private transport of httpcore),
decompresses within a bound, is there with botocore anyway, and is imported in a third of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from silvercup.adapters.reach import Reach, Unreachable
from silvercup.errors import ToolFailed
from silvercup.tools.outgoing import MAX_REDIRECTS, MAX_REQUEST, METHODS, HttpAnswer, HttpRequest
from silvercup.tools.targets import Target, target_of

if TYPE_CHECKING:
    import ssl

    from silvercup.adapters.http_network import Network

_ATTEMPTS = 3
_PAUSE = 0.5
_LATER = frozenset({408, 429, 503, 504, 524})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent"})
"""The headers that go along to another origin: any other may be a key."""


class HttpCalls:
    """``HttpSender`` over the real network.

    Args:
        allow_loopback: Let requests to loopback through as well, and nothing else.
        network: Looks names up and connects.
        context: For TLS; None: the usual one.
        sleep: Waits between attempts, seconds.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        network: Network | None = None,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reach = Reach(allow_loopback=allow_loopback, network=network)
        self._context = context
        self._sleep = sleep

    def send(self, request: HttpRequest, /) -> HttpAnswer:
        """As ``HttpSender.send``."""
        if request.method not in METHODS:
            raise ToolFailed(f"The method {request.method[:20]!r} is not one of {', '.join(sorted(METHODS))}")
        if request.body is not None and len(request.body) > MAX_REQUEST:
            raise ToolFailed(f"The request's body has {len(request.body):,} bytes; {MAX_REQUEST:,} at most are sent")
        target = target_of(request.url)
        deadline = time.monotonic() + request.seconds
        for attempt in range(1, _ATTEMPTS + 1):
            pause = _PAUSE * attempt
            last = attempt == _ATTEMPTS or not request.may_repeat
            try:
                answer = self._follow(request, target, deadline)
            except Unreachable as error:
                if last or time.monotonic() + pause >= deadline:
                    raise ToolFailed(f"{error}; it may be there later", transient=True) from None
            else:
                pause = max(pause, _retry_after(answer))
                if answer.status not in _LATER or last or time.monotonic() + pause >= deadline:
                    return answer
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _follow(self, request: HttpRequest, target: Target, deadline: float) -> HttpAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once(request, target, deadline)
            if not request.follow_redirects or answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            request, target = _redirected(request, target, answer)
        raise ToolFailed(f"{target.shown}: there are more than {MAX_REDIRECTS} redirects, one after the other")

    def _once(self, request: HttpRequest, target: Target, deadline: float) -> HttpAnswer:
        from silvercup.adapters.http_exchange import Broken, exchange

        connected = self._reach.connect(target.host, target.port, target.shown, deadline, is_address=target.is_address)
        try:
            return exchange(request, target, connected, self._context, deadline)
        except Broken as error:
            raise Unreachable(f"{target.shown} {error}") from None


def _retry_after(answer: HttpAnswer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else 0


def _redirected(request: HttpRequest, target: Target, answer: HttpAnswer) -> tuple[HttpRequest, Target]:
    """The request that a redirect asks for.

    Raises:
        ToolFailed: It leads to where tools don't go, from https to http, or would take a body to another origin.
    """
    location = answer.headers["location"].encode("latin-1", "replace").decode("utf-8", "replace")
    here = f"{target.scheme}://{target.authority}{target.path}"
    try:
        new = target_of(urljoin(here, location))
    except ValueError:
        raise ToolFailed(f"{target.shown} redirects to what is no URL") from None
    except ToolFailed as refused:
        raise ToolFailed(f"{target.shown} redirects: {refused.message}") from None
    if target.scheme == "https" and new.scheme == "http":
        raise ToolFailed(f"{target.shown} redirects to {new.shown}: from https to http is not followed")
    if answer.status == 303 or (answer.status in {301, 302} and request.method == "POST"):
        method = "HEAD" if request.method == "HEAD" else "GET"
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
        request = replace(request, method=method, body=None, headers=headers)
    if new.origin != target.origin:
        if request.body:
            raise ToolFailed(
                f"{target.shown} redirects to {new.shown}: a body is not taken to another origin; call that"
            )
        headers = {name: value for name, value in request.headers.items() if name.lower() in _HARMLESS}
        request = replace(request, headers=headers)
    return request, new
