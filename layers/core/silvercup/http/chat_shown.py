"""The shapes of the answers of chats and histories, for the OpenAPI document only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from silvercup.http.shown import DocReference

type Object = dict[str, Any]


class ChatMessage(BaseModel):
    """What was said."""

    role: Literal["user", "assistant", "system", "developer", "tool"]
    content: str | list[Object] | None
    tool_calls: list[Object] | None = None
    tool_call_id: str | None = None


class ChatChoice(BaseModel):
    """An answer."""

    index: int
    message: ChatMessage
    finish_reason: Literal["stop", "length", "content_filter", "tool_calls"]
    tool_calls: list[Object] | None = None


class ChatUsage(BaseModel):
    """Tokens of all calls of the model in a turn."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatAnswer(BaseModel):
    """The answer of a chat; of a streamed one each event has this shape, with a `delta` in place of the `message`."""

    id: str
    created_at: datetime
    jobs: list[str]
    docs: list[DocReference]
    usage: ChatUsage
    choices: list[ChatChoice]


class Rendered(BaseModel):
    """What a chat would send to the model."""

    messages: list[ChatMessage]
    docs: list[DocReference]
    tools: list[Object]
    tool_choice: str | Object | None


class Entry(BaseModel):
    """An entry of a history."""

    id: str
    role: str
    name: str | None
    content: list[Object]
    source: Literal["api_request", "api_response", "tool_request", "tool_response", "summarizer"]
    tokenizer: str
    token_count: int
    model: str
    tool_calls: list[Object] | None
    tool_call_id: str | None
    timestamp: datetime
    created_at: datetime
    finish_reason: str | None = None
    interrupted: bool = False


class Relation(BaseModel):
    """Says that `head` is `summarized_by` `tail`; both are ids of entries."""

    head: str
    relation: Literal["summarized_by"]
    tail: str


class History(BaseModel):
    """A page of a history."""

    entries: list[Entry]
    relations: list[Relation]
    session_id: str
    created_at: datetime
    next_cursor: str | None = None


class EntriesAdded(BaseModel):
    """What was added to a history."""

    entries: list[Entry]
