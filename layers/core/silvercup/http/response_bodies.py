"""The body of a request for a response, in OpenAI's shape."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from silvercup.http.bodies import fields
from silvercup.responses.bodies import request_of
from silvercup.responses.request import ResponseRequest
from silvercup.responses.service import ResponseService

type Object = dict[str, Any]
type Bool = Annotated[bool, Field(strict=True)]


class ResponseWrite(BaseModel):
    """What is asked of a model."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    model: Annotated[str, Field(max_length=255)] | None = None
    input: str | list[Object] | None = Field(
        None, description="A text, or items: messages, calls of functions and their outputs"
    )
    instructions: str | None = Field(None, description="What the model is told; as it is, braces are no template")
    previous_response_id: Annotated[str, Field(max_length=255)] | None = Field(
        None, description="The response that this one goes on from; several may go on from the same"
    )
    tools: list[Object] | None = Field(None, description="Functions, whose calls come back, and web_search_preview")
    tool_choice: str | Object | None = Field(None, description="auto, none, required, or a function by its name")
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(None, description="v1's name of max_output_tokens")
    text: Object | None = Field(
        None, description="The form of the answer, as {format: {type: text, json_object or json_schema}}"
    )
    reasoning: Object | None = Field(None, description="{effort}")
    metadata: Object | None = None
    store: Bool | None = Field(None, description="Whether the response is kept; true when absent")
    stream: Bool | None = None
    truncation: Literal["auto", "disabled"] | None = Field(
        None, description="auto leaves out the oldest of a conversation that is too long; else that is an error"
    )
    parallel_tool_calls: Bool | None = None
    user: Annotated[str, Field(max_length=255)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: Object | None = None
    background: Bool | None = Field(None, description="Not served")
    include: list[str] | None = Field(None, description="Not served")
    conversation: str | Object | None = Field(None, description="Not served")
    prompt: Object | None = Field(None, description="Not served")
    max_tool_calls: int | None = Field(None, description="Not served")
    top_logprobs: int | None = Field(None, description="Not served")
    n: int | None = Field(None, description="Not served but for 1")


def response_request(body: ResponseWrite, request: Request, service: ResponseService, tenant: str) -> ResponseRequest:
    """What a body asks for.

    Raises:
        InvalidRequest: Something in it is not well formed, or is not served; says what.
    """
    given = {name: value for name, value in fields(body).items() if name in body.model_fields_set}
    key = request.headers.get("x-custom-api-key") or None
    return request_of(given, lambda: service.search_key(tenant), api_key=key)
