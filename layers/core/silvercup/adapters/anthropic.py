"""Anthropic's models by its Messages API and its official SDK.

``import anthropic`` takes over a second, so it happens at the first call, never at import.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, cast

from silvercup.adapters.anthropic_answers import Reading, read_message
from silvercup.adapters.anthropic_params import Parameters, parameters
from silvercup.adapters.model_errors import (
    LONGEST_WAIT_SECONDS,
    TIMEOUT_SECONDS,
    clean,
    cut_off,
    moved,
    not_understood,
    of_status,
    refused,
    unavailable,
    unreachable,
)
from silvercup.adapters.model_http import cutter
from silvercup.errors import ModelRejected, SilvercupError
from silvercup.llm import streams
from silvercup.llm.catalog import ANTHROPIC
from silvercup.llm.model import Chunk, ChunkStream, Completion, ModelRequest
from silvercup.llm.streams import Link, too_slow

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message, RawMessageStreamEvent

STREAM_FROM_TOKENS = 21_000
"""From this ``max_tokens`` on, an answer may take over 10 minutes; an idle connection would not live so long."""

_CLIENTS = 32

_LATER = {
    *("overloaded_error", "api_error", "rate_limit_error", "timeout_error"),
    *("internalServerException", "modelStreamErrorException", "modelTimeoutException"),
    *("serviceUnavailableException", "throttlingException"),
}
"""Types of errors within a stream that may pass; the lower ones are Bedrock's."""

_RATE_LIMITS = {"rate_limit_error", "throttlingException"}

_deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline")
"""For the middleware, during the opening of a call. A stream that is read on may be read in other contexts."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is going on.

    Attributes:
        parameters: What is asked.
        client: Of whom.
        deadline: By ``time.monotonic``.
    """

    parameters: Parameters
    client: anthropic.Anthropic
    deadline: float

    def check_time(self) -> None:
        """Raise ModelUnavailable past the deadline."""
        if time.monotonic() > self.deadline:
            raise too_slow()


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
            return read_message(message, call.parameters.names, wants_json=call.parameters.wants_json)

    def stream(self, request: ModelRequest) -> ChunkStream:
        """The answer in parts, as they come."""

        def read(link: Link) -> Iterable[Chunk]:
            return self._chunks(request, link)

        return streams.Reading(read, self._seconds(request))

    def count(self, request: ModelRequest) -> int | None:
        """By the API's own counting, which costs nothing."""
        with self._call(request) as call:
            kept = {"messages", "model", "system", "tools", "tool_choice", "thinking"}
            body = {name: value for name, value in call.parameters.body.items() if name in kept}
            counted = call.client.messages.count_tokens(**body, extra_headers=call.parameters.betas)
            tokens: Any = getattr(counted, "input_tokens", None)
            return tokens if isinstance(tokens, int) else None

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            while self._clients:
                self._clients.popitem()[1].close()

    def _chunks(self, request: ModelRequest, link: Link) -> Iterator[Chunk]:
        with self._call(request) as call:
            reading = Reading(call.parameters.names)
            with call.client.messages.create(**call.parameters.body, stream=True) as events:
                link.connected(cutter(events.response))
                for event in cast("Iterator[RawMessageStreamEvent]", events):
                    call.check_time()
                    yield from reading.chunks(event)
            if not reading.done:
                raise cut_off()

    def _seconds(self, request: ModelRequest) -> float:
        return self._timeout if request.seconds is None else max(0.0, min(self._timeout, request.seconds))

    @contextmanager
    def _call(self, request: ModelRequest) -> Generator[Call]:
        import anthropic
        import httpx2

        asked = self._parameters(request, anthropic.transform_schema)
        try:
            client = self._client(request.api_key)
        except anthropic.AnthropicError as error:
            raise self._no_key(error) from None
        call = Call(asked, client, time.monotonic() + self._seconds(request))
        _deadline.set(call.deadline)
        try:
            yield call
        except anthropic.APIStatusError as error:
            raise self._of_status(error, request, client) from None
        except anthropic.APITimeoutError:
            raise too_slow() from None
        except JSONDecodeError:
            raise not_understood("it is not JSON") from None
        except anthropic.APIResponseValidationError as error:
            raise not_understood(self._clean(error.message, client)) from None
        except (anthropic.APIError, httpx2.HTTPError) as error:
            raise unreachable(self._clean(str(error), client)) from None
        except TypeError as error:
            if "authentication" not in str(error):
                raise
            raise self._no_key(error) from None

    def _client(self, api_key: str | None) -> anthropic.Anthropic:
        """The client of a key; the least recently used one of too many is forgotten."""
        with self._lock:
            client = self._clients.pop(api_key, None)
            if client is None:
                client = self._make(api_key)
            self._clients[api_key] = client
            if len(self._clients) > _CLIENTS:
                self._clients.popitem(last=False)
            return client

    def _make(self, api_key: str | None) -> anthropic.Anthropic:
        import anthropic

        return anthropic.Anthropic(
            api_key=api_key,
            base_url=self._base_url,
            timeout=self._timeout,
            max_retries=self._max_retries,
            middleware=[within_time],
        )

    def _parameters(self, request: ModelRequest, transform_schema: Any) -> Parameters:
        return parameters(request, transform_schema)

    def _no_key(self, error: Exception) -> ModelRejected:
        return ModelRejected(f"There is no key for the model's provider: set ANTHROPIC_API_KEY ({error})")

    def _hint(self, status: int, request: ModelRequest) -> str:
        """What would be right, after a refusal."""
        if status == 401:
            return "Set ANTHROPIC_API_KEY (in the environment, or a secret of that name) to a valid key"
        return moved(request.model, request.requested_model) if status == 404 else ""

    def _clean(self, text: str, client: anthropic.Anthropic) -> str:
        environment = (os.environ.get("ANTHROPIC_API_KEY"), os.environ.get("ANTHROPIC_AUTH_TOKEN"))
        return clean(text, (client.api_key, client.auth_token, *environment))

    def _of_status(
        self, error: anthropic.APIStatusError, request: ModelRequest, client: anthropic.Anthropic
    ) -> SilvercupError:
        status = error.status_code
        said = self._clean(_said(error), client)
        if status >= 400:
            return of_status(status, said, hint=self._hint(status, request))
        # An error within a stream comes after HTTP 200.
        kind = str(error.type)
        if kind in _LATER:
            return unavailable(kind, said, rate_limit=kind in _RATE_LIMITS)
        return refused(kind, said)


def within_time(request: Any, call_next: Any) -> Any:
    """The SDK's middleware, around each try: no try goes past the call's deadline, and no wait for the next one is long."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise too_slow()
    request = request.copy(timeout=left)
    import anthropic

    try:
        response = call_next(request)
    except anthropic.APITimeoutError:
        # Its own error would be retried, for as long again.
        raise too_slow() from None
    try:
        wait = float(response.headers.get("retry-after", 0))
    except ValueError:
        wait = 0
    if wait > min(LONGEST_WAIT_SECONDS, _deadline.get() - time.monotonic()):
        response.headers["x-should-retry"] = "false"
    return response


def _said(error: anthropic.APIStatusError) -> str:
    """The provider's own words: Anthropic's, or AWS's (``{"message": ...}``)."""
    body = cast("dict[str, Any]", error.body) if isinstance(error.body, dict) else {}
    plain = next((body[name] for name in ("message", "Message") if isinstance(body.get(name), str)), None)
    return error.api_message or plain or error.message
