"""Operations on sessions: their fields, chats and histories."""

from __future__ import annotations

from contextvars import ContextVar

from silvercup.errors import ToolFailed
from silvercup.paging import MAX_LIMIT
from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.schemas import LISTING, METADATA, choice, flag, number, obj, text, uuid
from silvercup.values import JsonObject

_MAX_DEPTH = 3
_depth: ContextVar[int] = ContextVar("chats_within_chats", default=0)
_ID: JsonObject = {"session_id": uuid("The session's id")}
_IDS: JsonObject = {"type": "array", "items": {"type": "string", "format": "uuid"}}
FIELDS: JsonObject = {
    "situation": text("What the session is about"),
    "system_template": text("The Jinja2 template that starts it, instead of the agent's"),
    "render_templates": flag("Whether new messages are templates"),
    "token_budget": number("Tokens of a prompt at most", 1, 10**9, whole=True),
    "context_overflow": choice("What becomes of a history that is too long", "truncate", "adaptive"),
    "auto_run_tools": flag("Whether tools are run"),
    "forward_tool_calls": flag("Whether calls of tools are given to the caller"),
    "recall_options": obj("How docs are found for it"),
    "metadata": METADATA,
}
_PARTICIPANTS: JsonObject = {
    "agent": uuid("The agent of the session"),
    "agents": {**_IDS, "description": "Its agents, where there are several"},
    "user": uuid("Its user"),
    "users": {**_IDS, "description": "Its users, where there are several"},
}
_CHAT: JsonObject = {
    "messages": {
        "type": "array",
        "items": {"type": "object"},
        "minItems": 1,
        "description": "New messages, each {role, content}",
    },
}

_PAGE: JsonObject = {
    "offset": LISTING["offset"],
    "limit": number("How many entries at most; all when absent", 1, MAX_LIMIT, whole=True),
    "direction": choice("asc: the oldest first, as when absent", "asc", "desc"),
}


def _create(request: Request) -> JsonObject:
    if "session_id" in request.arguments:
        return _create_or_update(request)
    made = request.services.sessions.create
    return made(request.tenant, request.arguments, session_id=request.made_id, repeated=request.repeated)


def _create_or_update(request: Request) -> JsonObject:
    session, fields = request.arguments["session_id"], request.fields("session_id")
    return request.services.sessions.create_or_update(request.tenant, session, fields)


def _list(request: Request) -> list[JsonObject]:
    agent, user = request.arguments.get("agent"), request.arguments.get("user")
    return request.services.sessions.list(request.tenant, request.page(), agent=agent, user=user).items


def _get(request: Request) -> JsonObject:
    return request.services.sessions.get(request.tenant, request.arguments["session_id"])


def _replace(request: Request) -> JsonObject:
    session, fields = request.arguments["session_id"], request.fields("session_id")
    return request.services.sessions.replace(request.tenant, session, fields)


def _patch(request: Request) -> JsonObject:
    session, fields = request.arguments["session_id"], request.fields("session_id")
    return request.services.sessions.update(request.tenant, session, fields)


def _delete(request: Request) -> JsonObject:
    return request.services.sessions.delete(request.tenant, request.arguments["session_id"])


def _chat(request: Request) -> JsonObject:
    """Chat in another session; sessions that chat with each other come to an end."""
    session = request.arguments["session_id"]
    if session == request.call.session_id:
        raise ToolFailed("session.chat: a session can't chat with itself; take another session")
    depth = _depth.get()
    if depth >= _MAX_DEPTH:
        raise ToolFailed(f"session.chat: chats called from chats go {_MAX_DEPTH} deep at most")
    marked = _depth.set(depth + 1)
    try:
        return request.services.tool_chats.chat(request.tenant, session, request.fields("session_id"))
    finally:
        _depth.reset(marked)


def _history(request: Request) -> JsonObject:
    arguments = request.arguments
    return request.services.tool_chats.history(
        request.tenant,
        arguments["session_id"],
        limit=arguments.get("limit"),
        offset=arguments.get("offset", 0),
        newest_first=arguments.get("direction") == "desc",
    )


OPERATIONS = {
    "session.list": Operation(
        "List sessions",
        _list,
        {"agent": uuid("Only those of this agent"), "user": uuid("Only those of this user"), **LISTING},
    ),
    "session.get": Operation("Get a session", _get, _ID, ("session_id",)),
    "session.create": Operation(
        "Create a session",
        _create,
        {"session_id": uuid("An id of your choice"), **_PARTICIPANTS, **FIELDS},
    ),
    "session.create_or_update": Operation(
        "Create a session under an id, or write it anew",
        _create_or_update,
        {**_ID, **_PARTICIPANTS, **FIELDS},
        ("session_id",),
    ),
    "session.update": Operation(
        "Write a session anew: what is absent gets its default, but agents and users stay",
        _replace,
        {**_ID, **_PARTICIPANTS, **FIELDS},
        ("session_id",),
    ),
    "session.patch": Operation(
        "Change what is given of a session", _patch, {**_ID, **_PARTICIPANTS, **FIELDS}, ("session_id",)
    ),
    "session.delete": Operation("Delete a session with its history", _delete, _ID, ("session_id",)),
    "session.chat": Operation(
        "Send messages to a session and get its answer; other keys are those of a chat request",
        _chat,
        _ID | _CHAT,
        ("session_id", "messages"),
        others=True,
    ),
    "session.history": Operation("Get a session's history", _history, _ID | _PAGE, ("session_id",)),
}
