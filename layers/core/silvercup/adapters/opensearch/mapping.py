"""What an index is made with.

The distance of vectors is always ``l2``, over vectors of length 1: their nearest by distance are their nearest by angle, every engine
has it, it is the default where the mapping can't name one, and every engine scores it as 1 / (1 + d) with d the squared distance
(https://docs.opensearch.org/latest/mappings/supported-field-types/knn-spaces). ``cosinesimil`` is scored differently by version and
engine, and faiss has it from 2.19 only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from silvercup.adapters.opensearch.settings import Engine
from silvercup.docs.index import IndexSpec
from silvercup.docs.languages import ANALYZERS, STANDARD

FOLDED = "folded"
"""The analyzer that knows no language: words as they are written, without case and accents."""
M = 32
"""Neighbours of a node of the HNSW graph."""
EF_CONSTRUCTION = 256
"""Candidates that are held while a node is put into the graph."""

_WITHOUT_STOP_WORDS = frozenset({STANDARD, "cjk", "lithuanian"})
"""Analyses for which Lucene has no list of stop words by that name."""


def stems_of(language: str) -> str:
    """The analyzer of a language that keeps its stop words, so that phrases hold them."""
    return f"stems_{language}"


def telling_stems_of(language: str) -> str:
    """The analyzer of a language without its stop words, for a query's plain words: the built-in one.

    English has one of its own, since the built-in one is Porter's first stemmer: with his second (as in v1) ``skies`` finds ``sky``.
    """
    return "telling_stems_english" if language == "english" else language


def telling_in(language: str) -> str:
    """``FOLDED`` without the stop words of a language, for a query's plain words: "the" would find every English text."""
    return FOLDED if language in _WITHOUT_STOP_WORDS else f"{FOLDED}_{language}"


def index_body(spec: IndexSpec, engine: Engine) -> dict[str, Any]:
    """The body of the request that makes an index."""
    return {
        "settings": {"index": {"knn": True}, "analysis": _analysis()},
        "mappings": {
            "dynamic": "strict",
            "_meta": {"silvercup": {"model": spec.model, "dimensions": spec.dimensions}},
            "properties": {
                "chunk_id": {"type": "keyword"},
                "tenant": {"type": "keyword"},
                "owner": {"type": "keyword"},
                "doc_id": {"type": "keyword"},
                "version": {"type": "integer"},
                "position": {"type": "integer"},
                "terms": {"type": "keyword"},
                "title": {"type": "text", "analyzer": f"{FOLDED}_index", "search_analyzer": FOLDED},
                "text": {"type": "text", "analyzer": f"{FOLDED}_index", "search_analyzer": FOLDED},
                "words": {
                    "properties": {
                        language: {
                            "properties": {
                                "title": {"type": "text", "analyzer": stems_of(language)},
                                "text": {"type": "text", "analyzer": stems_of(language)},
                            }
                        }
                        for language in sorted(ANALYZERS - {STANDARD})
                    }
                },
                "vector": _vector(spec.dimensions, engine),
            },
        },
    }


def _analysis() -> dict[str, Any]:
    """Analyzers of the kinds that OpenSearch has without plugins.

    Characters of scripts without spaces are indexed as pairs, and as they are for ``FOLDED`` besides: a single one finds its texts.
    """
    telling = sorted(ANALYZERS - _WITHOUT_STOP_WORDS)
    return {
        "char_filter": {"accents": {"type": "pattern_replace", "pattern": "[\\u0300-\\u036f]+", "replacement": ""}},
        "filter": {
            "pairs": {"type": "cjk_bigram", "output_unigrams": True},
            "possessive": {"type": "stemmer", "language": "possessive_english"},
            "porter2": {"type": "stemmer", "language": "porter2"},
            **{f"stop_{language}": {"type": "stop", "stopwords": f"_{language}_"} for language in telling},
        },
        "analyzer": {
            FOLDED: _custom("cjk_bigram"),
            f"{FOLDED}_index": _custom("pairs"),
            **{telling_in(language): _custom(f"stop_{language}", "cjk_bigram") for language in telling},
            **{
                stems_of(language): {"type": language, "stopwords": "_none_"}
                for language in sorted(ANALYZERS - {STANDARD, "english"})
            },
            stems_of("english"): _english(),
            telling_stems_of("english"): _english("stop_english"),
        },
    }


def _custom(*filters: str) -> dict[str, Any]:
    return {
        "type": "custom",
        "char_filter": ["accents"],
        "tokenizer": "standard",
        "filter": ["cjk_width", "lowercase", *filters, "asciifolding"],
    }


def _english(*filters: str) -> dict[str, Any]:
    return {"type": "custom", "tokenizer": "standard", "filter": ["possessive", "lowercase", *filters, "porter2"]}


def _vector(dimensions: int, engine: Engine) -> dict[str, Any]:
    field: dict[str, Any] = {"type": "knn_vector", "dimension": dimensions}
    if engine != "none":
        parameters = {"m": M, "ef_construction": EF_CONSTRUCTION}
        field["method"] = {"name": "hnsw", "engine": engine, "space_type": "l2", "parameters": parameters}
    return field


def spec_of(mappings: Mapping[str, Any]) -> IndexSpec | None:
    """What an index was made with, by its mapping; None when it was not made here."""
    meta: object = mappings.get("_meta", {}).get("silvercup")
    if not isinstance(meta, Mapping):
        return None
    match cast("Mapping[str, object]", meta):
        case {"model": str(model), "dimensions": int(dimensions)}:
            return IndexSpec(model=model, dimensions=dimensions)
        case _:
            return None
