"""Any of Bedrock's models by its Converse API and botocore: by IAM, without a key."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

from silvercup.adapters.aws import Clients
from silvercup.adapters.converse_answers import Reading, as_chunks, read_answer, request_id
from silvercup.adapters.converse_params import Parameters, less_of, parameters
from silvercup.adapters.model_errors import TIMEOUT_SECONDS, not_understood
from silvercup.errors import ModelRejected
from silvercup.llm import streams
from silvercup.llm.catalog import BEDROCK
from silvercup.llm.model import Chunk, ChunkStream, Completion, ModelRequest
from silvercup.llm.streams import Link, too_slow, within
from silvercup.values import JsonObject

_deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline")
"""For what botocore calls before each try."""

COUNT_SECONDS = 10
"""How long counting may take, where the request does not say."""

_REGIONS = {"apac", "au", "ca", "eu", "global", "jp", "us", "us-gov"}
"""What the ids of inference profiles begin with."""

_MODELS = 256
"""Of so many models it is remembered what they do not take."""


class ConverseModel:
    """A ``ChatModel`` served by Bedrock.

    What a model turns out not to take (a forced tool, a system prompt, ...) is said to it in another way from then on, or left out.

    Args:
        clients: Gives the client.
        timeout: Seconds that one call may take, its retries included. botocore tries again when it is throttled, after 5xx and lost
            connections, with its own back-off.
    """

    name = BEDROCK

    def __init__(self, clients: Clients, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._clients = clients
        self._timeout = timeout
        self._not_taken: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def complete(self, request: ModelRequest) -> Completion:
        """The whole answer."""

        def read(_: Link) -> Completion:
            answer, asked = self._asked(request, self._client().converse)
            return read_answer(answer, asked)

        return within(self._seconds(request), read)

    def stream(self, request: ModelRequest) -> ChunkStream:
        """The answer in parts, as they come."""

        def read(link: Link) -> Iterable[Chunk]:
            return self._chunks(request, link)

        return streams.Reading(read, self._seconds(request))

    def count(self, request: ModelRequest) -> int | None:
        """By Bedrock's CountTokens; None for the many models that have no such thing."""
        body = parameters(request, self._known(request)).body
        kept = {name: body[name] for name in ("messages", "system", "toolConfig") if name in body}
        return count_tokens(self._clients, request, {"converse": kept})

    def _chunks(self, request: ModelRequest, link: Link) -> Iterator[Chunk]:
        client = self._client()
        if request.tools and "streamed_tools" in self._known(request):
            answer, asked = self._asked(request, client.converse)
            yield from as_chunks(read_answer(answer, asked))
            return
        answer, asked = self._asked(request, client.converse_stream)
        if "stream" not in answer:  # it was asked without, as above
            yield from as_chunks(read_answer(answer, asked))
            return
        from silvercup.adapters.bedrock_errors import of_sdk

        reading = Reading(request_id(answer), asked)
        with closing(answer["stream"]) as events:
            link.connected(_cutter(events))
            parts = iter(events)
            while True:
                try:
                    event: Any = next(parts)
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001
                    raise of_sdk(error, request) from None
                yield from reading.chunks(event)
        yield reading.end()

    def _asked(self, request: ModelRequest, method: Callable[..., JsonObject]) -> tuple[JsonObject, Parameters]:
        """Ask, and ask again without what the model does not take."""
        from botocore.exceptions import ClientError

        from silvercup.adapters.bedrock_errors import code_of, of_sdk, said

        _deadline.set(time.monotonic() + self._seconds(request))
        known = set(self._known(request))
        while True:
            asked = parameters(request, known)
            try:
                return method(**asked.body), asked
            except ClientError as error:
                less = less_of(said(error), known) if code_of(error) == "ValidationException" else None
                if less is None:
                    raise of_sdk(error, request) from None
                known.add(less)
                if less != "tools":
                    self._learn(request.model, less)
                if less == "streamed_tools":
                    method = self._client().converse
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise not_understood(f"{type(error).__name__} while reading it") from None
            except Exception as error:  # noqa: BLE001
                raise of_sdk(error, request) from None

    def _known(self, request: ModelRequest) -> frozenset[str]:
        return self._not_taken.get(request.model, frozenset())

    def _learn(self, model: str, name: str) -> None:
        with self._lock:
            if len(self._not_taken) > _MODELS:
                self._not_taken.clear()
            self._not_taken[model] = self._not_taken.get(model, frozenset()) | {name}

    def _seconds(self, request: ModelRequest) -> float:
        if request.api_key:
            raise ModelRejected("Bedrock is asked by IAM; it takes no API key")
        return self._timeout if request.seconds is None else max(0.0, min(self._timeout, request.seconds))

    def _client(self) -> Any:
        client = self._clients.models(self._timeout)
        client.meta.events.register("before-send.bedrock-runtime", _in_time, unique_id="silvercup-in-time")
        return client


def _in_time(**_: Any) -> None:
    """Before each try: nobody waits for it past the deadline."""
    if time.monotonic() > _deadline.get(float("inf")):
        raise too_slow()


def count_tokens(clients: Clients, request: ModelRequest, given: JsonObject) -> int | None:
    """Bedrock's count of a prompt. It knows models by the ids that they have without a region's prefix.

    Args:
        clients: Gives the client.
        request: For the model.
        given: The API's ``input``: ``{converse: ...}`` or ``{invokeModel: ...}``.

    Raises:
        ModelUnavailable: It can't count now.
    """
    from botocore.exceptions import ClientError

    from silvercup.adapters.bedrock_errors import code_of, of_sdk

    head, _, rest = request.model.rsplit("/", 1)[-1].partition(".")
    model = rest if "." in rest and head in _REGIONS else request.model

    def ask(_: Link) -> Any:
        return clients.get("bedrock-runtime").count_tokens(modelId=model, input=given)

    try:
        answer = within(COUNT_SECONDS if request.seconds is None else request.seconds, ask)
    except ClientError as error:
        if code_of(error) in {"ValidationException", "AccessDeniedException", "ResourceNotFoundException"}:
            return None
        raise of_sdk(error, request) from None
    except Exception as error:  # noqa: BLE001
        raise of_sdk(error, request) from None
    tokens = answer.get("inputTokens")
    return tokens if isinstance(tokens, int) else None


def _cutter(events: Any) -> Callable[[], None]:
    """What breaks the connection that an event stream is read from: its reader sees the end of it, and closes it."""
    raw: Any = getattr(events, "_raw_stream", None)

    def cut() -> None:
        raw.shutdown()

    return cut
