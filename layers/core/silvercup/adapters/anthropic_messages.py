"""Chat messages in v1's (OpenAI's) form, as Anthropic's Messages API takes them. No SDK is needed for it.

What that API asks of a conversation: it starts with a user message and ends with one, the roles alternate, no content is
empty, the results of tools come first in the message right after the calls, each call has one result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from silvercup import values
from silvercup.errors import ModelRejected
from silvercup.llm.model import NO_RESULT
from silvercup.values import JsonObject

CONTINUE = "Continue."
"""What stands where a user message has to be and none was given."""


_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,(.+)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the Messages API takes for a list of messages.

    Attributes:
        system: The system messages' texts, in order, a blank line between two.
        messages: ``{role: user | assistant, content: [blocks]}``.
        called_tools: Names of the tools that the conversation calls, in order, once each.
    """

    system: str
    messages: list[JsonObject]
    called_tools: list[str]


def convert(messages: Sequence[JsonObject]) -> Conversation:
    """Turn chat messages into a conversation that the Messages API accepts.

    System (and developer) messages go to the system prompt wherever they stand; alone, they are sent as the user's.
    Neighbours of one role are merged. ``name`` is dropped. A call without a result gets one that says so, a result without its call becomes text.

    Raises:
        ModelRejected: A role or a part of a content is of a kind that is not known; the message says where.
    """
    system: list[str] = []
    turns: list[JsonObject] = []
    for index, message in enumerate(messages):
        role, blocks = _blocks(message, f"messages[{index}]")
        if role == "system":
            system.extend(block["text"] for block in blocks if block["type"] == "text")
        elif turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(blocks)
        elif blocks:
            turns.append({"role": role, "content": blocks})
    text = "\n\n".join(system)
    if not turns:
        return Conversation("", [_user(_text(text) or _text(CONTINUE))], [])
    turns = _pair_tools(turns)
    if turns[0]["role"] != "user":
        turns.insert(0, _user(_text(CONTINUE)))
    if turns[-1]["role"] != "user":
        turns.append(_user(_text(CONTINUE)))
    called = (block["name"] for turn in turns for block in turn["content"] if block["type"] == "tool_use")
    return Conversation(text, turns, list(dict.fromkeys(called)))


def _blocks(message: JsonObject, where: str) -> tuple[str, list[JsonObject]]:
    role = message.get("role")
    match role:
        case "system" | "developer":
            return "system", _content(message.get("content"), where)
        case "user":
            return "user", _content(message.get("content"), where)
        case "assistant":
            said = [block for block in _content(message.get("content"), where) if block["type"] == "text"]
            calls = cast("list[JsonObject]", message.get("tool_calls") or [])
            return "assistant", said + [_tool_use(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls)]
        case "tool" | "function":
            return "user", [_tool_result(message.get("tool_call_id"), message.get("content"), where)]
        case _:
            raise ModelRejected(f"{where}.role is {role!r}; it must be system, user, assistant or tool")


def _content(content: Any, where: str) -> list[JsonObject]:
    match content:
        case None:
            return []
        case str():
            return _text(content)
        case list():
            parts = enumerate(cast("list[Any]", content))
            return [block for at, part in parts for block in _part(part, f"{where}.content[{at}]")]
        case _:
            return _text(values.dumps(content))


def _part(part: Any, where: str) -> list[JsonObject]:
    match part:
        case str():
            return _text(part)
        case {"type": "text", "text": str(text)}:
            return _text(text)
        case {"type": "image_url", "image_url": {"url": str(url)}} | {"type": "image_url", "image_url": str(url)}:
            return [_image(url, where)]
        case {"type": "image", "source": dict()}:
            return [{"type": "image", "source": part["source"]}]
        case {"type": "tool_result", "tool_use_id": str(call_id)}:
            return [_tool_result(call_id, part.get("content"), where)]
        case {"type": str(kind)}:
            raise ModelRejected(
                f"{where} is of type {kind!r}, which this model's provider does not take; use text or image_url"
            )
        case _:
            raise ModelRejected(
                f"{where} is not a part of a message; it must be {{type: text, text}} or {{type: image_url, image_url}}"
            )


def _text(text: str) -> list[JsonObject]:
    return [{"type": "text", "text": text}] if text.strip() else []


def _image(url: str, where: str) -> JsonObject:
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    match = _DATA_URL.fullmatch(url)
    if match is None:
        raise ModelRejected(f"{where} holds a data URL that is no image; it must be data:image/<kind>;base64,<data>")
    return {"type": "image", "source": {"type": "base64", "media_type": match[1].lower(), "data": match[2]}}


def _tool_use(call: JsonObject, where: str) -> JsonObject:
    function = cast("JsonObject", call.get("function") or {})
    name: Any = function.get("name")
    if not isinstance(name, str) or not call.get("id"):
        raise ModelRejected(
            f"{where} is not a tool call; it must be {{id, type: function, function: {{name, arguments}}}}"
        )
    return {
        "type": "tool_use",
        "id": _call_id(call["id"]),
        "name": name,
        "input": _arguments(function.get("arguments")),
    }


def _arguments(arguments: Any) -> JsonObject:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            return {"arguments": arguments}
    if arguments is None:
        return {}
    return cast("JsonObject", arguments) if isinstance(arguments, dict) else {"arguments": arguments}


def _tool_result(call_id: Any, content: Any, where: str) -> JsonObject:
    if isinstance(content, list):
        parts: list[JsonObject] = _content(content, where)
    else:
        parts = _text(content if isinstance(content, str) else values.dumps(content)) if content is not None else []
    return {"type": "tool_result", "tool_use_id": _call_id(call_id or ""), "content": parts or _text(NO_RESULT)}


def _call_id(call_id: Any) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", str(call_id))


def _user(blocks: list[JsonObject]) -> JsonObject:
    return {"role": "user", "content": blocks}


def _pair_tools(turns: list[JsonObject]) -> list[JsonObject]:
    """Put each result right after its call; see ``convert`` for calls and results that stand alone."""
    paired: list[JsonObject] = []
    waiting: list[str] = []
    for turn in turns:
        if turn["role"] == "assistant":
            waiting = list(dict.fromkeys(block["id"] for block in turn["content"] if block["type"] == "tool_use"))
            paired.append(turn)
            continue
        results: dict[str, JsonObject] = {}
        rest: list[JsonObject] = []
        for block in turn["content"]:
            if block["type"] != "tool_result":
                rest.append(block)
            elif (call_id := block["tool_use_id"]) in waiting and call_id not in results:
                results[call_id] = block
            else:
                rest.extend(_stray(block))
        paired.append(_user([results.get(call_id) or _missing(call_id) for call_id in waiting] + rest))
        waiting = []
    if waiting:
        paired.append(_user([_missing(call_id) for call_id in waiting]))
    return paired


def _missing(call_id: str) -> JsonObject:
    return {"type": "tool_result", "tool_use_id": call_id, "content": _text(NO_RESULT), "is_error": True}


def _stray(result: JsonObject) -> list[JsonObject]:
    return [*_text(f"Result of the tool call {result['tool_use_id']}:"), *result["content"]]
