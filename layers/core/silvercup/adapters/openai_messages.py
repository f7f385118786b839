"""Chat messages in v1's form, as OpenAI's chat API takes them: nearly the same, but that API is stricter. No SDK is needed for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from silvercup import values
from silvercup.errors import ModelRejected
from silvercup.llm.model import NO_RESULT
from silvercup.values import JsonObject

_ROLES = {"system", "developer", "user", "assistant", "tool"}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def convert(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """Turn chat messages into what the API accepts.

    Kept are ``role``, ``content``, ``name`` (its characters that the API refuses become ``_``), ``tool_calls`` and ``tool_call_id``.
    The result of a call stands right after it: a call without one gets one that says so, a result without its call becomes a user's text.

    Raises:
        ModelRejected: A role, a call or a part of a content is of a kind that is not known; the message says where.
    """
    made: list[JsonObject] = []
    waiting: dict[str, JsonObject | None] = {}
    for index, message in enumerate(messages):
        turned = _message(message, f"messages[{index}]")
        if turned["role"] == "tool":
            call_id = turned["tool_call_id"]
            if waiting.get(call_id, turned) is None:
                waiting[call_id] = turned
                continue
            turned = {"role": "user", "content": _stray(turned)}
        elif turned["role"] == "user" and not turned["content"]:
            continue
        _settle(made, waiting)
        made.append(turned)
        calls = cast("list[JsonObject]", turned.get("tool_calls") or [])
        waiting = {call["id"]: None for call in calls}
    _settle(made, waiting)
    return made


def _settle(made: list[JsonObject], waiting: dict[str, JsonObject | None]) -> None:
    """Put the results of the last calls behind them."""
    for call_id, result in waiting.items():
        made.append(result or {"role": "tool", "tool_call_id": call_id, "content": NO_RESULT})
    waiting.clear()


def _message(message: JsonObject, where: str) -> JsonObject:
    role: Any = message.get("role")
    if role == "function":
        role = "tool"
    if role not in _ROLES:
        raise ModelRejected(f"{where}.role is {role!r}; it must be system, user, assistant or tool")
    content = _content(message.get("content"), where)
    made: JsonObject = {"role": role, "content": content}
    if role == "tool":
        return {
            "role": role,
            "tool_call_id": str(message.get("tool_call_id") or ""),
            "content": _only_text(content) or NO_RESULT,
        }
    name = message.get("name")
    if isinstance(name, str) and (plain := _NOT_IN_NAMES.sub("_", name)[:64]):
        made["name"] = plain
    if role == "assistant" and (calls := cast("list[JsonObject]", message.get("tool_calls") or [])):
        made["tool_calls"] = [_call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls)]
        made["content"] = content or None
    if role != "user" and isinstance(made["content"], list):
        made["content"] = _only_text(content)
    return made


def _content(content: Any, where: str) -> str | list[JsonObject]:
    match content:
        case None:
            return ""
        case str():
            return content
        case list():
            parts = enumerate(cast("list[Any]", content))
            return [_part(part, f"{where}.content[{at}]") for at, part in parts]
        case _:
            return values.dumps(content)


def _part(part: Any, where: str) -> JsonObject:
    match part:
        case str():
            return {"type": "text", "text": part}
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str()}}:
            return {"type": "image_url", "image_url": part["image_url"]}
        case {"type": "image_url", "image_url": str(url)}:
            return {"type": "image_url", "image_url": {"url": url}}
        case {"type": "image", "source": {"type": "base64", "media_type": str(kind), "data": str(data)}}:
            return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}
        case {"type": "image", "source": {"type": "url", "url": str(url)}}:
            return {"type": "image_url", "image_url": {"url": url}}
        case {"type": "tool_result"}:
            return {"type": "text", "text": values.dumps(part.get("content"))}
        case {"type": str(kind)}:
            raise ModelRejected(
                f"{where} is of type {kind!r}, which this model's provider does not take; use text or image_url"
            )
        case _:
            raise ModelRejected(
                f"{where} is not a part of a message; it must be {{type: text, text}} or {{type: image_url, image_url}}"
            )


def _call(call: JsonObject, where: str) -> JsonObject:
    function = cast("JsonObject", call.get("function") or {})
    name: Any = function.get("name")
    if not isinstance(name, str) or not call.get("id"):
        raise ModelRejected(
            f"{where} is not a tool call; it must be {{id, type: function, function: {{name, arguments}}}}"
        )
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else values.dumps(arguments or {})
    return {"id": str(call["id"]), "type": "function", "function": {"name": name, "arguments": text or "{}"}}


def _only_text(content: str | list[JsonObject]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] if part["type"] == "text" else "(an image)" for part in content)


def _stray(result: JsonObject) -> str:
    return f"Result of the tool call {result['tool_call_id']}:\n{result['content']}"
