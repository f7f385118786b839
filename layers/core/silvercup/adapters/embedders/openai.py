"""OpenAI's embeddings, and those of servers with the same API (vLLM, Ollama, LM Studio, ...), by the official SDK.

``import openai`` takes about a second, so it happens at the first call, never at import.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from silvercup.adapters.embedders.answers import not_understood, told, vector_of
from silvercup.adapters.embedders.parts import MAX_BYTES, embed_in_parts
from silvercup.docs.embedding import Vector
from silvercup.errors import ModelRejected, ModelUnavailable, SilvercupError
from silvercup.values import loads

if TYPE_CHECKING:
    import openai

MODEL = "text-embedding-3-large"
MAX_TEXTS = 100
MAX_REQUEST_BYTES = 250_000
"""Of the texts of one request: the API reads at most 300,000 tokens of them together."""
TIMEOUT_SECONDS = 30
"""For one try."""
LONGEST_WAIT_SECONDS = 20
"""A provider that asks to wait longer than this before the next try is not waited for."""

_ABOUT_DIMENSIONS = re.compile(r"dimensions|matryoshka", re.IGNORECASE)


class OpenAIEmbedder:
    """An ``Embedder`` served by OpenAI, or by what ``OPENAI_BASE_URL`` names.

    Args:
        model: The model's name.
        dimensions: The length of its vectors; asked for where the model lets one choose.
        api_key: By default ``OPENAI_API_KEY``. A server of one's own is asked without a key when there is none.
        base_url: By default ``OPENAI_BASE_URL``, or OpenAI's own.
        timeout: Seconds for one try.
        max_retries: How often the SDK tries again after 408, 409, 429, 5xx and lost connections, with its own back-off.
        max_bytes: The longest text that the model reads, in UTF-8; a longer one is embedded in parts.
    """

    confidence = 0.5

    def __init__(
        self,
        *,
        model: str = MODEL,
        dimensions: int = 1024,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        max_retries: int = 2,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.model = model
        self.dimensions = dimensions
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._max_retries = max_retries
        self._max_bytes = max_bytes
        self._asks_for_dimensions = True
        self._client: openai.OpenAI | None = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str], /) -> list[Vector]:
        """See ``Embedder.embed``."""
        return embed_in_parts(texts, self._vectors, self._max_bytes)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        return [vector for batch in _batches(texts) for vector in self._batch(batch)]

    def _batch(self, texts: list[str]) -> list[Vector]:
        found = _in_order(self._answer(texts), len(texts))
        return [vector_of(each, model=self.model, dimensions=self.dimensions) for each in found]

    def _answer(self, texts: list[str]) -> str:
        """The body of the answer. A model that does not let one choose its dimensions is asked without."""
        import openai
        from httpx2 import HTTPError

        client = self._opened()
        asked = self._asks_for_dimensions
        try:
            answer = client.embeddings.with_raw_response.create(
                model=self.model,
                input=texts,
                dimensions=self.dimensions if asked else openai.omit,
                encoding_format="float",
            )
        except openai.APIStatusError as error:
            if asked and error.status_code in {400, 422} and _ABOUT_DIMENSIONS.search(str(error)):
                self._asks_for_dimensions = False
                return self._answer(texts)
            raise self._of_status(error, client) from None
        except openai.APITimeoutError:
            raise ModelUnavailable("The embedding provider did not answer in time") from None
        except (openai.APIError, HTTPError) as error:
            said = told(str(error), (client.api_key,))
            raise ModelUnavailable(f"The embedding provider can't be reached: {said}") from None
        return answer.http_response.text

    def _opened(self) -> openai.OpenAI:
        import openai

        with self._lock:
            if self._client is None:
                base_url = self._base_url or os.environ.get("OPENAI_BASE_URL") or None
                key = self._api_key or os.environ.get("OPENAI_API_KEY") or ("none" if base_url else None)
                if key is None:
                    raise ModelRejected("There is no key for the embedding provider: set OPENAI_API_KEY")
                self._client = openai.OpenAI(
                    api_key=key,
                    base_url=base_url,
                    max_retries=self._max_retries,
                    http_client=openai.DefaultHttpxClient(
                        timeout=self._timeout, event_hooks={"response": [_wait_no_longer]}
                    ),
                )
            return self._client

    def _of_status(self, error: openai.APIStatusError, client: openai.OpenAI) -> SilvercupError:
        status = error.status_code
        said = told(
            error.message.removeprefix(f"Error code: {status} - "), (client.api_key, os.environ.get("OPENAI_API_KEY"))
        )
        if status in {408, 409, 429} or status >= 500:
            return ModelUnavailable(f"The embedding provider can't answer now (HTTP {status}): {said}")
        hint = ""
        if status in {401, 403}:
            hint = f". Set OPENAI_API_KEY to a key that may use {self.model}"
        elif status == 404:
            hint = f". OPENAI_BASE_URL must name a server that has /embeddings and the model {self.model}"
        return ModelRejected(f"The embedding provider refused the request (HTTP {status}): {said}{hint}")


def _wait_no_longer(response: Any) -> None:
    """The SDK would wait for two minutes before the next try."""
    try:
        wait = float(response.headers.get("retry-after", 0))
    except ValueError:
        wait = math.inf
    if not wait <= LONGEST_WAIT_SECONDS:
        response.headers["x-should-retry"] = "false"


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if batch and (len(batch) == MAX_TEXTS or size + length > MAX_REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    yield batch


def _in_order(answer: str, count: int) -> list[Any]:
    """The embeddings of an answer in the order of the texts: the API numbers them.

    Raises:
        ModelUnavailable: It is not an answer of the API, or not one to this many texts.
    """
    try:
        data = cast("list[dict[str, Any]]", loads(answer)["data"])
        numbered = {each.get("index", at): each["embedding"] for at, each in enumerate(data)}
        return [numbered[at] for at in range(count)]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise not_understood() from None
