"""``/sessions/{id}/chat`` and ``/render``."""

from __future__ import annotations

from anyio import to_thread
from fastapi import Request
from starlette.responses import Response

from silvercup.http.answers import answer, warnings_headers
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_body
from silvercup.http.chat_bodies import ChatWrite, chat_request
from silvercup.http.context import Once, Strict, existing_id, once, services
from silvercup.http.openapi import json_body, shows
from silvercup.http.rooms import new_router
from silvercup.ids import uuid7

router = new_router("Sessions")
_EVENTS = {
    "description": "The answer; with stream: true, server-sent events",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/ChatAnswer"}},
        "text/event-stream": {"schema": {"type": "string"}},
    },
}


@router.post("/sessions/{id}/chat", status_code=201, responses={201: _EVENTS}, openapi_extra=json_body(ChatWrite))
async def chat(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Say something to an agent of a session, and have its answer; both are kept, unless save is false."""
    session_id = existing_id("Session", id)
    body = await read_body(request, ChatWrite, strict=strict)
    asked = chat_request(body.value, request, await once(request, tenant))
    chats = services(request).chat
    if body.value.stream:
        from silvercup.http.chat_stream import stream_chat

        streamed = await to_thread.run_sync(chats.stream, tenant, session_id, asked)
        response = await stream_chat(streamed, request.is_disconnected)
        response.headers.update(warnings_headers(body.warnings))
        return response
    said = await to_thread.run_sync(chats.chat, tenant, session_id, asked)
    return answer(said, 201, warnings=body.warnings)


@router.post("/sessions/{id}/render", responses=shows("Rendered"), openapi_extra=json_body(ChatWrite))
async def render(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Exactly what a chat would send to the model, without sending it."""
    session_id = existing_id("Session", id)
    body = await read_body(request, ChatWrite, strict=strict)
    asked = chat_request(body.value, request, Once(uuid7(), "", again=False, since=0))
    rendered = await to_thread.run_sync(services(request).chat.render, tenant, session_id, asked)
    return answer(rendered, warnings=body.warnings)
