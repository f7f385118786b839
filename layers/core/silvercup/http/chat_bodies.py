"""The bodies of chats: what is asked of a model, in v1's shape, and what is added to a history."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from silvercup.chat.bodies import messages_of, request_of
from silvercup.chat.request import ChatRequest
from silvercup.http.bodies import fields
from silvercup.http.context import Once
from silvercup.values import JsonObject

Role = Literal["user", "assistant", "system", "developer", "tool"]
type Object = dict[str, Any]


class Message(BaseModel):
    """A message: a text, or parts (texts and images); of the role ``tool`` the result of a call."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    role: Role
    content: str | list[str | Object] | None = None
    name: Annotated[str, Field(max_length=255)] | None = None
    tool_call_id: Annotated[str, Field(max_length=255)] | None = None
    tool_calls: list[Object] | None = None


class ResponseFormat(BaseModel):
    """What the answer's text is: free, any JSON object, or one that a schema describes."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    type: Literal["text", "json_object", "json_schema"]
    json_schema: Object | None = None


class ChatWrite(BaseModel):
    """One chat: what is new, and how it shall be answered."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    messages: Annotated[list[Message], Field(min_length=1, max_length=1_000)]
    agent: str | None = Field(None, description="Which of the session's agents answers; the first when absent")
    tools: list[Object] | None = Field(None, description="Tools for this call; a name that the agent has is not taken")
    tool_choice: str | Object | None = Field(None, description="auto, none, required, or a function by its name")
    recall: Annotated[bool, Field(strict=True)] = True
    save: Annotated[bool, Field(strict=True)] = True
    recall_tools: Annotated[bool, Field(strict=True)] = True
    auto_run_tools: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="As the session says when absent"
    )
    stream: Annotated[bool, Field(strict=True)] = False
    remember: Annotated[bool, Field(strict=True)] | None = Field(None, description="v1 never did anything with it")
    metadata: Object | None = Field(None, description="What templates see as metadata")
    model: Annotated[str, Field(max_length=255)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(strict=True, ge=-1)] | None = None
    max_tokens: Annotated[int, Field(strict=True, ge=1)] | None = None
    logit_bias: Object | None = None
    response_format: ResponseFormat | None = None
    repetition_penalty: Annotated[float, Field(strict=True, ge=0, le=2)] | None = None
    length_penalty: Annotated[float, Field(strict=True, ge=0, le=2)] | None = None
    min_p: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None
    temperature: Annotated[float, Field(strict=True, ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    parallel_tool_calls: Annotated[bool, Field(strict=True)] | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None


class HistoryWrite(BaseModel):
    """What is added to a history, as one turn."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    entries: Annotated[list[Message], Field(min_length=1, max_length=1_000)]


def chat_request(body: ChatWrite, request: Request, once: Once) -> ChatRequest:
    """What a body asks for.

    Raises:
        InvalidRequest: A message or a tool is not well formed; says which.
    """
    given = {name: _plain(value) for name, value in fields(body).items() if name in body.model_fields_set}
    asked = request_of(given, id_=once.id)
    key = request.headers.get("x-custom-api-key") or None
    return replace(asked, api_key=key, once=once.name, again=once.again, since=once.since)


def entries_of(body: HistoryWrite) -> list[JsonObject]:
    """The messages of a body.

    Raises:
        InvalidRequest: One is not well formed; says which.
    """
    return messages_of(_plain(body.entries), "entries")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value
