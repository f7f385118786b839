"""What the port to an index adds to the engine's own query: both in turn, in one run, with the same query of the same data.

OpenSearch: the same body, sent by its vendor's client. SQLite: the same statements and the same numpy, written down by hand for this one
case, without what the port is for (threads, other processes, changes, owners, filters). What the table of docs adds to a search is
counted and not timed: here it lies in memory.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.doc_engines import Cheap, Node, counted, left_out, opensearch_node
from bench.doc_index import DIMENSIONS, OWNER, TENANT, batches, searches
from bench.figure import Figure, table
from silvercup.adapters.opensearch.documents import unit
from silvercup.adapters.opensearch.queries import matching_body, nearest_body
from silvercup.adapters.sqlite_index import SqliteIndexes
from silvercup.adapters.sqlite_index.analysis import tokens_of
from silvercup.docs.documents import DocOwner
from silvercup.docs.index import DocIndex, DocIndexes, IndexSpec, Scope
from silvercup.docs.indexing import Indexer
from silvercup.docs.query import TextQuery
from silvercup.docs.search import DocSearch, SearchRequest
from silvercup.docs.service import DocService
from silvercup.ids import uuid7
from tests.support.docs import TENANT as DOCS_TENANT
from tests.support.docs import StreamedTables
from tests.support.tables import MemoryBlobs

SIZES = {"SQLite": (5_000, 50_000), "OpenSearch": (5_000,)}
SEARCHES = 100
LIMIT = 50
BUDGET = 1.25
TABLE_READS = 2
"""Requests to the table that a search takes: the owner with the pointer to the index, and the docs that were found."""
SCOPE = Scope(TENANT, [OWNER])

type Work = Callable[[], Sequence[str]]
"""One search; which chunks it found."""


def measure() -> Figure:
    """Search by the port and by hand, in turn."""
    rows: list[Row] = []
    for chunks in SIZES["SQLite"]:
        with tempfile.TemporaryDirectory() as directory:
            rows += _sqlite(Path(directory), chunks)
    with SqliteIndexes(None) as indexes:
        reads, _ = _requests(indexes)
    notes = [f"Requests to the table of a search: {_listed(reads)}."]
    with opensearch_node() as node:
        if node is None:
            notes.append(left_out())
        else:
            for chunks in SIZES["OpenSearch"]:
                rows += _opensearch(node, chunks)
            with node.indexes("requests") as indexes:
                _, sent = _requests(indexes, node.refresh)
            notes.append(f"Requests to OpenSearch of a search: {_listed(sent)}.")
    broken = [
        f"a {mode} search reads the table {count} times, {TABLE_READS} expected"
        for mode, count in reads.items()
        if count != TABLE_READS
    ]
    over = [f"{row.what} of {row.chunks:,} chunks" for row in rows if row.ratio > BUDGET]
    verdict = f"OVER the budget of {BUDGET}: {'; '.join(over)}" if over else f"All within the budget of {BUDGET}"
    header = ("search", "chunks", "port, ms", "by hand, ms", "ms more", "ratio")
    shown = table(
        header,
        [
            (row.what, f"{row.chunks:,}", *(f"{ms:.2f}" for ms in (row.port, row.raw, row.port - row.raw, row.ratio)))
            for row in rows
        ],
    )
    lines = "\n".join(f"- {note}" for note in [*notes, *(f"**{line}**" for line in broken)])
    return Figure(
        "What the port to an index adds",
        f"Medians of {SEARCHES} searches, limit {LIMIT}.\n\n{shown}\n\n{verdict}.\n\n{lines}",
        tuple(broken),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of search: medians, in milliseconds."""

    what: str
    chunks: int
    port: float
    raw: float

    @property
    def ratio(self) -> float:
        return self.port / self.raw


def _compare(what: str, chunks: int, ported: Sequence[Work], raw: Sequence[Work]) -> Row:
    """Each search both ways, now one and now the other first, after a round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for one, other in zip(ported[:10], raw[:10], strict=True):
        if list(one()) != list(other()):
            raise RuntimeError(f"{what}: the port and the search by hand found different chunks")
    for number, pair in enumerate(zip(ported, raw, strict=True)):
        for side in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            pair[side]()
            times[side].append((time.perf_counter() - start) * 1000)
    return Row(what, chunks, median(times[0]), median(times[1]))


def _rows(
    engine: str,
    count: int,
    indexes: DocIndexes,
    nearest: Sequence[Work],
    matching: Sequence[Work],
    vectors: Sequence[list[float]],
    queries: Sequence[TextQuery],
) -> list[Row]:
    index = _opened(indexes)

    def near(vector: list[float]) -> Sequence[str]:
        return [hit.chunk_id for hit in index.nearest(SCOPE, vector, limit=LIMIT)]

    def found(query: TextQuery) -> Sequence[str]:
        return [hit.chunk_id for hit in index.matching(SCOPE, query, limit=LIMIT)]

    def opened(work: Work) -> Sequence[str]:
        _opened(indexes)
        return work()

    def both(one: Work, other: Work) -> Work:
        return lambda: [*one(), *other()]

    by_vector = [partial(near, vector) for vector in vectors]
    by_words = [partial(found, query) for query in queries]
    ported = [both(*pair) for pair in zip(by_vector, by_words, strict=True)]
    raw = [both(*pair) for pair in zip(nearest, matching, strict=True)]
    kinds = {
        "vector": (by_vector, nearest),
        "text": (by_words, matching),
        "both": (ported, raw),
        "both, and opened before": ([partial(opened, work) for work in ported], raw),
    }
    return [_compare(f"{engine}, {kind}", count, *sides) for kind, sides in kinds.items()]


def _filled(indexes: DocIndexes, count: int) -> None:
    indexes.create("latency", IndexSpec("random", DIMENSIONS))
    index = _opened(indexes)
    for chunks in batches(count):
        index.add(chunks)


def _opened(indexes: DocIndexes) -> DocIndex:
    index = indexes.open("latency")
    assert index is not None
    return index


def _opensearch(node: Node, chunks: int) -> list[Row]:
    with node.indexes("bench") as indexes:
        _filled(indexes, chunks)
        node.refresh()
        vectors, queries = searches(SEARCHES)

        def raw(body: dict[str, Any]) -> Sequence[str]:
            answer = node.client.search(body=body, index="bench-latency")
            return [hit["_source"]["chunk_id"] for hit in answer["hits"]["hits"]]

        by_vector = [
            nearest_body(SCOPE, unit(vector, DIMENSIONS), size=LIMIT, min_score=-1, with_vectors=False)
            for vector in vectors
        ]
        by_words = [matching_body(SCOPE, query, size=LIMIT, fuzzy=False, with_vectors=False) for query in queries]
        nearest = [partial(raw, body) for body in by_vector]
        matching = [partial(raw, body) for body in by_words if body is not None]
        return _rows("OpenSearch", chunks, indexes, nearest, matching, vectors, queries)


def _sqlite(directory: Path, chunks: int) -> list[Row]:
    with SqliteIndexes(directory) as indexes:
        _filled(indexes, chunks)
        vectors, queries = searches(SEARCHES)
        with closing(sqlite3.connect(directory / "latency.sqlite")) as connection:
            hand = _ByHand(connection)
            units = [np.array(vector, np.float32) for vector in vectors]
            stems = [[tokens_of(word.text, "english")[0].stem or "" for word in query.optional] for query in queries]
            nearest = [partial(hand.nearest, vector) for vector in units]
            matching = [partial(hand.matching, words) for words in stems]
            return _rows("SQLite", chunks, indexes, nearest, matching, vectors, queries)


class _ByHand:
    """The searches of ``sqlite_index`` for one owner's English chunks that never change."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA cache_size = -8000")
        self._connection = connection
        rows = connection.execute("SELECT row, words, vector FROM chunks ORDER BY row").fetchall()
        self._ids = np.array([row for row, _, _ in rows])
        self._vectors = np.frombuffer(b"".join(one for _, _, one in rows), np.float32).reshape(len(rows), -1)
        lengths = np.array([words for _, words, _ in rows], np.float64)
        self._norms = 1.2 * (1 - 0.75 + 0.75 * lengths / lengths.mean())

    def nearest(self, vector: NDArray[np.float32]) -> Sequence[str]:
        return self._shown(np.vecdot(self._vectors, vector))

    def matching(self, words: Sequence[str]) -> Sequence[str]:
        scores = np.zeros(len(self._ids))
        for word in words:
            occurrences = self._places(word)
            title, text = self._counts(-occurrences[occurrences < 0]), self._counts(occurrences[occurrences > 0])
            weights = title * 3 + text
            having = np.flatnonzero(weights)
            rarity = np.log1p((len(scores) - len(having) + 0.5) / (len(having) + 0.5))
            scores[having] += rarity * weights[having] / (weights[having] + self._norms[having])
        return self._shown(scores)

    def _places(self, word: str) -> NDArray[np.int64]:
        sql = "SELECT group_concat(CASE col WHEN 'title' THEN -doc ELSE doc END) FROM occurrences WHERE term = ?"
        (joined,) = self._connection.execute(sql, (word,)).fetchone()
        return np.fromstring(joined or "", np.int64, sep=",")

    def _counts(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        return np.bincount(np.searchsorted(self._ids, ids), minlength=len(self._ids))

    def _shown(self, scores: NDArray[Any]) -> Sequence[str]:
        slots = np.flatnonzero(scores >= np.partition(scores, len(scores) - LIMIT)[len(scores) - LIMIT])
        slots = slots[scores[slots] != 0]
        slots = slots[np.lexsort((slots, -scores[slots]))][:LIMIT]
        ids = self._ids[slots].tolist()
        sql = f"""
            SELECT row, chunk_id, owners.owner, doc_id, version, position, title, text
            FROM chunks JOIN owners ON code = chunks.owner WHERE row IN ({", ".join("?" * len(ids))})
        """
        found = {
            row: (*others, title.decode(), text.decode())
            for row, *others, title, text in self._connection.execute(sql, ids)
        }
        return [found[one][0] for one in ids]


def _requests(indexes: DocIndexes, refresh: Callable[[], None] = lambda: None) -> tuple[dict[str, int], dict[str, int]]:
    """What one search of each mode sends: to the table, and to OpenSearch."""
    world = _World(indexes, refresh)
    reads: dict[str, int] = {}
    sent: dict[str, int] = {}
    for mode, options in _modes():
        with counted() as requests:
            reads[mode] = world.reads(options)
        sent[mode] = requests.total()
    return reads, sent


def _modes() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "text", {"mode": "text"}
    yield "vector", {"mode": "vector"}
    yield "hybrid", {"mode": "hybrid"}


class _World:
    """Sixty docs of one owner that all match; a search with the largest limit and variety reads as many as one reads at all."""

    def __init__(self, indexes: DocIndexes, refresh: Callable[[], None]) -> None:
        self._tables, blobs, self._embedder = StreamedTables(), MemoryBlobs(), Cheap()
        self._owner = DocOwner("agent", uuid7())
        self._tables.put("core", {"pk": self._owner.key(DOCS_TENANT).pk, "id": self._owner.id})
        service = DocService(self._tables, blobs)
        for number in range(60):
            fields = {"title": f"Doc {number}", "content": f"a word and the number {number}"}
            service.create(DOCS_TENANT, self._owner, fields, doc_id=uuid7())
        Indexer(self._tables, blobs, indexes, self._embedder).work(self._tables.changes)
        refresh()
        self._search = DocSearch(self._tables, indexes, lambda: self._embedder)

    def reads(self, options: dict[str, Any]) -> int:
        """How many requests to the table a search takes."""
        before = len(self._tables.requests)
        request = SearchRequest(
            text="word", vector=self._embedder.embed(["word"])[0], confidence=-1.0, limit=50, **options
        )
        docs = self._search.search(DOCS_TENANT, self._owner, request)["docs"]
        assert len(docs) == 50, "docs were not found"
        return len(self._tables.requests) - before


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{mode} {count}" for mode, count in counts.items())
