"""Answers of Bedrock's Converse API as completions and chunks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

from silvercup.adapters.anthropic_answers import unfenced
from silvercup.adapters.converse_params import Parameters
from silvercup.adapters.model_errors import cut_off, not_understood, understood
from silvercup.llm.model import Chunk, Completion, chunk, completion, usage
from silvercup.llm.tokens import estimate
from silvercup.values import JsonObject, dumps

_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def read_answer(answer: JsonObject, asked: Parameters) -> Completion:
    """The completion of a whole answer.

    Raises:
        ModelUnavailable: It is none of the API.
    """
    with understood():
        message = cast("JsonObject", (answer.get("output") or {}).get("message") or {})
        if not isinstance(message.get("content"), list):
            raise not_understood("it holds no message")
        blocks = cast("list[JsonObject]", message["content"])
        text = "".join(block["text"] for block in blocks if "text" in block)
        calls = [cast("JsonObject", block["toolUse"]) for block in blocks if "toolUse" in block]
        finish = _FINISH.get(str(answer.get("stopReason")), "stop")
        answers = [call for call in calls if call["name"] == asked.answer_tool]
        said: JsonObject = {"role": "assistant", "content": unfenced(text) if asked.wants_json else text}
        if answers:
            said["content"] = dumps(answers[0]["input"])
            finish = "stop" if finish == "tool_calls" else finish
        elif calls:
            said["content"] = text or None
            said["tool_calls"] = [_call(call, dumps(call.get("input") or {})) for call in calls]
        return completion(
            id_=request_id(answer),
            created=int(time.time()),
            model=asked.body["modelId"],
            message=said,
            finish_reason=finish,
            used=_usage(answer.get("usage"), asked, said),
        )


def request_id(answer: JsonObject) -> str:
    """What AWS calls the request: the API gives its answers no id of their own."""
    return f"chatcmpl-{(answer.get('ResponseMetadata') or {}).get('RequestId', '')}"


def as_chunks(whole: Completion) -> Iterator[Chunk]:
    """A whole answer in parts, for a model that can't stream what was asked."""
    head = {"id_": whole["id"], "created": whole["created"], "model": whole["model"]}
    choice = whole["choices"][0]
    message = cast("JsonObject", choice["message"])
    delta: JsonObject = {"content": message.get("content") or ""}
    if calls := message.get("tool_calls"):
        delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(cast("list[JsonObject]", calls))]
    yield chunk(**head, delta=delta)
    yield chunk(**head, finish_reason=choice["finish_reason"], used=whole["usage"])


class Reading:
    """Turns the events of a stream into chunks."""

    def __init__(self, id_: str, asked: Parameters) -> None:
        self._asked = asked
        self._head: dict[str, Any] = {"id_": id_, "created": int(time.time()), "model": asked.body["modelId"]}
        self._finish: str | None = None
        self._used: Any = None
        self._said: list[str] = []
        self._calls: dict[int, int] = {}
        self._answers: set[int] = set()

    def chunks(self, event: Any) -> list[Chunk]:
        """The chunks that an event makes, none or one.

        Raises:
            ModelUnavailable: It is no event of the API.
        """
        with understood():
            return [chunk(**self._head, delta=delta) for delta in self._deltas(event)]

    def end(self) -> Chunk:
        """The last chunk.

        Raises:
            ModelUnavailable: The answer was not complete.
        """
        if self._finish is None:
            raise cut_off()
        with understood():
            used = _usage(self._used, self._asked, "".join(self._said))
        return chunk(**self._head, finish_reason=self._finish, used=used)

    def _deltas(self, event: JsonObject) -> Iterator[JsonObject]:
        match event:
            case {"messageStart": _}:
                yield {}
            case {"contentBlockStart": {"start": {"toolUse": dict()}}}:
                start = cast("JsonObject", event["contentBlockStart"])
                call = cast("JsonObject", start["start"]["toolUse"])
                number = int(start["contentBlockIndex"])
                if call["name"] == self._asked.answer_tool:
                    self._answers.add(number)
                    return
                at = self._calls.setdefault(number, len(self._calls))
                yield {"tool_calls": [{"index": at, **_call(call, "")}]}
            case {"contentBlockDelta": {"delta": {"text": str(text)}}}:
                yield self._heard(text)
            case {"contentBlockDelta": {"delta": {"toolUse": {"input": str(text)}}, "contentBlockIndex": int(number)}}:
                if number in self._answers:
                    yield self._heard(text)
                else:
                    self._said.append(text)
                    yield {"tool_calls": [{"index": self._calls[number], "function": {"arguments": text}}]}
            case {"messageStop": {"stopReason": str(reason)}}:
                finish = _FINISH.get(reason, "stop")
                self._finish = "stop" if self._answers and finish == "tool_calls" else finish
            case {"metadata": dict()}:
                self._used = event["metadata"].get("usage")
            case dict():
                pass
            case _:
                raise not_understood("an event of it is no object")

    def _heard(self, text: str) -> JsonObject:
        self._said.append(text)
        return {"content": text}


def _call(call: JsonObject, arguments: str) -> JsonObject:
    return {
        "id": str(call["toolUseId"]),
        "type": "function",
        "function": {"name": str(call["name"]), "arguments": arguments},
    }


def _usage(used: Any, asked: Parameters, said: Any) -> JsonObject:
    """What the provider says, cached or not, else an estimate."""
    if not isinstance(used, dict):
        return usage(estimate([asked.body.get("system"), asked.body["messages"]]), estimate(said))
    fields = cast("JsonObject", used)
    prompt = sum(
        int(fields.get(name) or 0) for name in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    )
    return usage(prompt, int(fields.get("outputTokens") or 0))
