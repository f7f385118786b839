"""REST through API Gateway: an event in, one request to the app, an answer out."""

from __future__ import annotations

import asyncio
import atexit
import json
from typing import Any

from mangum import Mangum

from silvercup import container
from silvercup.http.app import create_app

STREAM_SECONDS = 20.0
"""API Gateway gives this function 29 seconds and holds its answer back until it is whole; streams belong to ``functions/stream``."""

MAX_ANSWER = 6_000_000
"""Bytes of a whole answer, as JSON, that Lambda hands on. What may be larger belongs to ``functions/stream``."""
_CAN_GROW = 6
"""How many bytes a character of the body takes at most in the JSON around it."""

_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
atexit.register(_loop.close)
_mangum = Mangum(create_app(container.current, stream_seconds=STREAM_SECONDS), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an API Gateway event (REST or HTTP API).

    Returns:
        The answer; one that Lambda would not hand on is replaced by a 413 that says what to do.
    """
    asyncio.set_event_loop(_loop)
    answer = _mangum(event, context)
    if (
        len(answer["body"]) * _CAN_GROW > MAX_ANSWER
        and len(json.dumps(answer, ensure_ascii=False).encode(errors="replace")) > MAX_ANSWER
    ):
        return _too_large(event, answer)
    return answer


def _too_large(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    size = f"The answer is {len(answer['body'].encode()):,} bytes; this route can send {MAX_ANSWER:,}"
    advice = (
        "ask for fewer items with limit and go on with offset or cursor"
        if event.get("httpMethod") in {"GET", "HEAD"}
        else "the request was carried out; read what it made in parts"
    )
    body = json.dumps({"error": {"message": f"{size}: {advice}", "code": "too_large", "type": "TooLarge"}})
    shown = {"statusCode": 413, "body": body, "isBase64Encoded": False}
    length = {"content-length": str(len(body)), "content-type": "application/json"}
    if "multiValueHeaders" in answer:
        shown["multiValueHeaders"] = answer["multiValueHeaders"] | {name: [value] for name, value in length.items()}
    return {**answer, **shown, "headers": answer.get("headers", {}) | length}
