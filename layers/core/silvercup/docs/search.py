"""Search: the index finds candidates, the table says which of them count, v1's formulas put them in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from silvercup.deletions import is_gone
from silvercup.docs import filters, fusion, generations, mmr, trigrams
from silvercup.docs.documents import DocOwner, doc_key, readable
from silvercup.docs.embedding import Embedder, Vector
from silvercup.docs.generations import POINTER, Generations
from silvercup.docs.index import DocIndex, DocIndexes, Hit, IndexSpec, Scope
from silvercup.docs.languages import DEFAULT_TAG, analyzer_of
from silvercup.docs.parsing import parse, without_stop_words
from silvercup.docs.query import TextQuery
from silvercup.errors import InvalidShape, Problem
from silvercup.storage import Item, Tables
from silvercup.values import JsonObject, loads

MAX_LIMIT = 50

type Mode = Literal["text", "vector", "hybrid"]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What a search asks for; the defaults are v1's, but for ``confidence``, which v1 set for its own embedder.

    Attributes:
        text: Words to look for; with ``mode`` vector or hybrid also what is embedded where there is no ``vector``.
        vector: A direction to look in.
        mode: How; None: by what is given, as in v1 (``text`` alone is never embedded).
        limit: How many chunks at most, 1 to ``MAX_LIMIT``.
        confidence: The smallest cosine that counts, -1 to 1; None: the embedder's own.
        alpha: The weight of the vectors in a hybrid search, 0 to 1.
        mmr_strength: How much variety counts against nearness, 0 (none) to below 1.
        k_multiplier: How many times ``limit`` is looked for before a hybrid search puts both in order.
        metadata_filter: What a doc's metadata must contain.
        lang: The language of ``text``, a BCP 47 tag.
        trigram_similarity_threshold: With it, words that are spelled a little differently match as well, from this similarity on.
        include_embeddings: Whether the chunks found carry their vectors.
        words: What to look for in place of the words of ``text``; for callers that know which of them say something.
        embed: What to embed in place of ``text``.
    """

    text: str | None = None
    vector: Vector | None = None
    mode: Mode | None = None
    limit: int = 10
    confidence: float | None = None
    alpha: float = 0.5
    mmr_strength: float = 0.5
    k_multiplier: int = 5
    metadata_filter: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lang: str = DEFAULT_TAG
    trigram_similarity_threshold: float | None = None
    include_embeddings: bool = True
    words: TextQuery | None = None
    embed: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk that a search shows.

    Attributes:
        hit: The chunk.
        distance: v1's number: of a vector search 1 - cosine, of a hybrid one 1 - the fused score (the smaller the better), of a
            text search the score (the larger the better).
        metadata: Its doc's.
    """

    hit: Hit
    distance: float
    metadata: JsonObject


class DocSearch:
    """Searches of all tenants.

    Args:
        tables: Where docs are.
        indexes: Where they are looked for.
        embedder: Gives what makes the vectors, when a query has to be embedded or a vector's length is to be checked.
        clock: Seconds.
    """

    def __init__(
        self,
        tables: Tables,
        indexes: DocIndexes,
        embedder: Callable[[], Embedder],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._tables = tables
        self._indexes = indexes
        self._embedder = embedder
        self._clock = clock

    def search(self, tenant: str, owner: DocOwner, request: SearchRequest) -> JsonObject:
        """Search an owner's docs, as the API shows it.

        Returns:
            ``{docs: [DocReference], time}``; the time in seconds.

        Raises:
            NotFound: There is no such owner.
            InvalidShape, InvalidRequest: The request can't be carried out as it is; says why.
            Conflict: The index was made with another embedder.
        """
        began = self._clock()
        items = self._tables.get_many([owner.key(tenant), POINTER])
        owner.owner(tenant).check(items)
        docs = self.references(tenant, [owner], request, items.get(POINTER))
        return {"docs": docs, "time": max(self._clock() - began, 0.001)}

    def references(
        self, tenant: str, owners: Sequence[DocOwner], request: SearchRequest, pointer: Item | None
    ) -> list[JsonObject]:
        """As ``find``, as the API shows them: ``DocReference``."""
        found = self.find(tenant, owners, request, pointer)
        return [_reference(one, embeddings=request.include_embeddings) for one in found]

    def find(
        self, tenant: str, owners: Sequence[DocOwner], request: SearchRequest, pointer: Item | None
    ) -> list[Found]:
        """The chunks of some owners' docs, in v1's order.

        Args:
            tenant: Whose.
            owners: Of which agents and users.
            request: What is asked.
            pointer: The item ``generations.POINTER``, as just read.

        Raises:
            InvalidShape, InvalidRequest, Conflict: As ``search``.
        """
        mode = _mode(request)
        terms = filters.terms_of_filter(dict(request.metadata_filter))
        scope = Scope(tenant, [owner.name for owner in owners], terms)
        vector = self._vector(request, mode)
        current = Generations.of(pointer).current
        index = self._indexes.open(current) if current else None
        if index is None:
            return []
        if mode != "text":
            generations.checked(index, IndexSpec.of(self._embedder()))
        varied = mode != "text" and request.mmr_strength > 0
        wanted = min(2 * request.limit, request.limit + 10) if varied else request.limit
        with_vectors = varied or request.include_embeddings
        query = _Query(index, scope, request, vector, self._confidence(request, mode), wanted, with_vectors)
        ranked = {"text": query.by_text, "vector": query.by_vector, "hybrid": query.by_both}[mode]()
        found = self._true(tenant, ranked, request, wanted)
        if varied and vector is not None and len(found) > request.limit:
            vectors = [one.hit.vector for one in found]
            order = mmr.diversified(vector, vectors, mmr_strength=request.mmr_strength, limit=request.limit)
            found = [found[position] for position in order]
        return found[: request.limit]

    def _vector(self, request: SearchRequest, mode: Mode) -> Vector | None:
        """What is looked for in the index; checked against the embedder before it is."""
        if mode == "text":
            return None
        embedder = self._embedder()
        if request.vector is None:
            return embedder.embed([request.embed or request.text or ""])[0]
        if len(request.vector) != embedder.dimensions:
            raise _wrong(
                "vector",
                f"The vector has {len(request.vector)} dimensions; those of {embedder.model} have {embedder.dimensions} (POST /embed makes them)",
            )
        if not any(request.vector):
            raise _wrong("vector", "The vector is all zeros, which is no direction")
        return request.vector

    def _confidence(self, request: SearchRequest, mode: Mode) -> float:
        if mode == "text" or request.confidence is not None:
            return request.confidence or 0.0
        return self._embedder().confidence

    def _true(
        self, tenant: str, ranked: Iterable[tuple[Hit, float]], request: SearchRequest, wanted: int
    ) -> list[Found]:
        """The first of what was found that the table knows: of docs that are there, in their version of now."""
        left = list(ranked)
        found: list[Found] = []
        while left and len(found) < wanted:
            some, left = left[: wanted - len(found)], left[wanted - len(found) :]
            keys = {doc_key(tenant, hit.doc_id) for hit, _ in some}
            items = self._tables.get_many(keys)
            for hit, distance in some:
                item = items.get(doc_key(tenant, hit.doc_id))
                if item is None or is_gone(item) or item["version"] != hit.version or item["owner"] != hit.owner:
                    continue
                metadata: JsonObject = loads(item["metadata"])
                if filters.contains(metadata, dict(request.metadata_filter)):
                    found.append(Found(hit, distance, metadata))
        return found


@dataclass(frozen=True, slots=True)
class _Query:
    """One search of one index; each method gives (hit, v1's distance), best first."""

    index: DocIndex
    scope: Scope
    request: SearchRequest
    vector: Vector | None
    confidence: float
    wanted: int
    with_vectors: bool

    def by_text(self) -> list[tuple[Hit, float]]:
        return [(hit, hit.score) for hit in self._matching(self._parsed(), _spare(self.wanted))]

    def by_vector(self) -> list[tuple[Hit, float]]:
        return [(hit, 1.0 - hit.score) for hit in self._nearest(_spare(self.wanted))]

    def by_both(self) -> list[tuple[Hit, float]]:
        limit = min(self.wanted * self.request.k_multiplier, 500)
        query = self._parsed()
        words = self._matching(query if self.request.words is not None else without_stop_words(query), limit)
        return fusion.hybrid(words, self._nearest(limit), alpha=self.request.alpha, limit=2 * limit)

    def _nearest(self, limit: int) -> list[Hit]:
        assert self.vector is not None
        return self.index.nearest(
            self.scope, self.vector, limit=limit, min_score=self.confidence, with_vectors=self.with_vectors
        )

    def _parsed(self) -> TextQuery:
        if self.request.words is not None:
            return self.request.words
        return parse(self.request.text or "", analyzer_of(self.request.lang))

    def _matching(self, query: TextQuery, limit: int) -> list[Hit]:
        """Text hits with scores from 0 to 1, and below them, where that is wanted, those that are only similar in their spelling."""
        if not (query.required or query.optional):
            return []
        hits = self.index.matching(self.scope, query, limit=limit, with_vectors=self.with_vectors)
        hits = [replace(hit, score=fusion.saturated(hit.score)) for hit in hits]
        threshold = self.request.trigram_similarity_threshold
        if threshold is None or not query.optional:
            return hits
        known = {hit.chunk_id for hit in hits}
        least = min((hit.score for hit in hits), default=1.0)
        close = self.index.matching(self.scope, query, limit=limit, fuzzy=True, with_vectors=self.with_vectors)
        similar = [
            replace(hit, score=closeness * least)
            for hit in close
            if hit.chunk_id not in known
            and (closeness := trigrams.closeness(self.request.text or "", hit.title, hit.text)) > threshold
        ]
        return [*hits, *sorted(similar, key=lambda hit: -hit.score)][:limit]


def _spare(wanted: int) -> int:
    """How many to ask for, so that some may turn out to be gone."""
    return min(wanted + 10, 500)


def _mode(request: SearchRequest) -> Mode:
    if request.mode is not None:
        if request.mode != "vector" and request.text is None:
            raise _wrong("text", f"A {request.mode} search needs a text")
        if request.text is None and request.vector is None:
            raise _wrong("vector", "A vector search needs a vector, or a text that is embedded")
        return request.mode
    if request.vector is None and request.text is None:
        raise _wrong("text", "Send a text, a vector, or both")
    if request.vector is None:
        return "text"
    return "vector" if request.text is None else "hybrid"


def _reference(found: Found, *, embeddings: bool) -> JsonObject:
    hit = found.hit
    owner = DocOwner.of(hit.owner)
    snippet: JsonObject = {"index": hit.position, "content": hit.text}
    if embeddings and hit.vector is not None:
        snippet["embedding"] = readable(hit.vector)
    return {
        "id": hit.doc_id,
        "owner": {"id": owner.id, "role": owner.role},
        "title": hit.title,
        "snippet": snippet,
        "distance": found.distance,
        "metadata": found.metadata,
    }


def _wrong(loc: str, message: str) -> InvalidShape:
    return InvalidShape(message, [Problem(loc, message)])
