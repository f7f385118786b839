"""OpenAI's chat models, and those of servers with the same API (vLLM, Ollama, LM Studio, OpenRouter, ...), by the official SDK.

``import openai`` takes about a second, so it happens at the first call, never at import.
"""

from __future__ import annotations

import contextvars
import math
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, cast

from silvercup.adapters.model_errors import (
    LONGEST_WAIT_SECONDS,
    TIMEOUT_SECONDS,
    clean,
    moved,
    not_understood,
    of_status,
    unreachable,
)
from silvercup.adapters.model_http import cutter
from silvercup.adapters.openai_answers import Reading, of_error, read_answer
from silvercup.adapters.openai_params import Parameters, parameters
from silvercup.errors import ContextOverflow, ModelRejected, SilvercupError
from silvercup.llm import streams
from silvercup.llm.catalog import OPENAI, is_openais_own
from silvercup.llm.model import Chunk, ChunkStream, Completion, ModelRequest
from silvercup.llm.streams import Link, too_slow, within
from silvercup.values import JsonObject, loads

if TYPE_CHECKING:
    import openai

_CLIENTS = 32
_MAY_BE_LEFT_OUT = 8
"""How many settings a model may refuse, one after the other, before the refusal is the answer."""

_MODELS = 256
"""Of so many models it is remembered what they do not take."""

_UNSUPPORTED = re.compile(
    r"unsupported|not (supported|permitted|allowed)|(un|not )(known|recogni[sz]ed)|unexpected|extra", re.IGNORECASE
)

_deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline")


class OpenAIModel:
    """A ``ChatModel`` served by OpenAI, or by what ``OPENAI_BASE_URL`` names.

    Args:
        api_key: By default ``OPENAI_API_KEY``. A server of one's own is asked without a key when there is none.
        base_url: By default ``OPENAI_BASE_URL``, or OpenAI's own.
        timeout: Seconds that one call may take, its retries included.
        max_retries: How often the SDK tries again after 408, 409, 429, 5xx and lost connections, with its own back-off.
    """

    name = OPENAI

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        max_retries: int = 2,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._max_retries = max_retries
        self._clients: OrderedDict[str, openai.OpenAI] = OrderedDict()
        self._not_taken: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def complete(self, request: ModelRequest) -> Completion:
        """The whole answer."""
        seconds = self._seconds(request)

        def read(_: Link) -> Completion:
            def ask(client: openai.OpenAI, asked: Parameters) -> str:
                create: Any = client.chat.completions.with_raw_response.create
                answer = create(**asked.body)
                return str(answer.http_response.text)

            text = self._asked(request, seconds, ask)
            try:
                answer = loads(text)
            except ValueError:
                raise not_understood("it is not JSON") from None
            return read_answer(answer, request, self._keys(request))

        return within(seconds, read)

    def stream(self, request: ModelRequest) -> ChunkStream:
        """The answer in parts, as they come."""
        seconds = self._seconds(request)

        def read(link: Link) -> Iterable[Chunk]:
            return self._chunks(request, seconds, link)

        return streams.Reading(read, seconds)

    def count(self, request: ModelRequest) -> None:
        """This API does not count."""

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            while self._clients:
                self._clients.popitem()[1].close()

    def _chunks(self, request: ModelRequest, seconds: float, link: Link) -> Iterator[Chunk]:
        def ask(client: openai.OpenAI, asked: Parameters) -> openai.Stream[Any]:
            create: Any = client.chat.completions.create
            return create(**asked.body, stream=True)

        reading = Reading(request)
        with self._asked(request, seconds, ask, streamed=True) as events:
            link.connected(cutter(events.response))
            parts = iter(events)
            while True:
                try:
                    part = next(parts)
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001
                    raise self._of(error, request) from None
                yield from reading.chunks(_plain(part))
        yield reading.end()

    def _asked[T](
        self,
        request: ModelRequest,
        seconds: float,
        ask: Callable[[openai.OpenAI, Parameters], T],
        *,
        streamed: bool = False,
    ) -> T:
        """Ask; a setting that the model turns out not to take is left out from then on."""
        import openai

        _deadline.set(time.monotonic() + seconds)
        client = self._client(request.api_key)
        known = set(self._not_taken.get(request.model, ()))
        own_server = not is_openais_own(str(client.base_url))
        for _ in range(_MAY_BE_LEFT_OUT):
            asked = parameters(request, own_server=own_server, streamed=streamed, without=known)
            try:
                return ask(client, asked)
            except openai.APIStatusError as error:
                name = _not_taken(error, asked, own_server)
                if name is None:
                    raise self._of(error, request) from None
                known.add(name)
                self._learn(request.model, name)
            except Exception as error:  # noqa: BLE001
                raise self._of(error, request) from None
        raise ModelRejected(f"The model {request.model} takes none of these settings: {', '.join(sorted(known))}")

    def _learn(self, model: str, name: str) -> None:
        with self._lock:
            if len(self._not_taken) > _MODELS:
                self._not_taken.clear()
            self._not_taken[model] = self._not_taken.get(model, frozenset()) | {name}

    def _keys(self, request: ModelRequest) -> tuple[str | None, ...]:
        return request.api_key, self._api_key, os.environ.get("OPENAI_API_KEY")

    def _seconds(self, request: ModelRequest) -> float:
        return self._timeout if request.seconds is None else max(0.0, min(self._timeout, request.seconds))

    def _client(self, api_key: str | None) -> openai.OpenAI:
        """The client of a key; the least recently used one of too many is forgotten."""
        import openai

        base_url = self._base_url or os.environ.get("OPENAI_BASE_URL") or None
        own_server = not is_openais_own(base_url or "")
        key = api_key or self._api_key or os.environ.get("OPENAI_API_KEY") or ("none" if own_server else None)
        if key is None:
            raise ModelRejected("There is no key for the model's provider: set OPENAI_API_KEY")
        with self._lock:
            client = self._clients.pop(key, None)
            if client is None:
                hooks = {"request": [_in_time], "response": [_wait_no_longer]}
                client = openai.OpenAI(
                    api_key=key,
                    base_url=base_url,
                    max_retries=self._max_retries,
                    http_client=openai.DefaultHttpxClient(timeout=self._timeout, event_hooks=hooks),
                )
            self._clients[key] = client
            if len(self._clients) > _CLIENTS:
                self._clients.popitem(last=False)
            return client

    def _of(self, error: Exception, request: ModelRequest) -> Exception:
        """The error of our own for one of the SDK's; one that is neither is a bug, and stays."""
        import openai
        from httpx2 import HTTPError

        keys = self._keys(request)
        match error:
            case SilvercupError():
                return error
            case openai.APIStatusError():
                return self._of_status(error, request, keys)
            case openai.APITimeoutError():
                return too_slow()
            case openai.APIConnectionError() | HTTPError():
                cause = error.__cause__
                return cause if isinstance(cause, SilvercupError) else unreachable(clean(str(error), keys))
            case openai.APIError():
                return of_error({**_fields(error), "message": error.message}, keys)
            case JSONDecodeError() | UnicodeDecodeError():
                return not_understood("a part of it is not JSON")
            case _:
                return error

    def _of_status(
        self, error: openai.APIStatusError, request: ModelRequest, keys: tuple[str | None, ...]
    ) -> SilvercupError:
        status = error.status_code
        said = _fields(error).get("message") or error.message
        text = clean(str(said).removeprefix(f"Error code: {status} - "), keys)
        hint = ""
        if status in {401, 403}:
            hint = f"Set OPENAI_API_KEY (in the environment, or a secret of that name) to a key that may use {request.model}"
        elif status == 404:
            hint = moved(request.model, request.requested_model)
        if error.code == "context_length_exceeded":
            return ContextOverflow(f"The model's provider refused the request (HTTP {status}): {text}")
        return of_status(status, text, hint=hint)


def _not_taken(error: openai.APIStatusError, asked: Parameters, own_server: bool) -> str | None:
    """The parameter that the model does not take, if the refusal says so and the answer can do without it."""
    if error.status_code not in {400, 422}:
        return None
    if error.code in {"unsupported_parameter", "unsupported_value"}:
        name = str(error.param or "").partition(".")[0]
        return name if name in asked.optional else None
    if not own_server or not _UNSUPPORTED.search(error.message):
        return None
    return next((name for name in sorted(asked.optional) if re.search(rf"\b{name}\b", error.message)), None)


def _fields(error: openai.APIError) -> JsonObject:
    return cast("JsonObject", error.body) if isinstance(error.body, dict) else {}


def _plain(part: Any) -> Any:
    """A part of a stream as JSON; the SDK's types hold what the server sent, right or wrong."""
    return part.model_dump(exclude_unset=True, warnings=False) if hasattr(part, "model_dump") else part


def _in_time(request: Any) -> None:
    """Before each try: it may take what is left."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise too_slow()
    request.extensions["timeout"] = {"connect": min(left, 10.0), "read": left, "write": left, "pool": left}


def _wait_no_longer(response: Any) -> None:
    """After each try: the SDK would wait for two minutes before the next one."""
    try:
        wait = float(response.headers.get("retry-after", 0))
    except ValueError:
        wait = 0.0
    if math.isnan(wait) or wait > min(LONGEST_WAIT_SECONDS, _deadline.get() - time.monotonic()):
        response.headers["x-should-retry"] = "false"
