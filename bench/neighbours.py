"""How many of the true nearest chunks OpenSearch's graph of vectors finds, against their exact cosines.

The texts are what botocore says of operations of AWS: there are many, they are real, and they are installed. Beside them random directions,
among which nothing is near to anything: the worst that a graph can be given.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from itertools import batched, islice
from pathlib import Path
from typing import Any

import botocore
import numpy as np
from numpy.typing import NDArray

from bench.doc_engines import Node, left_out, opensearch_node
from bench.figure import Figure, table
from silvercup.adapters.embedders.local import LocalEmbedder
from silvercup.docs.index import Chunk, DocIndex, IndexSpec, Scope

CHUNKS = 6000
QUERIES = 200
LIMIT = 10
LEAST = 0.98
BATCH = 500
SMALL, HALF = "agent#small", "half=yes"
OWNERS = ("agent#large", SMALL)

type Vectors = NDArray[np.float32]


def measure() -> Figure:
    """Search with the graph and exactly, everywhere and within filters."""
    title = "Neighbours that OpenSearch finds"
    with opensearch_node() as node:
        if node is None:
            return Figure(title, left_out())
        texts = list(islice(operations(), CHUNKS + QUERIES))
        embedded = np.array(LocalEmbedder().embed(texts), np.float32)
        drawn = np.random.default_rng(3).standard_normal(embedded.shape).astype(np.float32)
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        found = {"texts": _recalls(node, "texts", embedded), "random directions": _recalls(node, "random", drawn)}
    broken = [
        f"{what}, {scope}: recall {recall:.3f}, at least {LEAST} expected"
        for what, recalls in found.items()
        for scope, recall in recalls.items()
        if recall < LEAST
    ]
    rows = [(what, *(f"{recall:.4f}" for recall in recalls.values())) for what, recalls in found.items()]
    verdict = "\n".join(f"- **{line}**" for line in broken) or f"Every one is at least {LEAST}."
    return Figure(
        title,
        f"{CHUNKS:,} chunks of {embedded.shape[1]} dimensions, {QUERIES} queries; recall@{LIMIT} against the exact cosines.\n\n"
        f"{table(('vectors', *found['texts']), rows)}\n\n{verdict}",
        tuple(broken),
    )


def operations() -> Iterator[str]:
    """What is said of operations of AWS, each text once."""
    seen: set[str] = set()
    for path in sorted((Path(botocore.__file__).parent / "data").glob("*/*/service-2.json.gz")):
        service: Any = json.loads(gzip.decompress(path.read_bytes()))
        for operation in service["operations"].values():
            text = " ".join(re.sub(r"<[^>]+>", " ", operation.get("documentation", "")).split())[:400]
            if len(text) > 60 and text not in seen:
                seen.add(text)
                yield text


def _recalls(node: Node, name: str, vectors: Vectors) -> dict[str, float]:
    held, asked = vectors[:CHUNKS], vectors[CHUNKS:]
    small = np.arange(CHUNKS) % 10 == 9
    half = np.arange(CHUNKS) % 2 == 0
    scopes = {
        "no filter": (Scope("bench", OWNERS), small | True),
        "a filter that a half passes": (Scope("bench", OWNERS, [HALF]), half),
        "an owner of a tenth": (Scope("bench", [SMALL]), small),
    }
    with node.indexes("neighbours") as indexes:
        indexes.create(name, IndexSpec(name, vectors.shape[1]))
        index = indexes.open(name)
        assert index is not None
        for numbers in batched(range(CHUNKS), BATCH):
            index.add([_chunk(n, held[n], small=bool(small[n]), half=bool(half[n])) for n in numbers])
        node.refresh()
        return {
            what: float(np.mean([_recall(index, scope, query, held, mask) for query in asked]))
            for what, (scope, mask) in scopes.items()
        }


def _chunk(number: int, vector: Vectors, *, small: bool, half: bool) -> Chunk:
    return Chunk(
        tenant="bench",
        owner=OWNERS[small],
        doc_id=str(number),
        version=1,
        position=0,
        title="",
        text=str(number),
        language="english",
        terms=[HALF] if half else [],
        vector=vector.tolist(),
    )


def _recall(index: DocIndex, scope: Scope, query: Vectors, held: Vectors, mask: NDArray[np.bool_]) -> float:
    """The share of the true nearest that is found; of equally near ones any counts."""
    cosines = np.where(mask, held @ query, -2)
    least = np.partition(cosines, -LIMIT)[-LIMIT]
    hits = index.nearest(scope, query.tolist(), limit=LIMIT)
    return sum(bool(cosines[int(hit.doc_id)] >= least - 1e-6) for hit in hits) / LIMIT
