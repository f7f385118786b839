"""The bodies of chats: what is asked of a model, in v1's shape, and what is added to a history."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from silvercup.chat.request import ChatRequest, wrong
from silvercup.http.context import Once
from silvercup.values import JsonObject

Role = Literal["user", "assistant", "system", "developer", "tool"]
type Object = dict[str, Any]
_PARTS = frozenset({"text", "image_url", "image", "tool_result"})


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
    remember: bool | None = Field(None, description="v1 never did anything with it")
    metadata: Object | None = Field(None, description="What templates see as metadata")
    model: Annotated[str, Field(max_length=255)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=-1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    logit_bias: Object | None = None
    response_format: ResponseFormat | None = None
    repetition_penalty: Annotated[float, Field(ge=0, le=2)] | None = None
    length_penalty: Annotated[float, Field(ge=0, le=2)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    parallel_tool_calls: Annotated[bool, Field(strict=True)] | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None


SETTINGS = tuple(list(ChatWrite.model_fields)[list(ChatWrite.model_fields).index("model") :])
"""The fields that are settings of the model."""


class HistoryWrite(BaseModel):
    """What is added to a history, as one turn."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    entries: Annotated[list[Message], Field(min_length=1, max_length=1_000)]


def chat_request(body: ChatWrite, request: Request, once: Once) -> ChatRequest:
    """What a body asks for.

    Raises:
        InvalidRequest: A message or a tool is not well formed; says which.
    """
    given = {name: value for name in SETTINGS if (value := getattr(body, name)) not in (None, [], "")}
    if body.response_format is not None:
        given["response_format"] = body.response_format.model_dump(exclude_none=True)
    return ChatRequest(
        messages=messages_of(body.messages, "messages"),
        id=once.id,
        agent=body.agent,
        settings=given,
        tools=[_tool(tool, f"tools[{index}]") for index, tool in enumerate(body.tools or ())],
        tool_choice=_choice(body.tool_choice),
        metadata=body.metadata or {},
        recall=body.recall,
        save=body.save,
        recall_tools=body.recall_tools,
        auto_run_tools=body.auto_run_tools,
        api_key=request.headers.get("x-custom-api-key") or None,
        once=once.name,
        again=once.again,
    )


def messages_of(messages: list[Message], where: str) -> list[JsonObject]:
    """Messages as a chat has them.

    Raises:
        InvalidRequest: One says nothing, or has a part of a kind that is not known; says which.
    """
    return [_message(message, f"{where}[{index}]") for index, message in enumerate(messages)]


def _message(message: Message, where: str) -> JsonObject:
    made: JsonObject = {"role": message.role, "content": _content(message.content, f"{where}.content")}
    for name in ("name", "tool_call_id", "tool_calls"):
        if (value := getattr(message, name)) is not None:
            made[name] = value
    if message.role == "tool":
        if not message.tool_call_id:
            raise wrong(f"{where}.tool_call_id", "is missing: it names the call that this is the result of")
        made["content"] = made["content"] if made["content"] is not None else ""
    elif message.role == "assistant" and message.tool_calls:
        made["tool_calls"] = [_call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(message.tool_calls)]
    elif not _says(made["content"]):
        raise wrong(f"{where}.content", "is empty; a message has a text or an image")
    return made


def _says(content: Any) -> bool:
    return bool(content.strip()) if isinstance(content, str) else bool(content)


def _content(content: str | list[str | Object] | None, where: str) -> Any:
    if not isinstance(content, list):
        return content
    parts: list[JsonObject] = []
    for index, part in enumerate(content):
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
            continue
        kind = part.get("type") or ("text" if "text" in part else "image_url" if "image_url" in part else None)
        if kind not in _PARTS:
            raise wrong(f"{where}[{index}].type", f"is {kind!r}; it is one of {', '.join(sorted(_PARTS))}")
        if kind == "text" and not isinstance(part.get("text"), str):
            raise wrong(f"{where}[{index}].text", "must be a text")
        parts.append({**part, "type": kind})
    return parts


def _call(call: Object, where: str) -> JsonObject:
    match call:
        case {"id": str(), "function": {"name": str()}}:
            return {"type": "function", **call}
        case _:
            raise wrong(where, 'a call is {"id", "type": "function", "function": {"name", "arguments"}}')


def _tool(tool: Object, where: str) -> JsonObject:
    """A tool of a request; OpenAI's shape, whose name stands in ``function``, becomes v1's."""
    match tool:
        case {"name": str(name)} if name:
            kind = str(tool.get("type") or next((key for key in _KINDS if key in tool), "function"))
            return {**tool, "type": kind}
        case {"function": {"name": str(name)} as function}:
            spec = cast("JsonObject", function)
            return {"name": name, "type": "function", "description": spec.get("description"), "function": spec}
        case _:
            raise wrong(
                where, 'a tool has a name: {"name", "type": "function", "function": {"description", "parameters"}}'
            )


_KINDS = ("function", "integration", "system", "api_call", "computer_20241022", "text_editor_20241022", "bash_20241022")


def _choice(choice: str | Object | None) -> str | JsonObject | None:
    if isinstance(choice, str) and choice not in {"auto", "none", "required"}:
        raise RequestValidationError(
            [
                {
                    "type": "enum",
                    "loc": ("body", "tool_choice"),
                    "msg": "Input should be auto, none, required or a function",
                    "input": choice,
                }
            ]
        )
    return choice
