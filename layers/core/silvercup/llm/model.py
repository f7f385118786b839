"""The port to a chat model, in v1's (OpenAI's) shapes, and the objects that cross it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from silvercup.values import JsonObject

NO_RESULT = "(no result was given)"
"""What a model is told of a call of a tool that was never answered."""

type Completion = JsonObject
"""``{id, object: "chat.completion", created, model, choices: [{index, message, finish_reason}], usage}``; ``created``
in seconds since the epoch, ``finish_reason`` one of stop, length, content_filter, tool_calls."""

type Chunk = JsonObject
"""``{id, object: "chat.completion.chunk", created, model, choices: [{index, delta, finish_reason}], usage}``: every delta
has ``role`` and ``content``; ``finish_reason`` and ``usage`` are null in all but the last chunk."""


class ChunkStream(Protocol):
    """An answer in parts.

    ``close`` may be called at any time, from any thread, more than once: the connection to the provider is broken, a ``next``
    that waits in another thread ends with StopIteration at once, and so does each one after it.
    """

    def __iter__(self) -> Iterator[Chunk]: ...

    def __next__(self) -> Chunk:
        """The next part.

        Raises:
            StopIteration: The answer is complete, or the stream was closed.
            ModelRejected: The same request can't succeed.
            ModelUnavailable: It may later.
        """
        ...

    def close(self) -> None:
        """Read no more."""
        ...


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model.

    Attributes:
        model: The provider's name of the model.
        messages: ``{role, content, name?, tool_calls?, tool_call_id?}``; content is a string or a list of parts.
        settings: ``temperature``, ``max_tokens``, ``top_p``, ``stop``, ``response_format``, ... by v1's names. What the
            model does not take is left out, as in v1.
        tools: ``{type: "function", function: {name, description?, parameters?}, client_tool?}``; ``client_tool`` is ``{type, ...}``
            for a tool whose type some models were trained on, by v1's name of it.
        tool_choice: ``auto``, ``none``, ``required`` or ``{type: "function", function: {name}}``.
        requested_model: What the user asked for; the completion names the model that really answered.
        api_key: The caller's own key; None for the server's.
        seconds: How long the answer may take, all tries together; None for as long as the provider's adapter allows.
    """

    model: str
    messages: list[JsonObject]
    settings: JsonObject = field(default_factory=dict[str, Any])
    tools: list[JsonObject] = field(default_factory=list[JsonObject])
    tool_choice: str | JsonObject | None = None
    requested_model: str = ""
    api_key: str | None = field(default=None, repr=False)
    seconds: float | None = None


class ChatModel(Protocol):
    """A provider of models.

    The methods raise ModelRejected when the same request can't succeed (ContextOverflow: because it is too long),
    ModelUnavailable when it may later.
    """

    @property
    def name(self) -> str:
        """The provider's name, as the catalog knows it."""
        ...

    def complete(self, request: ModelRequest) -> Completion:
        """The whole answer."""
        ...

    def stream(self, request: ModelRequest) -> ChunkStream:
        """The answer in parts; an error can come between two of them. The provider is asked at the first ``next``."""
        ...

    def count(self, request: ModelRequest) -> int | None:
        """How many tokens the prompt has; None where the provider does not count for this model."""
        ...


def usage(prompt_tokens: int, completion_tokens: int) -> JsonObject:
    """The ``usage`` of an answer."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def completion(
    *, id_: str, created: int, model: str, message: JsonObject, finish_reason: str, used: JsonObject
) -> Completion:
    """An answer of one choice."""
    return {
        "id": id_,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": used,
    }


def chunk(
    *,
    id_: str,
    created: int,
    model: str,
    delta: JsonObject | None = None,
    finish_reason: str | None = None,
    used: JsonObject | None = None,
) -> Chunk:
    """A part of a streamed answer; ``delta`` is filled up to what v1's clients need."""
    return {
        "id": id_,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": "", **(delta or {})}, "finish_reason": finish_reason}
        ],
        "usage": used,
    }
