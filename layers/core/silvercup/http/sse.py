"""Server-sent events from a feed that is polled.

The official clients parse every message that a blank line ends as JSON, even one that carries no ``data`` (their decoder keeps the last event
id, so that a comment looks like an event). So comments and ``retry:`` are sent as single lines, and only events end with a blank line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from starlette.responses import Response, StreamingResponse

from silvercup import values
from silvercup.errors import SilvercupError

if TYPE_CHECKING:
    from silvercup.http.services import Event, Feed

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 1.0
KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent."""
_MOST_FAILURES = 5
_LOG = logging.getLogger("silvercup.http")


async def stream(feed: Feed, seconds: float, *, resumed: bool = False) -> Response:
    """The answer that carries a feed.

    Args:
        feed: What to send; it is polled once before the answer starts, so that its errors are still answers of the API.
        seconds: When to close the stream and ask the client to come back.
        resumed: The client has seen the events before. If nothing can follow, the answer is 204, which ends a browser's reconnecting.
    """
    first = await to_thread.run_sync(feed.poll)
    if resumed and feed.done and not first:
        return Response(status_code=204)
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(_lines(feed, first, seconds), media_type="text/event-stream", headers=headers)


async def _lines(feed: Feed, first: Sequence[Event], seconds: float) -> AsyncIterator[bytes]:
    now = time.monotonic()
    end, silent_since = now + seconds, now
    pause, failures = FIRST_PAUSE, 0
    events = first
    while True:
        if events:
            yield b"".join(map(_encoded, events))
            pause, silent_since = FIRST_PAUSE, time.monotonic()
        if feed.done or time.monotonic() >= end:
            break
        if time.monotonic() - silent_since >= KEEP_ALIVE:
            yield b": keep-alive\n"
            silent_since = time.monotonic()
        await anyio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
        try:
            events = await to_thread.run_sync(feed.poll)
            failures = 0
        except SilvercupError as error:
            failures += 1
            _LOG.warning("an event stream could not be polled (%s, %d in a row)", type(error).__name__, failures)
            if failures >= _MOST_FAILURES or not error.retryable:
                break
            events = ()
    yield b"retry: 1000\n"


def _encoded(event: Event) -> bytes:
    name = "" if event.token is None else f"id: {event.token}\n"
    return f"{name}data: {values.dumps(event.data)}\n\n".encode("utf-8", "replace")
