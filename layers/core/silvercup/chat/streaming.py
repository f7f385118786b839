"""Gathering what a model says in parts into what it has said."""

from __future__ import annotations

from collections.abc import Iterable

from silvercup.values import JsonObject


class Gathered:
    """A completion in the making.

    Attributes:
        finish_reason: Why the model stopped; None before it has.
        usage: What the call used; None before the end.
        model: What answers.
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.usage: JsonObject | None = None
        self.model = ""
        self._texts: list[str] = []
        self._calls: dict[int, JsonObject] = {}

    def add(self, chunk: JsonObject) -> JsonObject:
        """Take a chunk in, and give its delta."""
        self.model = chunk.get("model") or self.model
        self.usage = chunk.get("usage") or self.usage
        delta: JsonObject = {}
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            if text := delta.get("content"):
                self._texts.append(text)
            self._take(delta.get("tool_calls") or ())
        return delta

    @property
    def message(self) -> JsonObject:
        """What was said so far."""
        text = "".join(self._texts)
        if not self._calls:
            return {"role": "assistant", "content": text}
        calls = [self._calls[index] for index in sorted(self._calls)]
        return {"role": "assistant", "content": text or None, "tool_calls": calls}

    @property
    def completion(self) -> JsonObject:
        """The completion; for when the stream has ended."""
        finish = self.finish_reason or ("tool_calls" if self._calls else "stop")
        choice = {"index": 0, "message": self.message, "finish_reason": finish}
        return {"model": self.model, "choices": [choice], "usage": self.usage}

    def _take(self, calls: Iterable[JsonObject]) -> None:
        for part in calls:
            call = self._calls.setdefault(
                part.get("index", 0), {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = part.get("id") or call["id"]
            function: JsonObject = part.get("function") or {}
            call["function"]["name"] = function.get("name") or call["function"]["name"]
            call["function"]["arguments"] += function.get("arguments") or ""
