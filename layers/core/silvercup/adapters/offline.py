"""The model of a stack without a provider's key: no network, always the same answer to the same request, and labelled as such."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, cast

from silvercup import values
from silvercup.llm.catalog import OFFLINE
from silvercup.llm.model import Chunk, ChunkStream, Completion, ModelRequest, chunk, completion, usage
from silvercup.llm.streams import Ready
from silvercup.llm.tokens import estimate
from silvercup.values import JsonObject

LABEL = "[offline model]"
LONGEST_ECHO = 400
"""Characters of the last message that an answer repeats."""

_ASKS_FOR_JSON = re.compile(
    r"\b(only|just)\b[^.\n]{0,60}\bjson\b|\bjson\b[^.\n]{0,40}\b(only|nothing else)\b|"
    r"\b(respond|answer|reply|output|return)\b[^.\n]{0,40}\b(in|with|as|using)\b[^.\n]{0,30}\bjson\b",
    re.IGNORECASE,
)


class OfflineModel:
    """A ``ChatModel`` that says what it was told, so that a task can be seen running without a key.

    It never calls tools. Where JSON is asked for, the answer is a JSON object: under a schema, one of the schema's shape.
    """

    name = OFFLINE

    def complete(self, request: ModelRequest) -> Completion:
        """The whole answer; its usage is an estimate (see ``silvercup.llm.tokens``)."""
        text, finish = _answer(request)
        return completion(
            **_head(request),
            message={"role": "assistant", "content": text},
            finish_reason=finish,
            used=_usage(request, text),
        )

    def stream(self, request: ModelRequest) -> ChunkStream:
        """The same answer, word by word."""
        return Ready(_chunks(request))

    def count(self, request: ModelRequest) -> int:
        """The estimate that its usage shows."""
        return estimate([request.messages, request.tools])


def _chunks(request: ModelRequest) -> Iterator[Chunk]:
    text, finish = _answer(request)
    head = _head(request)
    yield chunk(**head)
    for word in re.findall(r"\s*\S+\s*$|\s*\S+", text) or [text]:
        yield chunk(**head, delta={"content": word})
    yield chunk(**head, finish_reason=finish, used=_usage(request, text))


def _head(request: ModelRequest) -> JsonObject:
    digest = values.digest([request.messages, request.settings])
    return {"id_": f"chatcmpl-offline-{digest[:24]}", "created": int(time.time()), "model": OFFLINE}


def _usage(request: ModelRequest, text: str) -> JsonObject:
    return usage(estimate([request.messages, request.tools]), estimate(text))


def _answer(request: ModelRequest) -> tuple[str, str]:
    echo = _echo(request.messages)
    form = cast("JsonObject", request.settings.get("response_format") or {})
    match form:
        case {"type": "json_schema", "json_schema": dict()}:
            form = cast("JsonObject", form["json_schema"])
            return values.dumps(_sample(form.get("schema", form), echo)), "stop"
        case {"type": "json_object"}:
            return _object(echo), "stop"
        case _:
            pass
    if any(_ASKS_FOR_JSON.search(_text(message.get("content"))) for message in request.messages[-2:]):
        return _object(echo), "stop"
    text = f"{LABEL} {echo}"
    limit = request.settings.get("max_tokens")
    if isinstance(limit, int) and estimate(text) > limit:
        longest = bisect_right(range(len(text)), limit, key=lambda length: estimate(text[:length])) - 1
        return text[: max(0, longest)], "length"
    return text, "stop"


def _object(echo: str) -> str:
    return values.dumps({"label": LABEL, "answer": echo})


def _echo(messages: list[JsonObject]) -> str:
    last = next((message for message in reversed(messages) if message.get("role") == "user"), messages[-1])
    said = " ".join(_text(last.get("content")).split())
    short = said if len(said) <= LONGEST_ECHO else f"{said[:LONGEST_ECHO]}..."
    return f"You said: {short}" if last.get("role") == "user" else f"The prompt says: {short}"


def _text(content: Any) -> str:
    match content:
        case str():
            return content
        case list():
            return " ".join(_text(part) for part in cast("list[Any]", content))
        case {"text": str(text)}:
            return text
        case {"type": "image_url"}:
            return "(an image)"
        case None:
            return ""
        case _:
            return values.dumps(content)


def _sample(schema: Any, text: str) -> Any:
    """The plainest value that fits the common keywords of a JSON schema; strings say ``text``."""
    match schema:
        case {"const": value} | {"default": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
            return _sample(first, text)
        case {"type": [str(first), *_]}:
            return _sample({**schema, "type": first}, text)
        case {"type": "object"} | {"properties": dict()}:
            properties = cast("JsonObject", schema.get("properties") or {})
            return {name: _sample(inner, f"{LABEL} {name}") for name, inner in properties.items()}
        case {"type": "array"}:
            least = int(schema.get("minItems") or 1)
            return [_sample(schema.get("items"), f"{LABEL} item") for _ in range(min(least, 20))]
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 0)
        case {"type": "boolean"}:
            return False
        case {"type": "null"}:
            return None
        case _:
            return f"{LABEL} {text}".replace(f"{LABEL} {LABEL}", LABEL)
