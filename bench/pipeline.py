"""Docs on their way into the index: what each costs, how many a second, and whether all arrive while the indexer is killed.

Tables, their stream and blobs lie in memory (``tests/support``); the indexes are the real ones.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import batched, islice
from pathlib import Path
from typing import Any

from bench.doc_engines import Cheap, counted, left_out, opensearch_node
from bench.figure import Figure, table
from bench.neighbours import operations
from silvercup.adapters.embedders.local import LocalEmbedder
from silvercup.adapters.sqlite_index import SqliteIndexes
from silvercup.docs.documents import DocOwner
from silvercup.docs.embedding import Embedder
from silvercup.docs.index import DocIndexes
from silvercup.docs.indexing import Indexer
from silvercup.docs.service import DocService
from silvercup.ids import uuid7
from silvercup.storage import Item, Key
from tests.support.docs import TENANT, StreamedTables
from tests.support.kills import KilledIndexing
from tests.support.tables import MemoryBlobs

BATCH = 100
"""Events that an invocation of the indexer gets at most, as in ``template.yaml``."""
DOCS = 2000
"""Docs whose way is timed."""
KILLED_DOCS, KILLS = 10_000, 3
CREATE = 3
"""DynamoDB requests that a create may take."""
_KEYS = 100
"""Keys in one BatchGetItem."""
_OPERATIONS = {"get": "GetItem", "put": "PutItem", "update": "UpdateItem", "delete": "DeleteItem", "query": "Query"}
_LONG = "A sentence of some words that is one of many. " * 600
"""28,000 characters: text and vectors are too large for the item."""


def measure() -> Figure:
    """Count, time, and kill."""
    with opensearch_node() as node:
        if node is None:
            with SqliteIndexes(None) as indexes:
                costs = _costs(indexes, lambda: None)
        else:
            with node.indexes("pipeline") as indexes:
                costs = _costs(indexes, node.refresh)
        notes = left_out() if node is None else "The index is OpenSearch."
    rates = {"nothing": _rate(Cheap()), "the local embedder": _rate(LocalEmbedder())}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        killed = KilledIndexing(Path(directory))
        killed.run(KILLED_DOCS, KILLS)
        problems = killed.problems()
    arrived = (
        f"{KILLED_DOCS:,} docs, of which some are changed or deleted on the way, while the indexer's process was killed {killed.kills} times: "
        f"{killed.docs:,} are left, {time.perf_counter() - began:.0f} s."
    )
    broken = [*_too_many(costs), *problems, *(["the indexer was not killed"] if killed.kills != KILLS else [])]
    verdict = "\n".join(f"- **{line}**" for line in broken) or (
        "Every doc's chunks are in the index once, as they are now. A create takes at most "
        f"{CREATE} DynamoDB requests, and its indexing one write, one call of the embedder a batch and one bulk request a batch."
    )
    header = ("requests", "docs", "of the API", "of the indexer", "embedder", "OpenSearch", "S3")
    rates_table = table(
        ("what embeds", "create, docs a second", "index, docs a second"),
        [(name, f"{created:,.0f}", f"{indexed:,.0f}") for name, (created, indexed) in rates.items()],
    )
    return Figure(
        "Docs on their way into the index",
        f"Requests of so many docs together, whose events come in one batch. {notes}\n\n"
        f"{table(header, [cost.row() for cost in costs])}\n\n"
        f"{DOCS:,} docs of a chunk each, SQLite on disk:\n\n{rates_table}\n\n{arrived}\n\n{verdict}",
        tuple(broken),
    )


class _Tables(StreamedTables):
    """Tables that count what DynamoDB would be sent: a batch of more than a hundred keys is several requests."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: Counter[str] = Counter()

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        distinct = list(dict.fromkeys(keys))
        self.sent["BatchGetItem"] += math.ceil(len(distinct) / _KEYS)
        return super().get_many(distinct)

    def taken(self) -> Counter[str]:
        """What was sent since the last time."""
        single = Counter(_OPERATIONS[kind] for kind in self.requests if kind in _OPERATIONS)
        total = +(self.sent + single)
        self.requests.clear()
        self.sent.clear()
        return total


class _Blobs(MemoryBlobs):
    """Blobs that count requests."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: Counter[str] = Counter()

    def get(self, name: str) -> bytes | None:
        self.sent["GET"] += 1
        return super().get(name)

    def put(self, name: str, body: bytes) -> None:
        self.sent["PUT"] += 1
        super().put(name, body)

    def names(self, prefix: str, limit: int) -> list[str]:
        self.sent["LIST"] += 1
        return super().names(prefix, limit)

    def delete(self, names: Iterable[str]) -> None:
        self.sent["DELETE"] += 1
        super().delete(names)


@dataclass(slots=True)
class Cost:
    """What some docs took together."""

    what: str
    docs: int
    api: Counter[str] = field(default_factory=Counter[str])
    indexer: Counter[str] = field(default_factory=Counter[str])
    embedder: int = 0
    opensearch: Counter[str] = field(default_factory=Counter[str])
    s3: Counter[str] = field(default_factory=Counter[str])

    def row(self) -> list[object]:
        """A line of the table."""
        counts = [_listed(self.api), _listed(self.indexer), self.embedder, _listed(self.opensearch), _listed(self.s3)]
        return [self.what, self.docs, *counts]


class _Pipeline:
    """Docs of one owner, written and then indexed."""

    def __init__(self, indexes: DocIndexes, embedder: Embedder) -> None:
        self.tables, self.blobs = _Tables(), _Blobs()
        self.service = DocService(self.tables, self.blobs)
        self._owner = DocOwner("agent", uuid7())
        self.tables.put("core", {"pk": self._owner.key(TENANT).pk, "id": self._owner.id})
        self._indexes, self._embedder = indexes, embedder

    def create(self, title: str, content: str) -> str:
        """Make a doc; its id."""
        doc_id = uuid7()
        self.service.create(TENANT, self._owner, {"title": title, "content": content}, doc_id=doc_id)
        return doc_id

    def index(self) -> None:
        """Let the indexer, as after a cold start, have what changed."""
        indexer = Indexer(self.tables, self.blobs, self._indexes, self._embedder)
        for batch in batched(self.tables.changes, BATCH):
            if indexer.work(batch) != len(batch):
                raise RuntimeError("docs of the benchmark could not be indexed")
        self.tables.changes.clear()


def _costs(indexes: DocIndexes, refresh: Callable[[], None]) -> list[Cost]:
    embedder = Cheap()
    pipeline = _Pipeline(indexes, embedder)
    pipeline.create("First", "makes the index")
    pipeline.index()
    costs: list[Cost] = []

    @contextmanager
    def costing(what: str, docs: int) -> Generator[None]:
        cost = Cost(what, docs)
        pipeline.tables.taken()
        pipeline.blobs.sent.clear()
        calls = embedder.calls
        yield
        cost.api = pipeline.tables.taken()
        with counted() as cost.opensearch:
            pipeline.index()
        cost.indexer, cost.embedder, cost.s3 = pipeline.tables.taken(), embedder.calls - calls, +pipeline.blobs.sent
        costs.append(cost)
        refresh()

    for docs in (1, BATCH):
        with costing("create", docs):
            made = [pipeline.create(f"{docs} docs", f"text {number}") for number in range(docs)]
        with costing("change the content", docs):
            for doc_id in made:
                pipeline.service.update(TENANT, doc_id, {"content": f"another {doc_id}"})
        with costing("change the metadata", docs):
            for doc_id in made:
                pipeline.service.update(TENANT, doc_id, {"metadata": {"a": 1}})
        with costing("delete", docs):
            for doc_id in made:
                pipeline.service.delete(TENANT, doc_id)
    with costing("create, 28,000 characters", 1):
        pipeline.create("Long", _LONG)
    return costs


def _too_many(costs: Sequence[Cost]) -> Iterator[str]:
    for cost in costs:
        if not cost.what.startswith("create"):
            continue
        expected = {
            "DynamoDB requests of a create": (cost.api.total(), CREATE * cost.docs),
            "DynamoDB writes of the indexer": (cost.indexer.total() - cost.indexer["BatchGetItem"], cost.docs),
            "calls of the embedder": (cost.embedder, 1),
            "bulk requests": (cost.opensearch["POST _bulk"], 1),
        }
        for what, (found, most) in expected.items():
            if found > most:
                yield f"{cost.what}, {cost.docs} docs: {found} {what}, at most {most} expected"


def _rate(embedder: Embedder) -> tuple[float, float]:
    """How many docs a second are created, and how many are indexed."""
    embedder.embed(["to load the model"])
    texts = list(islice(operations(), DOCS))
    with tempfile.TemporaryDirectory() as directory, SqliteIndexes(Path(directory)) as indexes:
        pipeline = _Pipeline(indexes, embedder)
        began = time.perf_counter()
        for text in texts:
            pipeline.create("An operation", text)
        created = time.perf_counter()
        pipeline.index()
        return DOCS / (created - began), DOCS / (time.perf_counter() - created)


def _listed(counts: Counter[Any]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items())) or "none"
