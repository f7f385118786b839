"""The input of a response as messages of a chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from silvercup.chat.calls import calls_of
from silvercup.responses.request import wrong
from silvercup.values import JsonObject

ROLES = ("user", "assistant", "system", "developer")
MAX_ITEMS = 2_000
_PASSED_OVER = frozenset({"reasoning", "web_search_call"})
"""Items that say nothing to another call of a model: clients send back the whole output of a response."""
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def messages_of(given: str | Sequence[Any]) -> tuple[list[JsonObject], list[str]]:
    """The messages of an input, and of each the place that it comes from.

    A text is a user's message. Calls of functions that follow each other, or the words that the model said before them, are one message.

    Raises:
        InvalidRequest: There is nothing in it, or an item is not well formed or of a kind that is not served; says which.
    """
    if isinstance(given, str):
        if not given.strip():
            raise wrong("input", "is empty; send a text, or a list of items")
        return [{"role": "user", "content": given}], ["input"]
    if len(given) > MAX_ITEMS:
        raise wrong("input", f"has {len(given):,} items; send at most {MAX_ITEMS:,}, and go on by previous_response_id")
    messages: list[JsonObject] = []
    places: list[str] = []
    for index, item in enumerate(given):
        where = f"input[{index}]"
        if not isinstance(item, dict):
            raise wrong(where, 'must be an item, such as {"role": "user", "content": "..."}')
        found = _of_item(cast("JsonObject", item), where)
        if found is None:
            continue
        before = messages[-1] if messages else None
        if before is not None and calls_of(found) and before["role"] == "assistant":
            before["tool_calls"] = [*calls_of(before), *calls_of(found)]
        else:
            messages.append(found)
            places.append(where)
    if not messages:
        raise wrong("input", "has no item that says something; send a text, or a list of items")
    return messages, places


def _of_item(item: JsonObject, where: str) -> JsonObject | None:
    kind = item.get("type") or ("message" if "role" in item else None)
    match kind:
        case "message":
            return _message(item, where)
        case "function_call":
            return _call(item, where)
        case "function_call_output":
            return _output(item, where)
        case "item_reference":
            raise wrong(where, "item_reference is not served", "send the item itself, or use previous_response_id")
        case str() if kind in _PASSED_OVER:
            return None
        case _:
            served = "message, function_call, function_call_output"
            raise wrong(f"{where}.type", f"is {str(kind)[:60]!r}; it is one of {served}")


def _message(item: JsonObject, where: str) -> JsonObject:
    role = item.get("role")
    if role not in ROLES:
        raise wrong(f"{where}.role", f"is {role!r}; it is one of {', '.join(ROLES)}")
    content = _content(item.get("content"), f"{where}.content")
    if not (content.strip() if isinstance(content, str) else content):
        raise wrong(f"{where}.content", "is empty; a message has a text or an image")
    return {"role": role, "content": content}


def _call(item: JsonObject, where: str) -> JsonObject:
    match item:
        case {"call_id": str(call_id), "name": str(name), "arguments": str(arguments)} if call_id and name:
            call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        case _:
            raise wrong(where, "a function_call has call_id, name and arguments (a JSON text)")


def _output(item: JsonObject, where: str) -> JsonObject:
    call_id = item.get("call_id")
    if not isinstance(call_id, str) or not call_id:
        raise wrong(f"{where}.call_id", "is missing: it names the function_call that this is the output of")
    if "output" not in item:
        raise wrong(f"{where}.output", "is missing; send what the function gave, as a text")
    return {"role": "tool", "tool_call_id": call_id, "content": _content(item["output"], f"{where}.output")}


def _content(content: Any, where: str) -> str | list[JsonObject]:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(where, "must be a text, or a list of parts")
    parts = [_part(part, f"{where}[{index}]") for index, part in enumerate(cast("list[Any]", content))]
    if all(part["type"] == "text" for part in parts):
        texts = [str(part["text"]) for part in parts]
        return texts[0] if len(texts) == 1 else parts
    return parts


def _part(part: Any, where: str) -> JsonObject:
    if not isinstance(part, dict):
        raise wrong(where, 'must be a part, such as {"type": "input_text", "text": "..."}')
    given = cast("JsonObject", part)
    kind = given.get("type")
    if kind in _TEXTS:
        text = given.get(_TEXTS[kind])
        if not isinstance(text, str):
            raise wrong(f"{where}.{_TEXTS[kind]}", "must be a text")
        return {"type": "text", "text": text}
    if kind == "input_image":
        url = given.get("image_url")
        if not isinstance(url, str) or not url:
            raise wrong(f"{where}.image_url", "must be the address of an image, or a data URL; file_id is not served")
        detail = given.get("detail")
        return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}
    raise wrong(f"{where}.type", f"is {str(kind)[:60]!r}; it is one of input_text, input_image, output_text")
