"""Anthropic's models by its Messages API and its official SDK.

``import anthropic`` takes over a second, so it happens at the first call, never at import.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from silvercup.adapters.anthropic_params import Parameters, parameters
from silvercup.errors import ModelRejected, ModelUnavailable, SilvercupError
from silvercup.llm.catalog import ANTHROPIC
from silvercup.llm.model import Chunk, Completion, ModelRequest, chunk, completion, usage
from silvercup.values import JsonObject, dumps

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message, RawMessageStreamEvent

TIMEOUT_SECONDS = 14 * 60
"""How long a call may take, all tries together: a function lives for 15 minutes."""

LONGEST_WAIT_SECONDS = 60
"""A provider that asks to wait longer than this before the next try is not waited for."""

STREAM_FROM_TOKENS = 21_000
"""From this ``max_tokens`` on, an answer may take over 10 minutes; an idle connection would not live so long."""

_CLIENTS = 32

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

_LATER = {"overloaded_error", "api_error", "rate_limit_error", "timeout_error"}

_deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline")
"""For the middleware, during the opening of a call. A stream that is read on may be read in other contexts."""


@dataclass(frozen=True, slots=True)
class _Call:
    parameters: Parameters
    client: anthropic.Anthropic
    deadline: float

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise _too_slow()


class AnthropicModel:
    """A ``ChatModel`` served by Anthropic, or by what ``ANTHROPIC_BASE_URL`` names.

    Args:
        base_url: Where the API is; by default as the SDK finds it.
        timeout: Seconds that one call may take, its retries included.
        max_retries: How often the SDK tries again after 408, 409, 429, 5xx and lost connections, with its own back-off.
    """

    name = ANTHROPIC

    def __init__(self, *, base_url: str | None = None, timeout: float = TIMEOUT_SECONDS, max_retries: int = 2) -> None:
        self._base_url = base_url
        self._timeout = timeout
        self._max_retries = max_retries
        self._clients: OrderedDict[str | None, anthropic.Anthropic] = OrderedDict()
        self._lock = threading.Lock()

    def complete(self, request: ModelRequest) -> Completion:
        """The whole answer; a long one is streamed from the provider all the same."""
        with self._call(request) as call:
            body = call.parameters.body
            if body["max_tokens"] < STREAM_FROM_TOKENS:
                message = cast("Message", call.client.messages.create(**body))
            else:
                with call.client.messages.stream(**body) as stream:
                    for _ in stream:
                        call.check_time()
                    message = cast("Message", stream.get_final_message())
            return _completion(message, wants_json=call.parameters.wants_json)

    def stream(self, request: ModelRequest) -> Iterator[Chunk]:
        """The answer in parts, as they come."""
        with self._call(request) as call:
            reading = _Reading()
            with call.client.messages.create(**call.parameters.body, stream=True) as events:
                for event in cast("Iterator[RawMessageStreamEvent]", events):
                    call.check_time()
                    yield from reading.chunks(event)
            if not reading.done:
                raise ModelUnavailable("The model's provider closed the stream before the answer was complete")

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            while self._clients:
                self._clients.popitem()[1].close()

    @contextmanager
    def _call(self, request: ModelRequest) -> Generator[_Call]:
        import anthropic
        import httpx2

        asked = parameters(request, anthropic.transform_schema)
        try:
            client = self._client(request.api_key)
        except anthropic.AnthropicError as error:
            raise _no_key(error) from None
        call = _Call(asked, client, time.monotonic() + self._timeout)
        _deadline.set(call.deadline)
        try:
            yield call
        except anthropic.APIStatusError as error:
            raise _of_status(error, request, client) from None
        except anthropic.APITimeoutError:
            raise _too_slow() from None
        except (anthropic.APIError, httpx2.HTTPError) as error:
            raise ModelUnavailable(_clean(f"The model's provider can't be reached: {error}", client)) from None
        except TypeError as error:
            if "authentication" not in str(error):
                raise
            raise _no_key(error) from None

    def _client(self, api_key: str | None) -> anthropic.Anthropic:
        """The client of a key; the least recently used one of too many is forgotten."""
        import anthropic

        with self._lock:
            client = self._clients.pop(api_key, None)
            if client is None:
                client = anthropic.Anthropic(
                    api_key=api_key,
                    base_url=self._base_url,
                    timeout=self._timeout,
                    max_retries=self._max_retries,
                    middleware=[_within_time],
                )
            self._clients[api_key] = client
            if len(self._clients) > _CLIENTS:
                self._clients.popitem(last=False)
            return client


def _within_time(request: Any, call_next: Any) -> Any:
    """The SDK's middleware, around each try: no try goes past the call's deadline, and no wait for the next one is long."""
    if request.retries_taken:
        left = _deadline.get() - time.monotonic()
        if left <= 0:
            raise _too_slow()
        request = request.copy(timeout=left)
    import anthropic

    try:
        response = call_next(request)
    except anthropic.APITimeoutError:
        # Its own error would be retried, for as long again.
        raise _too_slow() from None
    try:
        wait = float(response.headers.get("retry-after", 0))
    except ValueError:
        wait = 0
    if wait > min(LONGEST_WAIT_SECONDS, _deadline.get() - time.monotonic()):
        response.headers["x-should-retry"] = "false"
    return response


def _too_slow() -> ModelUnavailable:
    return ModelUnavailable("The model's provider did not answer in time")


def _no_key(error: Exception) -> ModelRejected:
    return ModelRejected(f"There is no key for the model's provider: set ANTHROPIC_API_KEY ({error})")


def _of_status(error: anthropic.APIStatusError, request: ModelRequest, client: anthropic.Anthropic) -> SilvercupError:
    status = error.status_code
    said = _clean(error.api_message or error.message, client)
    what = f"HTTP {status}" if status >= 400 else error.type  # an error within a stream comes after HTTP 200
    if status in {408, 409, 429} or status >= 500 or (status < 400 and error.type in _LATER):
        return ModelUnavailable(f"The model's provider can't answer now ({what}): {said}")
    hint = ""
    if status == 401:
        hint = ". Set ANTHROPIC_API_KEY (in the environment, or a secret of that name) to a valid key"
    elif status == 404:
        hint = f". {request.model} serves {request.requested_model or request.model}; SILVERCUP_MODEL_ALIASES can name another model"
    return ModelRejected(f"The model's provider refused the request ({what}): {said}{hint}")


def _clean(text: str, client: anthropic.Anthropic) -> str:
    """The text without any key in it."""
    keys = (
        client.api_key,
        client.auth_token,
        os.environ.get("ANTHROPIC_API_KEY"),
        os.environ.get("ANTHROPIC_AUTH_TOKEN"),
    )
    for key in filter(None, keys):
        text = text.replace(key, "***")
    return text


def _completion(message: Message, *, wants_json: bool) -> Completion:
    text = "".join(block.text for block in message.content if block.type == "text")
    calls = [
        _tool_call(block.id, block.name, dumps(block.input)) for block in message.content if block.type == "tool_use"
    ]
    said: JsonObject = {"role": "assistant", "content": _unfenced(text) if wants_json else text}
    if calls:
        said["content"] = text or None
        said["tool_calls"] = calls
    return completion(
        id_=message.id,
        created=int(time.time()),
        model=message.model,
        message=said,
        finish_reason=_FINISH.get(message.stop_reason or "", "stop"),
        used=usage(_prompt_tokens(message.usage), message.usage.output_tokens),
    )


def _tool_call(call_id: str, name: str, arguments: str) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _prompt_tokens(used: Any) -> int:
    """All that was read, from the cache or not: the provider counts the three apart."""
    return (used.input_tokens or 0) + (used.cache_creation_input_tokens or 0) + (used.cache_read_input_tokens or 0)


def _unfenced(text: str) -> str:
    """The inside of a code fence around the whole text, which models write in spite of what they are told."""
    bare = text.strip()
    if not (bare.startswith("```") and bare.endswith("```") and "\n" in bare):
        return text
    return bare.split("\n", 1)[1].removesuffix("```").strip()


class _Reading:
    """Turns the provider's events into chunks."""

    def __init__(self) -> None:
        self.done = False
        self._head: dict[str, Any] = {}
        self._prompt_tokens = 0
        self._calls: dict[int, int] = {}

    def chunks(self, event: RawMessageStreamEvent) -> Iterator[Chunk]:
        match event.type:
            case "message_start":
                self._head = {"id_": event.message.id, "created": int(time.time()), "model": event.message.model}
                self._prompt_tokens = _prompt_tokens(event.message.usage)
                yield chunk(**self._head)
            case "content_block_start" if event.content_block.type == "tool_use":
                at = self._calls.setdefault(event.index, len(self._calls))
                opened = {"index": at, **_tool_call(event.content_block.id, event.content_block.name, "")}
                yield chunk(**self._head, delta={"tool_calls": [opened]})
            case "content_block_delta" if event.delta.type == "text_delta":
                yield chunk(**self._head, delta={"content": event.delta.text})
            case "content_block_delta" if event.delta.type == "input_json_delta":
                part = {"index": self._calls[event.index], "function": {"arguments": event.delta.partial_json}}
                yield chunk(**self._head, delta={"tool_calls": [part]})
            case "message_delta":
                self.done = True
                finish = _FINISH.get(event.delta.stop_reason or "", "stop")
                used = usage(_prompt_tokens(event.usage) or self._prompt_tokens, event.usage.output_tokens)
                yield chunk(**self._head, finish_reason=finish, used=used)
            case _:
                pass
