"""Docs in memory: an index that behaves like the least obliging engine, an embedder that counts, and the stream between table and indexer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from silvercup.docs import generations
from silvercup.docs.documents import TABLE, DocOwner
from silvercup.docs.index import Chunk, Hit, IndexSpec, Scope
from silvercup.docs.indexing import Indexer
from silvercup.docs.query import TextQuery
from silvercup.docs.search import DocSearch
from silvercup.docs.service import DocService
from silvercup.errors import Conflict, ModelRejected, ModelUnavailable
from silvercup.ids import uuid7
from silvercup.storage import Change, Item, Key
from tests.support.tables import MemoryBlobs, MemoryTables

TENANT = "00000000-0000-0000-0000-000000000000"
OTHER = "11111111-1111-1111-1111-111111111111"
SPEC = IndexSpec("letters", 26)


class MemoryIndex:
    """One index. Each chunk that is put in gets an id of its own, also the same one again, as in a vector collection.

    Attributes:
        chunks: By id.
        hidden: Ids that ``ids_of`` does not see yet.
        fail: Called before each write; may raise.
    """

    def __init__(self, spec: IndexSpec) -> None:
        self._spec = spec
        self.chunks: dict[str, Chunk] = {}
        self.hidden: set[str] = set()
        self.fail: Callable[[str], None] = lambda _: None
        self.adds = 0

    @property
    def spec(self) -> IndexSpec:
        return self._spec

    def add(self, chunks: Sequence[Chunk]) -> list[str]:
        self.fail("add")
        self.adds += 1
        ids = [uuid7() for _ in chunks]
        self.chunks.update(zip(ids, chunks, strict=True))
        return ids

    def remove(self, ids: Iterable[str]) -> None:
        self.fail("remove")
        for one in ids:
            self.chunks.pop(one, None)

    def ids_of(self, tenant: str, doc_ids: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one, chunk in self.chunks.items():
            if chunk.tenant == tenant and chunk.doc_id in doc_ids and one not in self.hidden:
                found.setdefault(chunk.doc_id, []).append(one)
        return found

    def nearest(
        self, scope: Scope, vector: Sequence[float], *, limit: int, min_score: float = -1.0, with_vectors: bool = False
    ) -> list[Hit]:
        def score(chunk: Chunk) -> float:
            assert chunk.vector is not None
            return math.sumprod(chunk.vector, vector) / math.hypot(*vector)

        chunks = [chunk for chunk in self._within(scope) if chunk.vector]
        found = [hit_of(chunk, score(chunk), with_vectors=with_vectors) for chunk in chunks]
        return sorted((hit for hit in found if hit.score >= min_score), key=lambda hit: -hit.score)[:limit]

    def matching(
        self, scope: Scope, query: TextQuery, *, limit: int, fuzzy: bool = False, with_vectors: bool = False
    ) -> list[Hit]:
        words = {word.text.lower() for word in query.optional}
        found = []
        for chunk in self._within(scope):
            there = set(f"{chunk.title} {chunk.text}".lower().split())
            score = len(words & there) or (fuzzy and any(word[:3] == other[:3] for word in words for other in there))
            if score:
                found.append(hit_of(chunk, float(score), with_vectors=with_vectors))
        return sorted(found, key=lambda hit: -hit.score)[:limit]

    def _within(self, scope: Scope) -> list[Chunk]:
        unique = {chunk.chunk_id: chunk for chunk in self.chunks.values()}
        return [
            chunk
            for chunk in unique.values()
            if chunk.tenant == scope.tenant and chunk.owner in scope.owners and set(scope.terms) <= set(chunk.terms)
        ]


def hit_of(chunk: Chunk, score: float, *, with_vectors: bool) -> Hit:
    vector = chunk.vector if with_vectors else None
    return Hit(chunk.owner, chunk.doc_id, chunk.version, chunk.position, chunk.title, chunk.text, score, vector)


class MemoryIndexes:
    """Indexes by name."""

    def __init__(self) -> None:
        self.indexes: dict[str, MemoryIndex] = {}

    def create(self, name: str, spec: IndexSpec) -> None:
        if self.indexes.setdefault(name, MemoryIndex(spec)).spec != spec:
            raise Conflict("another spec")

    def open(self, name: str) -> MemoryIndex | None:
        return self.indexes.get(name)

    def drop(self, name: str) -> None:
        self.indexes.pop(name, None)


class LetterEmbedder:
    """Embeds a text as how often it has each letter.

    Attributes:
        asked: The texts, call by call.
        refuse: Texts with this in them are refused.
        down: Whether the provider is.
    """

    def __init__(self, model: str = SPEC.model) -> None:
        self.model = model
        self.dimensions = 26
        self.confidence = 0.5
        self.asked: list[list[str]] = []
        self.refuse = "\0"
        self.down = False

    def embed(self, texts: Sequence[str], /) -> list[Sequence[float]]:
        if self.down:
            raise ModelUnavailable("the embedder is down")
        self.asked.append([*texts])
        if any(self.refuse in text for text in texts):
            raise ModelRejected("the embedder does not like this text")
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        counts = [text.lower().count(chr(97 + i)) + 1e-3 for i in range(26)]
        length = math.hypot(*counts)
        return [count / length for count in counts]


class StreamedTables(MemoryTables):
    """Tables whose table of docs has a stream.

    Attributes:
        changes: Keys of docs' items that changed and have something due, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[str] = []

    def put(self, table: str, item: Item, **options: Any) -> None:
        super().put(table, item, **options)
        self._note(Key(table, item["pk"]))

    def update(self, key: Key, change: Change) -> Item:
        new = super().update(key, change)
        self._note(key)
        return new

    def _note(self, key: Key) -> None:
        if key.table == TABLE and "due" in self.items[key]:
            self.changes.append(key.pk)


class DocWorld:
    """Docs with everything around them, in memory."""

    def __init__(self) -> None:
        self.tables = StreamedTables()
        self.blobs = MemoryBlobs()
        self.indexes = MemoryIndexes()
        self.embedder = LetterEmbedder()
        self.service = DocService(self.tables, self.blobs)
        self.owner = self.new_owner("agent")

    @property
    def indexer(self) -> Indexer:
        """A fresh one, as after a cold start."""
        return Indexer(self.tables, self.blobs, self.indexes, self.embedder)

    @property
    def searcher(self) -> DocSearch:
        return DocSearch(self.tables, self.indexes, lambda: self.embedder)

    def new_owner(self, role: str, tenant: str = TENANT) -> DocOwner:
        owner = DocOwner("agent" if role == "agent" else "user", uuid7())
        self.tables.put("core", {"pk": owner.key(tenant).pk, "id": owner.id})
        return owner

    def create(self, content: Any, title: str = "A title", tenant: str = TENANT, **fields: Any) -> dict[str, Any]:
        owner = fields.pop("owner", self.owner)
        doc_id = fields.pop("doc_id", None) or uuid7()
        return self.service.create(tenant, owner, {"title": title, "content": content, **fields}, doc_id=doc_id)

    def settle(self) -> None:
        """Let the indexer have all changes."""
        while self.tables.changes:
            batch = self.tables.changes[:100]
            done = self.indexer.work(batch)
            assert done, "the indexer stands still"
            del self.tables.changes[:done]

    @property
    def index(self) -> MemoryIndex:
        """The index that answers."""
        return self.indexes.indexes[generations.read(self.tables).current]

    def texts(self) -> list[str]:
        """What the index holds."""
        return sorted(chunk.text for chunk in self.index.chunks.values())
