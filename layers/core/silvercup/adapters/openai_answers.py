"""Answers of OpenAI's chat API as completions and chunks. They are read as JSON: other servers are less exact than the SDK's types."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

from silvercup.adapters.model_errors import clean, cut_off, not_understood, refused, unavailable, understood
from silvercup.errors import SilvercupError
from silvercup.llm.model import Chunk, Completion, ModelRequest, chunk, completion, usage
from silvercup.llm.tokens import estimate
from silvercup.values import JsonObject, dumps

_FINISH = {"stop", "length", "content_filter", "tool_calls"}
_ALSO = {"function_call": "tool_calls", "eos": "stop", "max_tokens": "length"}


def read_answer(answer: Any, request: ModelRequest, keys: Iterable[str | None]) -> Completion:
    """The completion of a whole answer; an error in it shows none of the keys.

    Raises:
        ModelUnavailable: It is none of the API, or holds an error that may pass.
        ModelRejected: It holds an error that will not.
    """
    with understood():
        if not isinstance(answer, dict):
            raise not_understood("it is no object")
        body = cast("JsonObject", answer)
        if body.get("error") and not body.get("choices"):
            raise of_error(body["error"], keys)
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise not_understood("it holds no choices")
        made = [_choice(choice, at) for at, choice in enumerate(cast("list[JsonObject]", choices))]
        first = made[0]
        whole = completion(
            id_=str(body.get("id") or ""),
            created=_int(body.get("created")) or int(time.time()),
            model=str(body.get("model") or request.model),
            message=first["message"],
            finish_reason=first["finish_reason"],
            used=_usage(body.get("usage"), request, [choice["message"] for choice in made]),
        )
        whole["choices"] = made
        return whole


def of_error(error: Any, keys: Iterable[str | None]) -> SilvercupError:
    """The error that stands where an answer should: in a stream, or with HTTP 200 by a proxy. It shows none of the keys."""
    fields = cast("JsonObject", error) if isinstance(error, dict) else {"message": str(error)}
    said = clean(str(fields.get("message") or dumps(fields)), keys)
    code, kind = fields.get("code"), clean(str(fields.get("type") or ""), keys)
    status = _int(code) or _int(fields.get("status"))
    what = f"HTTP {status}" if status else clean(str(code or kind or "an error in the answer"), keys)
    too_long = code == "context_length_exceeded"
    if too_long or (400 <= status < 500 and status not in {408, 409, 429}) or kind == "invalid_request_error":
        return refused(what, said, too_long=too_long)
    return unavailable(what, said, rate_limit=status == 429 or "rate_limit" in f"{code} {kind}")


class Reading:
    """Turns the parts of a streamed answer into chunks; the last one is kept back until the usage is known."""

    def __init__(self, request: ModelRequest) -> None:
        self._request = request
        self._head: dict[str, Any] = {}
        self._finish: str | None = None
        self._usage: Any = None
        self._said: list[str] = []
        self._calls: dict[int, int] = {}

    def chunks(self, part: Any) -> list[Chunk]:
        """The chunks that a part makes, none or one.

        Raises:
            ModelUnavailable: It is none of the API.
        """
        with understood():
            return list(self._chunks(part))

    def end(self) -> Chunk:
        """The last chunk.

        Raises:
            ModelUnavailable: The answer was not complete.
        """
        if self._finish is None:
            raise cut_off()
        with understood():
            used = _usage(self._usage, self._request, "".join(self._said))
        return chunk(**self._head, finish_reason=self._finish, used=used)

    def _chunks(self, part: Any) -> Iterator[Chunk]:
        if not isinstance(part, dict):
            raise not_understood("a part of it is no object")
        body = cast("JsonObject", part)
        self._usage = body.get("usage") or self._usage
        if not self._head:
            self._head = {
                "id_": str(body.get("id") or ""),
                "created": _int(body.get("created")) or int(time.time()),
                "model": str(body.get("model") or self._request.model),
            }
        for choice in cast("list[JsonObject]", body.get("choices") or []):
            if choice.get("index"):
                continue
            delta = self._delta(cast("JsonObject", choice.get("delta") or {}))
            if choice.get("finish_reason"):
                self._finish = _finish(choice["finish_reason"], bool(self._calls))
            if delta or not self._finish:
                yield chunk(**self._head, delta=delta)

    def _delta(self, delta: JsonObject) -> JsonObject:
        made: JsonObject = {}
        if text := delta.get("content") or delta.get("refusal"):
            made["content"] = str(text)
            self._said.append(made["content"])
        if calls := cast("list[JsonObject]", delta.get("tool_calls") or []):
            made["tool_calls"] = [self._call(call) for call in calls]
        return made

    def _call(self, call: JsonObject) -> JsonObject:
        number = _int(call.get("index"))
        first = number not in self._calls
        at = self._calls.setdefault(number, len(self._calls))
        function = cast("JsonObject", call.get("function") or {})
        arguments = _text(function.get("arguments"))
        self._said.append(arguments)
        if not first:
            return {"index": at, "function": {"arguments": arguments}}
        opened = {"name": str(function["name"]), "arguments": arguments}
        return {"index": at, "id": str(call.get("id") or f"call_{at}"), "type": "function", "function": opened}


def _choice(choice: JsonObject, at: int) -> JsonObject:
    message = cast("JsonObject", choice["message"])
    calls = cast("list[JsonObject]", message.get("tool_calls") or [])
    text = message.get("content") or message.get("refusal") or ""
    said: JsonObject = {"role": "assistant", "content": text if isinstance(text, str) else dumps(text)}
    if calls:
        said["content"] = said["content"] or None
        said["tool_calls"] = [_whole_call(call, number) for number, call in enumerate(calls)]
    made: JsonObject = {
        "index": at,
        "message": said,
        "finish_reason": _finish(choice.get("finish_reason"), bool(calls)),
    }
    if choice.get("logprobs"):
        made["logprobs"] = choice["logprobs"]
    return made


def _whole_call(call: JsonObject, number: int) -> JsonObject:
    function = cast("JsonObject", call["function"])
    opened = {"name": str(function["name"]), "arguments": _text(function.get("arguments")) or "{}"}
    return {"id": str(call.get("id") or f"call_{number}"), "type": "function", "function": opened}


def _text(arguments: Any) -> str:
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else dumps(arguments)


def _finish(reason: Any, calls: bool) -> str:
    """v1's word for why the answer ended; some servers say ``stop`` after calls."""
    found = reason if reason in _FINISH else _ALSO.get(str(reason), "stop")
    return "tool_calls" if calls and found == "stop" else found


def _usage(used: Any, request: ModelRequest, said: Any) -> JsonObject:
    """What the provider says, else an estimate."""
    fields = cast("JsonObject", used) if isinstance(used, dict) else {}
    prompt, answer = fields.get("prompt_tokens"), fields.get("completion_tokens")
    return usage(
        _int(prompt) if prompt is not None else estimate([request.messages, request.tools]),
        _int(answer) if answer is not None else estimate(said),
    )


def _int(value: Any) -> int:
    """A whole number from a number or its text; 0 for anything else."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
