"""The port to an index of chunks: what is put into it, what is asked of it.

The index is a projection of the table of docs. It may be behind, hold a chunk twice or one of a doc that is gone: whoever asks
holds every hit against the table (``docs.search``). Two adapters implement it; ``tests/integration/test_doc_index.py`` holds both to
what stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from silvercup.docs.embedding import Embedder, Vector
from silvercup.docs.query import TextQuery


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What the vectors of an index are; stored with it.

    Attributes:
        model: The embedder's model.
        dimensions: The length of its vectors.
    """

    model: str
    dimensions: int

    @classmethod
    def of(cls, embedder: Embedder) -> IndexSpec:
        """What an index of this embedder's vectors is made with."""
        return cls(embedder.model, embedder.dimensions)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a doc, as it is put into an index.

    Attributes:
        tenant: Whose.
        owner: ``agent#<id>`` or ``user#<id>``.
        doc_id: Of which doc.
        version: Of which of its versions.
        position: Which of the version's chunks, from 0.
        title: The doc's title; it is searched with the text and counts more.
        text: The chunk's text.
        language: How title and text are analysed; one of ``languages.ANALYZERS``.
        terms: What the doc's metadata holds; see ``filters.terms_of``.
        vector: Its embedding; None: it has none and is found by its words alone.
    """

    tenant: str
    owner: str
    doc_id: str
    version: int
    position: int
    title: str
    text: str
    language: str
    terms: Sequence[str]
    vector: Vector | None

    @property
    def chunk_id(self) -> str:
        """The chunk's name, unique in all tenants: ``<doc>:<version>:<position>``."""
        return f"{self.doc_id}:{self.version}:{self.position}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to search.

    Attributes:
        tenant: Whose chunks.
        owners: Of which owners; at least one.
        terms: What must all be among a chunk's ``terms``.
    """

    tenant: str
    owners: Sequence[str]
    terms: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    Attributes:
        owner: See ``Chunk``.
        doc_id: See ``Chunk``.
        version: See ``Chunk``.
        position: See ``Chunk``.
        title: See ``Chunk``.
        text: See ``Chunk``.
        score: ``nearest``: the cosine of the angle to the query, -1 to 1. ``matching``: BM25, 0 or more. The larger the better.
        vector: The chunk's embedding, where it was asked for and there is one.
    """

    owner: str
    doc_id: str
    version: int
    position: int
    title: str
    text: str
    score: float
    vector: Vector | None = None

    @property
    def chunk_id(self) -> str:
        """See ``Chunk.chunk_id``."""
        return f"{self.doc_id}:{self.version}:{self.position}"


class DocIndex(Protocol):
    """One index.

    Every method raises TransientError when it may work later, InternalError when the index is broken or not there.
    """

    @property
    def spec(self) -> IndexSpec:
        """What it was made with."""
        ...

    def add(self, chunks: Sequence[Chunk]) -> list[str]:
        """Put chunks in, at once or not at all as far as the engine can; they can be found soon after.

        Returns:
            For each the id that takes it out again. The same chunk put in again may get the same id or a second one.

        Raises:
            ValueError: A vector does not have the index's dimensions, or no direction; nothing was put in.
        """
        ...

    def remove(self, ids: Iterable[str]) -> None:
        """Take chunks out; ids that are not there are passed over."""
        ...

    def ids_of(self, tenant: str, doc_ids: Sequence[str]) -> dict[str, list[str]]:
        """The ids of all chunks of some docs, of any version, as far as they can be found already: doc id -> ids."""
        ...

    def nearest(
        self, scope: Scope, vector: Vector, *, limit: int, min_score: float = -1.0, with_vectors: bool = False
    ) -> list[Hit]:
        """The chunks of a scope that are nearest to a vector, nearest first, each once.

        The scope holds inside the search: a small owner's chunks are found among millions of others.

        Args:
            scope: Where.
            vector: Of the index's dimensions; of any length above 0.
            limit: How many at most, 1 to 500.
            min_score: The smallest cosine that counts.
            with_vectors: Whether hits carry their vectors.

        Raises:
            ValueError: The vector does not have the index's dimensions, or no direction.
        """
        ...

    def matching(
        self, scope: Scope, query: TextQuery, *, limit: int, fuzzy: bool = False, with_vectors: bool = False
    ) -> list[Hit]:
        """The chunks of a scope that match words, best first, each once; none when the query says nothing.

        A chunk is analysed by its own language, and without one besides, so that the words of a query find chunks of other languages
        as they are written.

        Args:
            scope: Where.
            query: What.
            limit: How many at most, 1 to 500.
            fuzzy: Whether words that differ in a letter or two match plain words as well.
            with_vectors: Whether hits carry their vectors.
        """
        ...


class DocIndexes(Protocol):
    """The indexes of a deployment, by name: lower-case letters, digits and hyphens."""

    def create(self, name: str, spec: IndexSpec) -> None:
        """Make an index; nothing happens when it is there with the same spec.

        Raises:
            Conflict: It is there with another spec; says both, and what to do.
        """
        ...

    def open(self, name: str) -> DocIndex | None:
        """An index, or None when there is none of that name."""
        ...

    def drop(self, name: str) -> None:
        """Take an index and all in it away; nothing happens when it is not there."""
        ...
