"""REST through API Gateway: an event in, one request to the app, an answer out."""

from __future__ import annotations

import asyncio
import atexit
from typing import Any

from mangum import Mangum

from silvercup import container
from silvercup.http.app import create_app

STREAM_SECONDS = 20.0
"""API Gateway gives this function 29 seconds and holds its answer back until it is whole; streams belong to ``functions/stream``."""

_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
atexit.register(_loop.close)
_mangum = Mangum(create_app(container.current, stream_seconds=STREAM_SECONDS), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an API Gateway event (REST or HTTP API)."""
    asyncio.set_event_loop(_loop)
    return _mangum(event, context)
