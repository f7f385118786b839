"""The adapters of ``silvercup.docs.index``, for the tests that hold all of them to its words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import pytest

from silvercup.adapters.opensearch.indexes import OpenSearchIndexes
from silvercup.adapters.opensearch.settings import OpenSearchSettings
from silvercup.adapters.sqlite_index import SqliteIndexes
from silvercup.docs.index import Chunk, DocIndex, DocIndexes, Hit, IndexSpec, Scope
from silvercup.docs.query import Clause, TextQuery
from tests.support.opensearch_rules import REGION, Server

TENANT = "tenant-1"
OWNER = "agent#one"
HERE = Scope(TENANT, [OWNER])
DIMENSIONS = 8
SPEC = IndexSpec("test-model", DIMENSIONS)
PATIENCE = 30.0
"""Seconds that what was changed may take to be seen."""

type Made = AbstractContextManager[DocIndexes]


def _sqlite(request: pytest.FixtureRequest) -> Made:
    directory: Path = request.getfixturevalue("tmp_path")
    return SqliteIndexes(directory / "indexes")


def _sqlite_in_memory(request: pytest.FixtureRequest) -> Made:
    return SqliteIndexes(None)


def _opensearch(request: pytest.FixtureRequest) -> Made:
    return OpenSearchIndexes(OpenSearchSettings(request.getfixturevalue("opensearch_node")))


def _opensearch_serverless(request: pytest.FixtureRequest) -> Made:
    collection: Server = request.getfixturevalue("opensearch_collection")
    return OpenSearchIndexes(OpenSearchSettings(collection.url, "aoss", region=REGION))


ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], Made]] = {
    "sqlite": _sqlite,
    "sqlite in memory": _sqlite_in_memory,
    "opensearch": _opensearch,
    "opensearch serverless": _opensearch_serverless,
}


@pytest.fixture(params=list(ADAPTERS))
def indexes(request: pytest.FixtureRequest) -> Iterator[DocIndexes]:
    """An adapter; tests may share what is behind it, so each takes names of its own (``name``)."""
    with ADAPTERS[request.param](request) as made:
        yield made


@pytest.fixture
def name(indexes: DocIndexes) -> Iterator[str]:
    """The name of an index that is not there; it is dropped after the test."""
    made = f"test-{uuid4()}"
    yield made
    indexes.drop(made)


@pytest.fixture
def index(indexes: DocIndexes, name: str) -> DocIndex:
    """An empty index of ``SPEC``."""
    indexes.create(name, SPEC)
    made = indexes.open(name)
    assert made is not None
    return made


def chunk(
    doc_id: str,
    text: str = "text",
    *,
    title: str = "",
    owner: str = OWNER,
    tenant: str = TENANT,
    language: str = "english",
    terms: Sequence[str] = (),
    vector: Sequence[float] | None = None,
    version: int = 1,
    position: int = 0,
) -> Chunk:
    return Chunk(tenant, owner, doc_id, version, position, title, text, language, terms, vector)


def axis(number: int, also: int | None = None) -> list[float]:
    """A vector of length 1 along an axis; with ``also``, between two: its cosines to them are 0.8 and 0.6."""
    vector = [0.0] * DIMENSIONS
    vector[number] = 1.0
    if also is not None:
        vector[number], vector[also] = 0.8, 0.6
    return vector


def put(index: DocIndex, *chunks: Chunk) -> list[str]:
    """Add chunks, and wait until they can be found."""
    ids = index.add(chunks)
    settle(index, chunks)
    return ids


def settle(index: DocIndex, chunks: Sequence[Chunk]) -> None:
    """Wait until chunks can be found."""
    for tenant in {one.tenant for one in chunks}:
        wanted: dict[str, set[str]] = {}
        for one in chunks:
            if one.tenant == tenant:
                wanted.setdefault(one.doc_id, set()).add(one.chunk_id)

        def there(tenant: str = tenant, wanted: dict[str, set[str]] = wanted) -> bool:
            found = index.ids_of(tenant, list(wanted))
            return all(len(found.get(doc_id, ())) >= len(chunk_ids) for doc_id, chunk_ids in wanted.items())

        eventually(there)


def eventually(true: Callable[[], bool]) -> None:
    """Wait until something is true; fails after ``PATIENCE``."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"{true} did not become true in {PATIENCE:g} s"
        time.sleep(0.1)


def words(text: str, language: str = "english") -> TextQuery:
    """A query of plain words, of which one must be there."""
    return TextQuery(optional=tuple(Clause(word) for word in text.split()), language=language)


def must(*groups: str, without: Sequence[str] = (), language: str = "english") -> TextQuery:
    """A query of which all must be there, each one of several divided by ``|``; what holds a space is a phrase."""
    return TextQuery(
        required=tuple(tuple(_clause(text) for text in group.split("|")) for group in groups),
        excluded=tuple(_clause(text) for text in without),
        language=language,
    )


def _clause(text: str) -> Clause:
    return Clause(text, phrase=" " in text)


def matched(
    index: DocIndex, query: TextQuery, scope: Scope = HERE, *, limit: int = 50, fuzzy: bool = False
) -> list[str]:
    """The docs that a query finds, best first."""
    return docs(index.matching(scope, query, limit=limit, fuzzy=fuzzy))


def docs(hits: Sequence[Hit]) -> list[str]:
    return [hit.doc_id for hit in hits]
