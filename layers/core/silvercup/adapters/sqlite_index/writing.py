"""What changes an index: chunks put in and taken out, each time in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from silvercup.adapters.sqlite_index.analysis import Forms, forms_of
from silvercup.adapters.sqlite_index.database import Database
from silvercup.adapters.sqlite_index.schema import encoded, term_key
from silvercup.adapters.sqlite_index.vocabulary import learn
from silvercup.docs.index import Chunk

_REMOVALS_KEPT = 10_000
"""Who follows the file and is further behind reads all of it again."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A chunk as it will be written: what takes time is done before the transaction."""

    chunk: Chunk
    title: Forms
    text: Forms
    vector: bytes | None
    terms: frozenset[bytes]


def prepare(chunks: Sequence[Chunk], dimensions: int) -> list[Prepared]:
    """Analyse chunks; of one that is there twice the last counts.

    Raises:
        ValueError: A vector does not have the index's dimensions, or no direction.
    """
    distinct = {chunk.chunk_id: chunk for chunk in chunks}
    vectors = {name: _packed(chunk, dimensions) for name, chunk in distinct.items()}
    return [
        Prepared(
            chunk=chunk,
            title=forms_of(chunk.title, chunk.language),
            text=forms_of(chunk.text, chunk.language),
            vector=vectors[name],
            terms=frozenset(map(term_key, chunk.terms)),
        )
        for name, chunk in distinct.items()
    ]


def write(database: Database, prepared: Sequence[Prepared]) -> None:
    """Put chunks in, in place of those of the same names."""
    with database.writing() as connection:
        _take_out(connection, (one.chunk.chunk_id for one in prepared))
        owners = {
            owner: _owner_code(connection, *owner) for owner in {(c.chunk.tenant, c.chunk.owner) for c in prepared}
        }
        (last_row,) = connection.execute("SELECT last_row FROM state").fetchone()
        placed = [
            (last_row + number, owners[one.chunk.tenant, one.chunk.owner], one)
            for number, one in enumerate(prepared, 1)
        ]
        connection.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((row, owner, *_columns(one)) for row, owner, one in placed),
        )
        connection.executemany(
            "INSERT INTO tokens (rowid, title, text) VALUES (?, ?, ?)",
            ((row, one.title.content, one.text.content) for row, _, one in placed),
        )
        connection.executemany(
            "INSERT INTO terms VALUES (?, ?, ?)",
            ((owner, term, row) for row, owner, one in placed for term in one.terms),
        )
        learn(connection, (word for one in prepared for forms in (one.title, one.text) for word in forms.plain))
        connection.execute("UPDATE state SET last_row = last_row + ?", (len(prepared),))


def remove(database: Database, chunk_ids: Iterable[str]) -> None:
    """Take chunks out; those that are not there are passed over."""
    names = list(chunk_ids)
    if names:
        with database.writing() as connection:
            _take_out(connection, names)


def _take_out(connection: sqlite3.Connection, chunk_ids: Iterable[str]) -> None:
    found = (connection.execute("SELECT row FROM chunks WHERE chunk_id = ?", (name,)).fetchone() for name in chunk_ids)
    rows = sorted({one for one in found if one is not None})
    if not rows:
        return
    connection.executemany("DELETE FROM tokens WHERE rowid = ?", rows)
    connection.executemany("DELETE FROM terms WHERE row = ?", rows)
    connection.executemany("DELETE FROM chunks WHERE row = ?", rows)
    connection.execute("UPDATE state SET removals = removals + ?", (len(rows),))
    (removals,) = connection.execute("SELECT removals FROM state").fetchone()
    first = removals - len(rows) + 1
    connection.executemany("INSERT INTO removed VALUES (?, ?)", ((first + n, row) for n, (row,) in enumerate(rows)))
    connection.execute("DELETE FROM removed WHERE removal <= ?", (removals - _REMOVALS_KEPT,))


def _owner_code(connection: sqlite3.Connection, tenant: str, owner: str) -> int:
    connection.execute("INSERT OR IGNORE INTO owners (tenant, owner) VALUES (?, ?)", (tenant, owner))
    (code,) = connection.execute("SELECT code FROM owners WHERE tenant = ? AND owner = ?", (tenant, owner)).fetchone()
    return code


def _columns(one: Prepared) -> tuple[object, ...]:
    chunk = one.chunk
    return (
        chunk.language,
        len(one.title.plain) + len(one.text.plain),
        one.vector,
        chunk.chunk_id,
        chunk.doc_id,
        chunk.version,
        chunk.position,
        encoded(chunk.title),
        encoded(chunk.text),
    )


def _packed(chunk: Chunk, dimensions: int) -> bytes | None:
    if chunk.vector is None:
        return None
    vector = np.asarray(chunk.vector, np.float32)
    if vector.shape != (dimensions,):
        raise ValueError(f"the vector of chunk {chunk.chunk_id} has {vector.size} dimensions, the index {dimensions}")
    if not 0 < float(np.linalg.norm(vector)) < np.inf:
        raise ValueError(
            f"the vector of chunk {chunk.chunk_id} has no direction: it is of length 0, or holds what is no number"
        )
    return vector.tobytes()
