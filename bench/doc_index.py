"""The embedded doc index at 50,000 chunks of one owner: indexing, searching, memory.

Texts are 80 words of a vocabulary of 30,000 with the frequencies of Zipf's law, vectors point anywhere. A query is a vector and four words of
some chunk, without the 50 most frequent words, which stand for stop words. Indexing and searching run in processes of their own,
so that the memory is that of an index in use.
"""

from __future__ import annotations

import json
import re
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
from silvercup.docs import fusion
from silvercup.docs.index import Chunk, DocIndex, IndexSpec, Scope
from silvercup.docs.query import Clause, TextQuery

CHUNKS = 50_000
DIMENSIONS = 512
BATCH = 1000
SEARCHES = 60
LIMIT = 50
MILLISECONDS = 15
MEGABYTES = 400

_VOCABULARY = 30_000
_STOPS = 50
_WORDS = 80
TENANT, OWNER = "tenant", "agent#one"
TERM = "kind=tenth"
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u", "an", "er", "os")]


def measure() -> Figure:
    """Index, then search in a fresh process."""
    with tempfile.TemporaryDirectory() as directory:
        built = _apart("build", directory)
        searched = _apart("search", directory)
    rows = [
        (name, f"{one['nearest']:.1f}", f"{one['matching']:.1f}", f"{one['hybrid']:.1f}", f"{one['slow']:.1f}")
        for name, one in searched["times"].items()
    ]
    worst = max(one["hybrid"] for one in searched["times"].values())
    return Figure(
        "The embedded doc index",
        f"{CHUNKS:,} chunks of {_WORDS} words and {DIMENSIONS} dimensions, all of one owner; limit {LIMIT}; milliseconds, medians of {SEARCHES}.\n\n"
        + table(("filter", "nearest", "matching", "hybrid", "hybrid, 95%"), rows)
        + f"\n\nThe slower hybrid search is {against(worst, MILLISECONDS, ' ms')}. With typing errors allowed: {searched['fuzzy']:.1f} ms "
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


def batches(count: int) -> Iterator[list[Chunk]]:
    """Made-up chunks, the same every time."""
    rng = np.random.default_rng(7)
    for start in range(0, count, BATCH):
        vectors = _directions(rng, BATCH)
        texts = _texts(rng, BATCH)
        yield [
            Chunk(
                tenant=TENANT,
                owner=OWNER,
                doc_id=f"doc-{(start + n) // 5}",
                version=1,
                position=(start + n) % 5,
                title=" ".join(texts[n][:4]),
                text=" ".join(texts[n]),
                language="english",
                terms=[TERM if (start + n) % 10 == 0 else "kind=other", f"doc={(start + n) // 5}"],
                vector=vectors[n],
            )
            for n in range(BATCH)
        ]


def _directions(rng: np.random.Generator, count: int) -> list[list[float]]:
    drawn = rng.normal(size=(count, DIMENSIONS))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).tolist()


def searches(count: int) -> tuple[list[list[float]], list[TextQuery]]:
    """What is searched for: a direction, and four words that are not among the most frequent."""
    rng = np.random.default_rng(11)
    frequent = set(_vocabulary()[:_STOPS])
    texts = [[word for word in text if word not in frequent] for text in _texts(rng, count)]
    return _directions(rng, count), [TextQuery(optional=tuple(Clause(word) for word in text[:4])) for text in texts]


def build(directory: Path) -> dict[str, float]:
    """Index all chunks; seconds without making them up."""
    spec = IndexSpec("random", DIMENSIONS)
    with SqliteIndexes(directory) as indexes:
        indexes.create("bench", spec)
        index = _index(indexes)
        taken = 0.0
        last: list[Chunk] = []
        for last in batches(CHUNKS):
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
    wholes = Scope(TENANT, [OWNER])
    scopes = {"none": wholes, "a term that a tenth has": Scope(TENANT, [OWNER], [TERM])}
    vectors, queries = searches(SEARCHES)
    with SqliteIndexes(directory) as indexes:
        index = _index(indexes)
        first, _ = _timed(partial(index.nearest, wholes, vectors[0], limit=LIMIT))
        times: dict[str, dict[str, float]] = {}
        for name, scope in scopes.items():
            taken = [_hybrid(index, scope, vector, query) for vector, query in zip(vectors, queries, strict=True)]
            hybrid = sorted(map(sum, taken))
            times[name] = {
                "nearest": median(one[0] for one in taken),
                "matching": median(one[1] for one in taken),
                "hybrid": median(hybrid),
                "slow": hybrid[int(len(hybrid) * 0.95)],
            }
        fuzzy = median(_timed(partial(index.matching, wholes, query, limit=LIMIT, fuzzy=True))[0] for query in queries)
    return {"times": times, "fuzzy": fuzzy, "first": first, "memory": _memory()}


def _hybrid(index: DocIndex, scope: Scope, vector: list[float], query: TextQuery) -> tuple[float, float, float]:
    """Milliseconds of a hybrid search: by vector, by words, and to make one ranking of both."""
    by_vector, near = _timed(partial(index.nearest, scope, vector, limit=LIMIT))
    by_words, found = _timed(partial(index.matching, scope, query, limit=LIMIT))
    fused, _ = _timed(partial(fusion.hybrid, found, near, alpha=0.5, limit=LIMIT))
    return by_vector, by_words, fused


def _index(indexes: SqliteIndexes) -> DocIndex:
    index = indexes.open("bench")
    assert index is not None
    return index


def _timed[R](work: Callable[[], R]) -> tuple[float, R]:
    start = time.perf_counter()
    done = work()
    return (time.perf_counter() - start) * 1000, done


def _memory() -> float:
    """The most memory that this process had, in MB; what ``getrusage`` says may be its parent's, from which it was forked."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()) if sys.platform == "linux" else None
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps({"build": build, "search": search}[sys.argv[1]](Path(sys.argv[2]))))
