"""The body of a chat, as a request or a tool gives it: what is not well formed is refused, saying where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from silvercup.chat.request import ChatRequest, wrong
from silvercup.errors import InvalidRequest, Problem
from silvercup.tool_types import TOOL_TYPES, normal_choice
from silvercup.tools.definitions import problems_of
from silvercup.values import JsonObject

ROLES = ("user", "assistant", "system", "developer", "tool")
SETTINGS = frozenset(
    "model stop seed max_tokens logit_bias response_format repetition_penalty length_penalty min_p frequency_penalty presence_penalty"
    " temperature top_p parallel_tool_calls reasoning_effort".split()
)
"""The fields that are settings of the model."""
_OPTIONS = ("recall", "save", "recall_tools", "auto_run_tools", "agent", "metadata")
_PARTS = frozenset({"text", "image_url", "image", "tool_result"})


def request_of(body: JsonObject, *, id_: str) -> ChatRequest:
    """What a body asks for; a field that is absent or null means its default.

    Args:
        body: v1's ``ChatInput``.
        id_: The id of the answer.

    Raises:
        InvalidRequest: Something in it is not well formed; says what.
    """
    given = {name: value for name, value in body.items() if value is not None}
    messages: Sequence[JsonObject] = given.get("messages") or ()
    if not messages:
        raise wrong("messages", "there is none; send at least one")
    tools: Sequence[JsonObject] = given.get("tools") or ()
    options: dict[str, Any] = {name: given[name] for name in _OPTIONS if name in given}
    return ChatRequest(
        messages=messages_of(messages, "messages"),
        id=id_,
        settings={name: value for name, value in given.items() if name in SETTINGS and value not in ("", [])},
        tools=_tools(tools),
        tool_choice=_choice(given.get("tool_choice")),
        **options,
    )


def messages_of(messages: Sequence[JsonObject], where: str) -> list[JsonObject]:
    """Messages as a chat has them.

    Raises:
        InvalidRequest: One says nothing, or has a part of a kind that is not known; says which.
    """
    return [_message(message, f"{where}[{index}]") for index, message in enumerate(messages)]


def _message(message: JsonObject, where: str) -> JsonObject:
    role = message.get("role")
    if role not in ROLES:
        raise wrong(f"{where}.role", f"is {role!r}; it is one of {', '.join(ROLES)}")
    made: JsonObject = {"role": role, "content": _content(message.get("content"), f"{where}.content")}
    for name in ("name", "tool_call_id", "tool_calls"):
        if (value := message.get(name)) is not None:
            made[name] = value
    if role == "tool":
        if not made.get("tool_call_id"):
            raise wrong(f"{where}.tool_call_id", "is missing: it names the call that this is the result of")
        made["content"] = made["content"] if made["content"] is not None else ""
    elif role == "assistant" and made.get("tool_calls"):
        calls: list[JsonObject] = made["tool_calls"]
        made["tool_calls"] = [_call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls)]
    elif not _says(made["content"]):
        raise wrong(f"{where}.content", "is empty; a message has a text or an image")
    return made


def _says(content: Any) -> bool:
    return bool(content.strip()) if isinstance(content, str) else bool(content)


def _content(content: Any, where: str) -> Any:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(where, "must be a text, or a list of parts")
    parts: list[JsonObject] = []
    for index, part in enumerate(cast("list[str | JsonObject]", content)):
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


def _call(call: JsonObject, where: str) -> JsonObject:
    match call:
        case {"id": str(), "function": {"name": str()}}:
            return {**call, "type": call.get("type") or "function"}
        case _:
            raise wrong(where, 'a call is {"id", "type": "function", "function": {"name", "arguments"}}')


def _tools(given: Sequence[JsonObject]) -> list[JsonObject]:
    """The tools of a request, whose names differ and whose definitions are right."""
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(given)]
    problems = [*_same_names(tools)]
    problems += [
        replace(problem, loc=f"tools[{index}].{problem.loc}")
        for index, tool in enumerate(tools)
        for problem in problems_of(tool)
    ]
    if problems:
        raise InvalidRequest(f"{problems[0].loc}: {problems[0].msg}", problems)
    return tools


def _same_names(tools: Sequence[JsonObject]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if tool["name"] in seen:
            yield Problem(f"tools[{index}].name", f"{tool['name']!r} is the name of an earlier tool; names must differ")
        seen.add(tool["name"])


def _tool(tool: JsonObject, where: str) -> JsonObject:
    """A tool of a request; OpenAI's shape, whose name stands in ``function``, becomes v1's."""
    match tool:
        case {"name": str(name)} if name:
            kind = str(tool.get("type") or next((key for key in TOOL_TYPES if key in tool), "function"))
            return {**tool, "type": kind}
        case {"function": {"name": str(name)} as function}:
            spec = cast("JsonObject", function)
            return {"name": name, "type": "function", "description": spec.get("description"), "function": spec}
        case _:
            raise wrong(
                where, 'a tool has a name: {"name", "type": "function", "function": {"description", "parameters"}}'
            )


def _choice(choice: Any) -> str | JsonObject | None:
    try:
        return normal_choice(choice)
    except ValueError as error:
        raise wrong("tool_choice", str(error), 'such as {"function": {"name": "weather"}}') from None
