"""The shape of a response, for the OpenAPI document only."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

type Object = dict[str, Any]


class TokenDetails(BaseModel):
    """Of the tokens that were sent."""

    cached_tokens: int
    cache_write_tokens: int


class OutputTokenDetails(BaseModel):
    """Of the tokens of the answer."""

    reasoning_tokens: int


class ResponseUsage(BaseModel):
    """Tokens of all calls of the model."""

    input_tokens: int
    input_tokens_details: TokenDetails
    output_tokens: int
    output_tokens_details: OutputTokenDetails
    total_tokens: int


class ResponseItem(BaseModel):
    """An item of an output; which further fields there are says its type."""

    id: str
    type: Literal["message", "function_call", "web_search_call"]
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    role: Literal["assistant"] | None = None
    content: list[Object] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    action: Object | None = None


class IncompleteDetails(BaseModel):
    """Why an answer is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class ResponseSession(BaseModel):
    """The session that a response is a turn of."""

    id: str


class ResponseShown(BaseModel):
    """A response, in OpenAI's shape. `conversation` names the session whose history has it."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed", "incomplete", "failed", "in_progress"]
    background: Literal[False]
    error: Object | None
    incomplete_details: IncompleteDetails | None
    model: str
    output: list[ResponseItem]
    usage: ResponseUsage | None
    conversation: ResponseSession | None
    instructions: str | None
    max_output_tokens: int | None
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: Object
    store: bool
    temperature: float
    text: Object
    tool_choice: str | Object
    tools: list[Object]
    top_p: float
    truncation: Literal["auto", "disabled"]
    user: str | None
    metadata: Object
