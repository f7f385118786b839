"""One index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import batched
from typing import Any

from silvercup.adapters.opensearch import bulk
from silvercup.adapters.opensearch.client import Refused, Requests, to_json
from silvercup.adapters.opensearch.documents import cosine_of, document_of, hit_of, unit
from silvercup.adapters.opensearch.queries import ROUNDING, matching_body, nearest_body
from silvercup.docs.embedding import Vector
from silvercup.docs.index import Chunk, Hit, IndexSpec, Scope
from silvercup.docs.query import TextQuery
from silvercup.errors import TransientError

MAX_SIZE = 4096
"""How many documents one search returns at most; OpenSearch allows 10,000."""
MAX_ID = 512
"""Bytes; no document has a longer ``_id``."""
PAGE = 1000
"""Documents in one answer of ``ids_of``; a chunk is there fewer times."""
DOCS = 500
"""Docs that one request of ``ids_of`` asks for."""


class OpenSearchIndex:
    """``DocIndex`` over one index of OpenSearch."""

    def __init__(self, requests: Requests, name: str, spec: IndexSpec, *, makes_ids: bool) -> None:
        """One index.

        Args:
            requests: What reaches it.
            name: Its whole name.
            spec: What it was made with.
            makes_ids: See ``OpenSearchSettings.makes_ids``.
        """
        self._requests = requests
        self._name = name
        self._spec = spec
        self._makes_ids = makes_ids

    @property
    def spec(self) -> IndexSpec:
        """See ``DocIndex.spec``."""
        return self._spec

    def add(self, chunks: Sequence[Chunk]) -> list[str]:
        """See ``DocIndex.add``. All or nothing within one request's 5 MB, as far as OpenSearch takes each chunk."""
        documents = [document_of(chunk, self._spec.dimensions) for chunk in chunks]
        if not documents:
            return []
        self._must_be_there()
        names = [None if self._makes_ids else document["chunk_id"] for document in documents]
        return bulk.send_writes(self._requests, self._name, [*map(bulk.put, documents, names)])

    def _must_be_there(self) -> None:
        """A write to an index that is not there would make one, without our mapping."""
        if not self._requests.send("exists", lambda: self._requests.client.indices.exists(index=self._name)):
            raise Refused("bulk", 404, "index_not_found_exception")

    def remove(self, ids: Iterable[str]) -> None:
        """See ``DocIndex.remove``."""
        names = [name for name in dict.fromkeys(ids) if 0 < len(name.encode("utf-8", "replace")) <= MAX_ID]
        bulk.send_writes(self._requests, self._name, [*map(bulk.take, names)])

    def ids_of(self, tenant: str, doc_ids: Sequence[str]) -> dict[str, list[str]]:
        """See ``DocIndex.ids_of``; docs without chunks are left out."""
        found: dict[str, dict[str, None]] = {}
        for some in batched(dict.fromkeys(doc_ids), DOCS):
            self._collect_ids(tenant, some, found)
        return {doc_id: list(ids) for doc_id, ids in found.items()}

    def _collect_ids(self, tenant: str, doc_ids: Sequence[str], found: dict[str, dict[str, None]]) -> None:
        """Page by ``chunk_id``, from the last one on and not after it: it may be there again."""
        start = ""
        while True:
            docs = [
                {"term": {"tenant": tenant}},
                {"terms": {"doc_id": doc_ids}},
                {"range": {"chunk_id": {"gte": start}}},
            ]
            hits = self._search(
                {
                    "query": {"bool": {"filter": docs}},
                    "size": PAGE,
                    "_source": ["doc_id", "chunk_id"],
                    "sort": ["chunk_id"],
                    "track_total_hits": False,
                }
            )
            for hit in hits:
                found.setdefault(hit["_source"]["doc_id"], {})[hit["_id"]] = None
            if len(hits) < PAGE or hits[-1]["_source"]["chunk_id"] == start:
                return
            start = hits[-1]["_source"]["chunk_id"]

    def nearest(
        self, scope: Scope, vector: Vector, *, limit: int, min_score: float = -1.0, with_vectors: bool = False
    ) -> list[Hit]:
        """See ``DocIndex.nearest``."""
        direction = unit(vector, self._spec.dimensions)

        def body(size: int) -> dict[str, Any]:
            return nearest_body(scope, direction, size=size, min_score=min_score, with_vectors=with_vectors)

        hits = self._distinct(body, limit)
        found = [hit_of(hit["_source"], cosine_of(hit["_score"])) for hit in hits]
        return [hit for hit in found if hit.score >= min_score - ROUNDING]

    def matching(
        self, scope: Scope, query: TextQuery, *, limit: int, fuzzy: bool = False, with_vectors: bool = False
    ) -> list[Hit]:
        """See ``DocIndex.matching``."""
        first = matching_body(scope, query, size=limit, fuzzy=fuzzy, with_vectors=with_vectors)
        if first is None:
            return []
        hits = self._distinct(lambda size: first | {"size": size}, limit)
        return [hit_of(hit["_source"], hit["_score"]) for hit in hits]

    def _distinct(self, body: Callable[[int], dict[str, Any]], limit: int) -> list[dict[str, Any]]:
        """The best documents of a search, each chunk's best only; asks for more while chunks that are there twice fill the answer."""
        size = 2 * limit if self._makes_ids else limit
        while True:
            hits = self._search(body(size))
            chunks: dict[str, dict[str, Any]] = {}
            for hit in hits:
                chunks.setdefault(hit["_source"]["chunk_id"], hit)
            if len(chunks) >= limit or len(hits) < size or size >= MAX_SIZE:
                return list(chunks.values())[:limit]
            size = min(2 * size, MAX_SIZE)

    def _search(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The documents that a search finds.

        Raises:
            TransientError: A part of the index did not answer, too.
        """
        answer: dict[str, Any] = self._requests.send(
            "search", lambda: self._requests.client.search(body=to_json(body), index=self._name)
        )
        if answer.get("timed_out") or answer.get("_shards", {}).get("failed"):
            raise TransientError("opensearch:search had an answer from a part of the index only; it may work later")
        return answer["hits"]["hits"]
