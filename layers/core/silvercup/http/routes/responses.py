"""``/responses``: OpenAI's Responses API, as far as v1 had it."""

from __future__ import annotations

from anyio import to_thread
from fastapi import Request
from starlette.responses import Response

from silvercup import values
from silvercup.http.answers import answer, warnings_headers
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_body
from silvercup.http.context import Strict, claim, services
from silvercup.http.openapi import json_body, shows
from silvercup.http.response_bodies import ResponseWrite, response_request
from silvercup.http.rooms import new_router
from silvercup.ids import uuid7
from silvercup.values import JsonObject

router = new_router("Responses")
_EVENTS = {
    "description": "The response; with stream: true, server-sent events",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/ResponseShown"}},
        "text/event-stream": {"schema": {"type": "string"}},
    },
}


@router.post("/responses", responses={200: _EVENTS}, openapi_extra=json_body(ResponseWrite))
async def create_response(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Ask a model for a response; it is kept, with what was asked, unless store is false."""
    body = await read_body(request, ResponseWrite, strict=strict)
    service = services(request).responses
    asked = response_request(body.value, request, service, tenant)
    turn_id, again = uuid7(), False
    if asked.store:
        claimed = await claim(request, tenant)
        turn_id, again = claimed.id, claimed.repeated

    if body.value.stream:
        from silvercup.http.chat_stream import stream_chat

        streamed = await to_thread.run_sync(lambda: service.stream(tenant, asked, turn_id, again=again))
        response = await stream_chat(streamed, request.is_disconnected, encode=_encoded)
        response.headers.update(warnings_headers(body.warnings))
        return response
    made = await to_thread.run_sync(lambda: service.create(tenant, asked, turn_id, again=again))
    return answer(made, warnings=body.warnings)


@router.get("/responses/{id}", responses=shows("ResponseShown"))
async def get_response(request: Request, tenant: Tenant, id: str) -> Response:
    """A response that was kept."""
    service = services(request).responses
    return answer(await to_thread.run_sync(service.get, tenant, id))


def _encoded(event: JsonObject) -> bytes:
    return f"event: {event['type']}\ndata: {values.dumps(event)}\n\n".encode("utf-8", "replace")
