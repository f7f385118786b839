"""One index."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import batched

import numpy as np

from silvercup.adapters.sqlite_index import matching as bm25
from silvercup.adapters.sqlite_index import nearest as cosine
from silvercup.adapters.sqlite_index import writing
from silvercup.adapters.sqlite_index.database import Database
from silvercup.adapters.sqlite_index.rows import Rows, follow, in_scope, marks
from silvercup.adapters.sqlite_index.schema import decoded
from silvercup.adapters.sqlite_index.vocabulary import Vocabulary
from silvercup.adapters.sqlite_index.wanted import plan_of
from silvercup.docs.embedding import Vector
from silvercup.docs.index import Chunk, Hit, IndexSpec, Scope
from silvercup.docs.query import TextQuery

_AT_ONCE = 500
"""Values that a statement compares a column with."""


class SqliteIndex:
    """A ``DocIndex`` in a SQLite database, safe from many threads. What was added is found at once.

    A chunk's id is its ``chunk_id``: put in again, it takes the place of the one before.

    Args:
        database: Where it is.
        spec: What it was made with.
    """

    def __init__(self, database: Database, spec: IndexSpec) -> None:
        self._database = database
        self._spec = spec
        self._lock = threading.Lock()
        self._rows: Rows | None = None
        self._vocabulary = Vocabulary()

    @property
    def spec(self) -> IndexSpec:
        """See ``DocIndex.spec``."""
        return self._spec

    def add(self, chunks: Sequence[Chunk]) -> list[str]:
        """See ``DocIndex.add``: all of them or none."""
        prepared = writing.prepare(chunks, self._spec.dimensions)
        if prepared:
            writing.write(self._database, prepared)
        return [chunk.chunk_id for chunk in chunks]

    def remove(self, ids: Iterable[str]) -> None:
        """See ``DocIndex.remove``."""
        writing.remove(self._database, ids)

    def ids_of(self, tenant: str, doc_ids: Sequence[str]) -> dict[str, list[str]]:
        """See ``DocIndex.ids_of``."""
        found: dict[str, list[str]] = {}
        with self._database.connection() as connection:
            for part in batched(dict.fromkeys(doc_ids), _AT_ONCE):
                sql = f"""
                    SELECT doc_id, chunk_id FROM chunks JOIN owners ON code = chunks.owner
                    WHERE doc_id IN ({marks(part)}) AND tenant = ? ORDER BY version, position
                """  # noqa: S608
                for doc_id, chunk_id in connection.execute(sql, (*part, tenant)):
                    found.setdefault(doc_id, []).append(chunk_id)
        return found

    def nearest(
        self, scope: Scope, vector: Vector, *, limit: int, min_score: float = -1.0, with_vectors: bool = False
    ) -> list[Hit]:
        """See ``DocIndex.nearest``: exact."""
        unit = np.asarray(vector, np.float32)
        length = float(np.linalg.norm(unit))
        if unit.shape != (self._spec.dimensions,) or not 0 < length < np.inf:
            raise ValueError(
                f"the query's vector has {unit.size} dimensions, the index {self._spec.dimensions}, or no length"
            )
        with self._reading() as (connection, rows):
            mask = in_scope(connection, rows, scope)
            return _hits(connection, cosine.nearest(rows, mask, unit / length, limit, min_score), with_vectors)

    def matching(
        self, scope: Scope, query: TextQuery, *, limit: int, fuzzy: bool = False, with_vectors: bool = False
    ) -> list[Hit]:
        """See ``DocIndex.matching``."""
        plan = plan_of(query)
        if plan.says_nothing:
            return []
        close = self._vocabulary if fuzzy else None
        with self._reading() as (connection, rows):
            mask = in_scope(connection, rows, scope)
            found = bm25.matching(connection, rows, mask, plan, limit, language=query.language, close=close)
            return _hits(connection, found, with_vectors)

    @contextmanager
    def _reading(self) -> Generator[tuple[sqlite3.Connection, Rows]]:
        """A connection in a transaction, and the rows as that transaction sees them.

        Both are taken under one lock, so a transaction is never older than the rows.
        """
        with self._database.connection() as connection:
            with self._lock:
                connection.execute("BEGIN")
                self._rows = rows = follow(connection, self._spec.dimensions, self._rows)
            yield connection, rows


def _hits(connection: sqlite3.Connection, found: Sequence[tuple[int, float]], with_vectors: bool) -> list[Hit]:
    scores = dict(found)
    hits: dict[int, Hit] = {}
    for part in batched(scores, _AT_ONCE):
        sql = f"""
            SELECT row, owners.owner, doc_id, version, position, title, text, {"vector" if with_vectors else "NULL"}
            FROM chunks JOIN owners ON code = chunks.owner WHERE row IN ({marks(part)})
        """  # noqa: S608
        for row, owner, doc_id, version, position, title, text, vector in connection.execute(sql, part):
            unpacked = None if vector is None else np.frombuffer(vector, np.float32).tolist()
            hits[row] = Hit(owner, doc_id, version, position, decoded(title), decoded(text), scores[row], unpacked)
    return [hits[row] for row in scores]
