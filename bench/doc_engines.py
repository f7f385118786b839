"""What the figures of docs are taken with: the two indexes, and the embedders."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from opensearchpy import OpenSearch, Transport

from silvercup.adapters.opensearch.indexes import OpenSearchIndexes
from silvercup.adapters.opensearch.settings import OpenSearchSettings
from silvercup.docs.embedding import Embedder, Vector
from tests.support.opensearch_node import missing, running_node


class Node:
    """A real OpenSearch node.

    Attributes:
        client: The vendor's own client, past the adapter.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.client = OpenSearch(hosts=[url], timeout=60)

    def indexes(self, prefix: str) -> OpenSearchIndexes:
        """The adapter; indexes of one prefix are apart from those of others."""
        return OpenSearchIndexes(OpenSearchSettings(endpoint=self._url, prefix=f"{prefix}-"))

    def refresh(self) -> None:
        """Everything that was written can be found from here on."""
        self.client.indices.refresh()


@contextmanager
def opensearch_node() -> Generator[Node | None]:
    """A node for the block; None where Java or Maven are missing."""
    if missing() is not None:
        yield None
        return
    with running_node() as url:
        yield Node(url)


def left_out() -> str:
    """What a figure says in the place of OpenSearch's part."""
    return f"OpenSearch: left out, as {missing()}."


@contextmanager
def counted() -> Generator[Counter[str]]:
    """Count the requests that clients of OpenSearch send in the block, by ``METHOD what``."""
    requests: Counter[str] = Counter()
    send = Transport.perform_request

    def counting(self: Transport, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        what = next((part for part in url.split("/") if part.startswith("_")), "index")
        requests[f"{method} {what}"] += 1
        return send(self, method, url, *args, **kwargs)

    Transport.perform_request = counting
    try:
        yield requests
    finally:
        Transport.perform_request = send


class Remembering:
    """An embedder that makes each vector once."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._known: dict[str, Vector] = {}
        self.model, self.dimensions, self.confidence = inner.model, inner.dimensions, inner.confidence

    def embed(self, texts: Sequence[str], /) -> list[Vector]:
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        self._known.update(zip(new, self._inner.embed(new), strict=True))
        return [self._known[text] for text in texts]


class Cheap:
    """An embedder that takes no time of its own: a text's vector is a direction that its hash decides.

    Attributes:
        calls: How often it was asked.
    """

    model = "cheap"
    dimensions = 512
    confidence = 0.0

    def __init__(self) -> None:
        self.calls = 0

    def embed(self, texts: Sequence[str], /) -> list[Vector]:
        self.calls += 1
        seeds = (int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in texts)
        drawn = np.array([np.random.default_rng(seed).standard_normal(self.dimensions) for seed in seeds])
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).tolist()
