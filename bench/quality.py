"""How well searches of docs find what answers a question: the set of ``bench/retrieval``, through the product, with both indexes.

All passages lie in one index, each language's under an owner of its own, as docs of several agents do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from bench.doc_engines import Remembering, left_out, opensearch_node
from bench.figure import Figure, table
from bench.retrieval import LANGUAGES, Question, load, load_cross, ndcg_at, recall_at
from silvercup.adapters.embedders.local import LocalEmbedder
from silvercup.adapters.sqlite_index import SqliteIndexes
from silvercup.docs.documents import DocOwner
from silvercup.docs.index import DocIndexes
from silvercup.docs.indexing import Indexer
from silvercup.docs.search import DocSearch, SearchRequest
from silvercup.docs.service import DocService
from silvercup.ids import uuid7
from tests.support.docs import TENANT, StreamedTables
from tests.support.tables import MemoryBlobs

LIMIT = 10
MODES: Mapping[str, Mapping[str, Any]] = {
    "text": {"mode": "text"},
    "vector": {"mode": "vector", "mmr_strength": 0.0},
    "hybrid": {"mode": "hybrid", "mmr_strength": 0.0},
    "hybrid, MMR 0.5": {"mode": "hybrid", "mmr_strength": 0.5},
}
TOGETHER, CROSS = "together", "across"

type Scores = dict[str, list[tuple[float, float]]]
"""Of each mode, what recall and nDCG each question gets."""


def measure() -> Figure:
    """Ask every question in every mode, of both indexes."""
    embedder = Remembering(LocalEmbedder())
    with SqliteIndexes(None) as indexes:
        parts, broken = _part("SQLite", _Library(indexes, embedder, lambda: None))
    with opensearch_node() as node:
        if node is None:
            parts += f"\n\n{left_out()}"
        else:
            with node.indexes("quality") as indexes:
                more, others = _part("OpenSearch", _Library(indexes, embedder, node.refresh))
            parts, broken = f"{parts}\n\n{more}", broken + others
    asked = sum(len(load(language).questions) for language in LANGUAGES)
    verdict = "\n".join(f"- **{line}**" for line in broken) or "Hybrid is nowhere below words or vectors alone."
    return Figure(
        "How well docs are found",
        f"{asked} questions in five languages and {len(load_cross().questions)} across languages; recall@{LIMIT} / nDCG@{LIMIT}, "
        f"with the local embedder.\n\n{parts}\n\n{verdict}",
        tuple(broken),
    )


class _Library:
    """The passages of all languages as docs, indexed."""

    def __init__(self, indexes: DocIndexes, embedder: Remembering, refresh: Callable[[], None]) -> None:
        self._embedder = embedder
        self._owners = {language: DocOwner("agent", uuid7()) for language in LANGUAGES}
        self._passages: dict[str, str] = {}
        tables, blobs = StreamedTables(), MemoryBlobs()
        service = DocService(tables, blobs)
        for language, owner in self._owners.items():
            tables.put("core", {"pk": owner.key(TENANT).pk, "id": owner.id})
            for passage in load(language).passages:
                fields = {"title": passage.title, "content": [passage.text], "language": language}
                self._passages[service.create(TENANT, owner, fields, doc_id=uuid7())["id"]] = passage.id
        indexer = Indexer(tables, blobs, indexes, embedder)
        done = indexer.work(tables.changes)
        assert done == len(tables.changes) == len(self._passages), "passages were not indexed"
        refresh()
        self._search = DocSearch(tables, indexes, lambda: embedder)

    def ask(self, question: Question, language: str, options: Mapping[str, Any]) -> tuple[float, float]:
        """Recall and nDCG of one question among the passages of a language."""
        request = SearchRequest(
            text=question.text,
            vector=self._embedder.embed([question.text])[0],
            confidence=-1.0,
            lang=question.language,
            limit=LIMIT,
            include_embeddings=False,
            **options,
        )
        docs = self._search.search(TENANT, self._owners[language], request)["docs"]
        ranked = [self._passages[doc["id"]] for doc in docs]
        return recall_at(ranked, question.passage, LIMIT), ndcg_at(ranked, question.passage, LIMIT)


def _part(engine: str, library: _Library) -> tuple[str, list[str]]:
    """The table of one index, and where its hybrid search loses."""
    scores: dict[str, Scores] = {}
    for language in LANGUAGES:
        questions = load(language).questions
        scores[language] = {
            mode: [library.ask(question, language, options) for question in questions]
            for mode, options in MODES.items()
        }
    scores[TOGETHER] = {mode: [one for language in LANGUAGES for one in scores[language][mode]] for mode in MODES}
    scores[CROSS] = {
        mode: [library.ask(question, "en", options) for question in load_cross().questions]
        for mode, options in MODES.items()
    }
    rows = [
        (name, *(" / ".join(f"{mean:.3f}" for mean in _means(of_mode)) for of_mode in by_mode.values()))
        for name, by_mode in scores.items()
    ]
    return table((engine, *MODES), rows), _losses(engine, scores[TOGETHER])


def _losses(engine: str, together: Scores) -> list[str]:
    hybrid = _means(together["hybrid"])
    return [
        f"{engine}: hybrid's {name} of {ours:.3f} is below {mode}'s {theirs:.3f}"
        for mode in ("text", "vector")
        for name, ours, theirs in zip(("recall", "nDCG"), hybrid, _means(together[mode]), strict=True)
        if ours < theirs
    ]


def _means(scores: list[tuple[float, float]]) -> tuple[float, float]:
    return fmean(one[0] for one in scores), fmean(one[1] for one in scores)
