"""The rows of an index in memory: what a search has to know of every chunk.

A ``Rows`` never changes, so searches need no lock; one that follows the file's changes shares its blocks with the one before it and
fills only places that no earlier one looks at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import batched

import numpy as np
from numpy.typing import NDArray

from silvercup.adapters.sqlite_index.schema import term_key
from silvercup.docs.index import Scope
from silvercup.docs.languages import ANALYZERS

BLOCK = 1024
"""Rows per block of vectors: a block stays in the processor's cache while its cosines are computed."""
_MOST_DEAD = 10_000
"""So many removed rows are kept before all is read again, or as many as there are others."""

_LANGUAGES = {name: code for code, name in enumerate(sorted(ANALYZERS))}

type Mask = NDArray[np.bool_]
type Slots = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """All rows of an index, each in a slot from 0, in the order of their numbers.

    Attributes:
        last_row: The largest number that was ever given.
        removals: How many rows were ever removed.
        ids: The rows' numbers, ascending.
        owners: Codes of their owners.
        languages: Codes of how they are analysed.
        words: How many words they have.
        alive: Which have not been removed.
        vectored: Which have a vector.
        blocks: Their vectors, of length 1 (or 0 where there is none): ``BLOCK`` rows each.
    """

    last_row: int
    removals: int
    ids: NDArray[np.int64]
    owners: NDArray[np.int32]
    languages: NDArray[np.int16]
    words: NDArray[np.int32]
    alive: Mask
    vectored: Mask
    blocks: tuple[NDArray[np.float32], ...]

    @property
    def count(self) -> int:
        """How many slots there are."""
        return len(self.ids)

    def slots_of(self, ids: NDArray[np.int64]) -> Slots:
        """The slots of rows; those that are not here are left out."""
        if not self.count:
            return np.empty(0, np.intp)
        slots = np.minimum(np.searchsorted(self.ids, ids), self.count - 1)
        return slots[self.ids[slots] == ids]

    def language(self, name: str) -> int:
        """The code of an analysis."""
        return _LANGUAGES.get(name, -1)


def follow(connection: sqlite3.Connection, dimensions: int, known: Rows | None) -> Rows:
    """The rows as the transaction of a connection sees them.

    Args:
        connection: In a transaction that is not older than the one of ``known``.
        dimensions: Of the vectors.
        known: The rows as they were before.
    """
    last_row, removals = connection.execute("SELECT last_row, removals FROM state").fetchone()
    if known is not None and (known.last_row, known.removals) == (last_row, removals):
        return known
    removed = None if known is None else _removed(connection, known.removals, removals)
    if known is None or removed is None:
        return _extended(connection, dimensions, _empty(removals), last_row)
    rows = known if known.last_row == last_row else _extended(connection, dimensions, known, last_row)
    alive = rows.alive.copy()
    alive[rows.slots_of(removed)] = False
    dead = rows.count - int(alive.sum())
    if dead > max(_MOST_DEAD, rows.count // 2):
        return _extended(connection, dimensions, _empty(removals), last_row)
    return replace(rows, alive=alive, removals=removals)


def in_scope(connection: sqlite3.Connection, rows: Rows, scope: Scope) -> Mask:
    """Which rows a scope holds."""
    codes = _owner_codes(connection, scope)
    mask = np.zeros(rows.count, np.bool_)
    for code in codes:
        mask |= rows.owners == code
    mask &= rows.alive
    for term in dict.fromkeys(scope.terms):
        if not mask.any():
            break
        having = np.zeros(rows.count, np.bool_)
        for code in codes:
            sql = "SELECT group_concat(row) FROM terms WHERE owner = ? AND term = ?"
            having[rows.slots_of(numbers(connection, sql, code, term_key(term)))] = True
        mask &= having
    return mask


def numbers(connection: sqlite3.Connection, sql: str, *parameters: object) -> NDArray[np.int64]:
    """The numbers of a ``SELECT group_concat(number) ...``: five times as fast as their rows one by one."""
    (joined,) = connection.execute(sql, parameters).fetchone()
    return np.fromstring(joined, np.int64, sep=",") if joined else np.empty(0, np.int64)


def marks(values: Sequence[object]) -> str:
    """A question mark for each value of a statement's list."""
    return ", ".join("?" * len(values))


def _owner_codes(connection: sqlite3.Connection, scope: Scope) -> list[int]:
    sql = "SELECT code FROM owners WHERE tenant = ? AND owner = ?"
    found = (connection.execute(sql, (scope.tenant, owner)).fetchone() for owner in dict.fromkeys(scope.owners))
    return [one[0] for one in found if one is not None]


def _removed(connection: sqlite3.Connection, since: int, until: int) -> NDArray[np.int64] | None:
    found = numbers(connection, "SELECT group_concat(row) FROM removed WHERE removal > ?", since)
    return found if len(found) == until - since else None


def _empty(removals: int) -> Rows:
    none = np.empty(0, np.bool_)
    return Rows(
        0, removals, np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int16), np.empty(0, np.int32), none, none, ()
    )  # fmt: skip


type _Read = tuple[int, int, str, int, bytes | None]


def _extended(connection: sqlite3.Connection, dimensions: int, known: Rows, last_row: int) -> Rows:
    blocks = list(known.blocks)
    heads: list[_Read] = []
    vectored: list[bool] = []
    slot = known.count
    sql = "SELECT row, owner, language, words, vector FROM chunks WHERE row > ? ORDER BY row"
    for batch in batched(connection.execute(sql, (known.last_row,)), BLOCK):
        matrix, having = _unit_vectors([one[4] for one in batch], dimensions)
        vectored += having.tolist()
        heads += [(*one[:4], None) for one in batch]
        _fill(blocks, slot, matrix)
        slot += len(batch)
    new = len(heads)
    return Rows(
        last_row=last_row,
        removals=known.removals,
        ids=np.append(known.ids, np.fromiter((one[0] for one in heads), np.int64, new)),
        owners=np.append(known.owners, np.fromiter((one[1] for one in heads), np.int32, new)),
        languages=np.append(known.languages, np.fromiter((_LANGUAGES.get(one[2], -1) for one in heads), np.int16, new)),
        words=np.append(known.words, np.fromiter((one[3] for one in heads), np.int32, new)),
        alive=np.append(known.alive, np.ones(new, np.bool_)),
        vectored=np.append(known.vectored, np.array(vectored, np.bool_)),
        blocks=tuple(blocks),
    )


def _unit_vectors(stored: Sequence[bytes | None], dimensions: int) -> tuple[NDArray[np.float32], Mask]:
    blank = bytes(4 * dimensions)
    joined = b"".join(blank if one is None else one for one in stored)
    matrix = np.frombuffer(joined, np.float32).reshape(len(stored), dimensions)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    having = lengths[:, 0] > 0
    return matrix / np.where(lengths > 0, lengths, np.float32(1)).astype(np.float32), having


def _fill(blocks: list[NDArray[np.float32]], slot: int, matrix: NDArray[np.float32]) -> None:
    while len(matrix):
        block, place = divmod(slot, BLOCK)
        if block == len(blocks):
            blocks.append(np.empty((BLOCK, matrix.shape[1]), np.float32))
        part = matrix[: BLOCK - place]
        blocks[block][place : place + len(part)] = part
        slot += len(part)
        matrix = matrix[len(part) :]
