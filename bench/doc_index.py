"""The embedded doc index at 50,000 chunks of one owner: indexing, searching, memory.

Texts are 80 words of a vocabulary of 30,000 with the frequencies of Zipf's law, vectors point anywhere. A query is a vector and four words of
some chunk, without the 50 most frequent words, which stand for stop words. Indexing and searching run in processes of their own,
so that the memory is that of an index in use.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.figure import Figure, against, table
from silvercup.adapters.sqlite_index import SqliteIndexes
from silvercup.docs.index import Chunk, DocIndex, IndexSpec, Scope
from silvercup.docs.query import Clause, TextQuery

CHUNKS = 50_000
DIMENSIONS = 512
BATCH = 1000
SEARCHES = 60
MILLISECONDS = 15
MEGABYTES = 400

_VOCABULARY = 30_000
_STOPS = 50
_WORDS = 80
_TENANT, _OWNER = "tenant", "agent#one"
_TERM = "kind=tenth"
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u", "an", "er", "os")]


def measure() -> Figure:
    """Index, then search in a fresh process."""
    with tempfile.TemporaryDirectory() as directory:
        built = _apart("build", directory)
        searched = _apart("search", directory)
    rows = [
        (name, f"{one['nearest']:.1f}", f"{one['matching']:.1f}", f"{one['both']:.1f}", f"{one['slow']:.1f}")
        for name, one in searched["times"].items()
    ]
    worst = max(one["both"] for one in searched["times"].values())
    return Figure(
        "The embedded doc index",
        f"{CHUNKS:,} chunks of {_WORDS} words and {DIMENSIONS} dimensions, all of one owner; limit 50; milliseconds, medians of {SEARCHES}.\n\n"
        + table(("filter", "nearest", "matching", "both", "both, 95%"), rows)
        + f"\n\nThe slowest of both is {against(worst, MILLISECONDS, ' ms')}. With typing errors allowed: {searched['fuzzy']:.1f} ms "
        f"for the words. First search of a process: {searched['first']:.0f} ms. Peak memory of the searching process: "
        f"{searched['memory']:.0f} MB, {against(searched['memory'], MEGABYTES, ' MB')}. "
        f"Indexing: {built['rate']:.0f} chunks a second in batches of {BATCH}, {built['single']:.1f} ms for one more chunk, "
        f"peak memory {built['memory']:.0f} MB; the file has {built['size']:.0f} MB.",
    )


def _apart(what: str, directory: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "bench.doc_index", what, directory], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def _vocabulary() -> list[str]:
    size = len(_SYLLABLES)
    return [
        _SYLLABLES[number % size] + _SYLLABLES[number * 7 // size % size] + _SYLLABLES[number * 13 // size**2 % size] + ("s" if number % 5 == 0 else "")
        for number in range(_VOCABULARY)
    ]  # fmt: skip


def _texts(rng: np.random.Generator, count: int) -> list[list[str]]:
    chances = 1 / np.arange(1, _VOCABULARY + 1)
    words = _vocabulary()
    drawn = rng.choice(_VOCABULARY, size=(count, _WORDS), p=chances / chances.sum())
    return [[words[number] for number in text] for text in drawn.tolist()]


def _batches() -> Iterator[list[Chunk]]:
    rng = np.random.default_rng(7)
    for start in range(0, CHUNKS, BATCH):
        vectors = _directions(rng, BATCH)
        texts = _texts(rng, BATCH)
        yield [
            Chunk(
                tenant=_TENANT,
                owner=_OWNER,
                doc_id=f"doc-{(start + n) // 5}",
                version=1,
                position=(start + n) % 5,
                title=" ".join(texts[n][:4]),
                text=" ".join(texts[n]),
                language="english",
                terms=[_TERM if (start + n) % 10 == 0 else "kind=other", f"doc={(start + n) // 5}"],
                vector=vectors[n],
            )
            for n in range(BATCH)
        ]


def _directions(rng: np.random.Generator, count: int) -> list[list[float]]:
    drawn = rng.normal(size=(count, DIMENSIONS))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).tolist()


def build(directory: Path) -> dict[str, float]:
    """Index all chunks; seconds without making them up."""
    spec = IndexSpec("random", DIMENSIONS)
    with SqliteIndexes(directory) as indexes:
        indexes.create("bench", spec)
        index = _index(indexes)
        taken = 0.0
        last: list[Chunk] = []
        for last in _batches():
            start = time.perf_counter()
            index.add(last)
            taken += time.perf_counter() - start
        single: list[float] = []
        for chunk in last[:50]:
            start = time.perf_counter()
            index.add([chunk])
            single.append((time.perf_counter() - start) * 1000)
    size = sum(file.stat().st_size for file in directory.iterdir()) / 1e6
    return {"rate": CHUNKS / taken, "single": median(single), "size": size, "memory": _memory()}


def search(directory: Path) -> dict[str, Any]:
    """Search with and without a filter; milliseconds."""
    rng = np.random.default_rng(11)
    frequent = set(_vocabulary()[:_STOPS])
    wholes = Scope(_TENANT, [_OWNER])
    scopes = {"none": wholes, "a term that a tenth has": Scope(_TENANT, [_OWNER], [_TERM])}
    texts = [[word for word in text if word not in frequent] for text in _texts(rng, SEARCHES)]
    queries = [TextQuery(optional=tuple(Clause(word) for word in text[:4])) for text in texts]
    vectors = _directions(rng, SEARCHES)
    with SqliteIndexes(directory) as indexes:
        index = _index(indexes)
        first = _timed(partial(index.nearest, wholes, vectors[0], limit=50))
        times: dict[str, dict[str, float]] = {}
        for name, scope in scopes.items():
            by_vector: list[float] = []
            by_words: list[float] = []
            for vector, query in zip(vectors, queries, strict=True):
                by_vector.append(_timed(partial(index.nearest, scope, vector, limit=50)))
                by_words.append(_timed(partial(index.matching, scope, query, limit=50)))
            both = [one + other for one, other in zip(by_vector, by_words, strict=True)]
            times[name] = {
                "nearest": median(by_vector),
                "matching": median(by_words),
                "both": median(both),
                "slow": sorted(both)[int(len(both) * 0.95)],
            }
        fuzzy = median(_timed(partial(index.matching, wholes, query, limit=50, fuzzy=True)) for query in queries)
    return {"times": times, "fuzzy": fuzzy, "first": first, "memory": _memory()}


def _index(indexes: SqliteIndexes) -> DocIndex:
    index = indexes.open("bench")
    assert index is not None
    return index


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps({"build": build, "search": search}[sys.argv[1]](Path(sys.argv[2]))))
