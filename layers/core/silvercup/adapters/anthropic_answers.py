"""Answers of Anthropic's Messages API as completions and chunks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from silvercup.adapters.model_errors import not_understood, understood
from silvercup.llm.model import Chunk, Completion, chunk, completion, usage
from silvercup.values import JsonObject, dumps

if TYPE_CHECKING:
    from anthropic.types import Message, RawMessageStreamEvent

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def read_message(message: Message, names: Mapping[str, str], *, wants_json: bool) -> Completion:
    """The completion of a whole message.

    Args:
        message: Of the API.
        names: Tools that the API calls otherwise than the request does: the API's names to ours.
        wants_json: Take a code fence off.

    Raises:
        ModelUnavailable: It is no message of the API.
    """
    blocks: Any = getattr(message, "content", None)
    if not isinstance(blocks, list):
        raise not_understood("it holds no message")
    with understood():
        return _read(message, names, wants_json)


def _read(message: Message, names: Mapping[str, str], wants_json: bool) -> Completion:
    text = "".join(block.text for block in message.content if block.type == "text")
    calls = [
        _tool_call(block.id, names.get(block.name, block.name), dumps(block.input))
        for block in message.content
        if block.type == "tool_use"
    ]
    said: JsonObject = {"role": "assistant", "content": unfenced(text) if wants_json else text}
    if calls:
        said["content"] = text or None
        said["tool_calls"] = calls
    return completion(
        id_=message.id,
        created=int(time.time()),
        model=message.model,
        message=said,
        finish_reason=FINISH.get(message.stop_reason or "", "stop"),
        used=usage(_prompt_tokens(message.usage), message.usage.output_tokens or 0),
    )


def _tool_call(call_id: str, name: str, arguments: str) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _prompt_tokens(used: Any) -> int:
    """All that was read, from the cache or not: the provider counts the three apart."""
    return (used.input_tokens or 0) + (used.cache_creation_input_tokens or 0) + (used.cache_read_input_tokens or 0)


def unfenced(text: str) -> str:
    """The inside of a code fence around the whole text, which models write in spite of what they are told."""
    bare = text.strip()
    if not (bare.startswith("```") and bare.endswith("```") and "\n" in bare):
        return text
    return bare.split("\n", 1)[1].removesuffix("```").strip()


class Reading:
    """Turns the provider's events into chunks.

    Args:
        names: As of ``read_message``.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.done = False
        self._head: dict[str, Any] = {}
        self._prompt_tokens = 0
        self._calls: dict[int, int] = {}

    def chunks(self, event: RawMessageStreamEvent) -> list[Chunk]:
        """The chunks that an event makes, none or one.

        Raises:
            ModelUnavailable: It is no event of the API.
        """
        with understood():
            return list(self._chunks(event))

    def _chunks(self, event: RawMessageStreamEvent) -> Iterator[Chunk]:
        match event.type:
            case "message_start":
                self._head = {"id_": event.message.id, "created": int(time.time()), "model": event.message.model}
                self._prompt_tokens = _prompt_tokens(event.message.usage)
                yield chunk(**self._head)
            case "content_block_start" if event.content_block.type == "tool_use":
                at = self._calls.setdefault(event.index, len(self._calls))
                name = self._names.get(event.content_block.name, event.content_block.name)
                opened = {"index": at, **_tool_call(event.content_block.id, name, "")}
                yield chunk(**self._head, delta={"tool_calls": [opened]})
            case "content_block_delta" if event.delta.type == "text_delta":
                yield chunk(**self._head, delta={"content": event.delta.text})
            case "content_block_delta" if event.delta.type == "input_json_delta":
                part = {"index": self._calls[event.index], "function": {"arguments": event.delta.partial_json}}
                yield chunk(**self._head, delta={"tool_calls": [part]})
            case "message_delta":
                self.done = True
                finish = FINISH.get(event.delta.stop_reason or "", "stop")
                used = usage(_prompt_tokens(event.usage) or self._prompt_tokens, event.usage.output_tokens or 0)
                yield chunk(**self._head, finish_reason=finish, used=used)
            case _:
                pass
