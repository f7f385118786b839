"""A chat's answer as server-sent events, as the model gives it.

v1's clients know no event but ``data`` with a JSON object, and no end marker: so comments are single lines, as in ``sse``, and a stream that fails on
its way tells why in a last event and then breaks off, which every client takes for an error. A stream that is whole has a part with a
``finish_reason``, the last one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from silvercup import values
from silvercup.chat import answers
from silvercup.errors import InternalError, SilvercupError
from silvercup.http.sse import KEEP_ALIVE
from silvercup.logs import where
from silvercup.values import JsonObject

FIRST_SECONDS = 10.0
"""How long the answer's status waits for the model's first word; until then an error is an answer of the API with its own status."""
_LOOK = 0.5
"""Seconds between two looks whether the client still waits for the model's first word."""
_LOG = logging.getLogger("silvercup.http")

type _Event = JsonObject | SilvercupError | None


class Streamed(Protocol):
    """What is streamed: a chat, see ``ChatStream``, or what is like one."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def t(self) -> int: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    def run(self, emit: Callable[[JsonObject], None], /) -> None: ...  # noqa: D102


def encoded(event: JsonObject) -> bytes:
    """An event as v1's clients read it: data alone."""
    return f"data: {values.dumps(event)}\n\n".encode("utf-8", "replace")


async def stream_chat(
    chat: Streamed,
    gone: Callable[[], Awaitable[bool]],
    *,
    first_seconds: float = FIRST_SECONDS,
    keep_alive: float = KEEP_ALIVE,
    encode: Callable[[JsonObject], bytes] = encoded,
) -> StreamingResponse:
    """The answer that carries a chat.

    Args:
        chat: What is played, in a thread of its own.
        gone: Says whether the client has gone away, before the answer begins.
        first_seconds: See ``FIRST_SECONDS``.
        keep_alive: Seconds of silence after which a comment is sent.
        encode: Makes the bytes of an event.

    Raises:
        SilvercupError: The model could not begin to answer.
    """
    events: asyncio.Queue[_Event] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(event: _Event) -> None:
        try:
            loop.call_soon_threadsafe(events.put_nowait, event)
        except RuntimeError:  # the server is ending
            chat.close()

    def play() -> None:
        try:
            chat.run(tell)
        except SilvercupError as error:
            tell(error)
        except Exception as error:  # noqa: BLE001
            _LOG.error("a chat failed: %s", where(error))
            tell(InternalError("Internal error; the log has more"))
        else:
            tell(None)

    threading.Thread(target=play, name="chat").start()
    try:
        first = await _first(events, gone, first_seconds)
    except BaseException:
        chat.close()
        raise
    if first is None:
        chat.close()
        first = []
    if first and isinstance(first[0], SilvercupError):
        raise first[0]
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return _Events(chat, events, first, headers, keep_alive, encode)


async def _first(
    events: asyncio.Queue[_Event], gone: Callable[[], Awaitable[bool]], seconds: float
) -> list[_Event] | None:
    """The first event, if it comes in time; None when the client goes away before."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(min(left, _LOOK)):
                return [await events.get()]
        except TimeoutError:
            if await gone():
                return None
    return []


class _Broken(Exception):
    """The stream has failed and said so."""


class _Events(StreamingResponse):
    def __init__(
        self,
        chat: Streamed,
        events: asyncio.Queue[_Event],
        first: list[_Event],
        headers: dict[str, str],
        keep_alive: float,
        encode: Callable[[JsonObject], bytes],
    ) -> None:
        super().__init__(self._lines(first), media_type="text/event-stream", headers=headers)
        self._chat = chat
        self._events = events
        self._keep_alive = keep_alive
        self._encode = encode

    async def _lines(self, first: list[_Event]) -> AsyncIterator[bytes]:
        while True:
            if not first and not await self._next(first):
                yield b": keep-alive\n"
                continue
            event = first.pop()
            if event is None:
                return
            if isinstance(event, SilvercupError):
                yield self._encode(answers.broken(self._chat.id, self._chat.t, event))
                raise _Broken
            yield self._encode(event)

    async def _next(self, into: list[_Event]) -> bool:
        try:
            async with asyncio.timeout(self._keep_alive):
                into.append(await self._events.get())
        except TimeoutError:
            return False
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; however that ends, the chat does. A client that goes away while a part is being sent leaves the generator where it is."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._chat.close()

    async def stream_response(self, send: Send) -> None:
        """Send the events; a broken stream is left without its end, so that the connection is."""
        try:
            await super().stream_response(send)
        except _Broken:
            _LOG.warning("a chat's stream broke off")
