"""The tables of an index."""

from __future__ import annotations

import hashlib
import sqlite3

from silvercup.docs.index import IndexSpec

FORMAT = 1
"""Of tables and of the analysis: a file of another format has to be made anew."""

_TABLES = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE state (model TEXT NOT NULL, dimensions INTEGER NOT NULL, last_row INTEGER NOT NULL, removals INTEGER NOT NULL);
CREATE TABLE owners (code INTEGER PRIMARY KEY, tenant TEXT NOT NULL, owner TEXT NOT NULL, UNIQUE (tenant, owner));
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY, owner INTEGER NOT NULL, language TEXT NOT NULL, words INTEGER NOT NULL, vector BLOB,
    chunk_id TEXT NOT NULL UNIQUE, doc_id TEXT NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL,
    title BLOB NOT NULL, text BLOB NOT NULL
);
CREATE INDEX chunks_of_doc ON chunks (doc_id);
CREATE TABLE terms (owner INTEGER NOT NULL, term BLOB NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (owner, term, row)) WITHOUT ROWID;
CREATE INDEX terms_of_row ON terms (row);
CREATE TABLE removed (removal INTEGER PRIMARY KEY, row INTEGER NOT NULL);
CREATE TABLE vocabulary (number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE tokens USING fts5 (title, text, tokenize = 'ascii', columnsize = 0);
CREATE VIRTUAL TABLE occurrences USING fts5vocab (tokens, instance);
"""
# state: one row; ``last_row``: the largest that was ever given; ``removals``: how many rows were ever removed.
# removed: the last of them (``rows`` follows it); rows are never given twice.


def schema_of(spec: IndexSpec) -> str:
    """The statements that make an index."""
    model = spec.model.replace("'", "''")
    return f"BEGIN; {_TABLES} INSERT INTO state VALUES ('{model}', {spec.dimensions:d}, 0, 0); COMMIT;"  # noqa: S608


def spec_in(connection: sqlite3.Connection) -> IndexSpec | None:
    """What an index was made with; None when it is of another format."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != FORMAT:
        return None
    return IndexSpec(*connection.execute("SELECT model, dimensions FROM state").fetchone())


def term_key(term: str) -> bytes:
    """A term as it stands in the table; terms may have any length."""
    return hashlib.blake2b(encoded(term), digest_size=16).digest()


def encoded(text: str) -> bytes:
    """A text as a table holds it; unlike SQLite's own it may hold half a surrogate pair."""
    return text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """The text that ``encoded`` was given."""
    return data.decode("utf-8", "surrogatepass")
