"""Searches in OpenSearch's query language. A user's text is only ever the text of a ``match`` clause, never a query to be parsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import category, east_asian_width

from silvercup.adapters.opensearch.documents import SHOWN, score_of
from silvercup.adapters.opensearch.mapping import FOLDED, folded_for
from silvercup.docs.index import Scope
from silvercup.docs.languages import STANDARD
from silvercup.docs.query import Clause, TextQuery

MIN_CANDIDATES = 384
"""The fewest neighbours that each part of the index is asked for (``k``); with fewer, a graph of engine ``none`` misses too many."""
MAX_CANDIDATES = 10_000
"""The most that OpenSearch takes."""
MAX_CLAUSES = 64
"""How many clauses of a query count; each is up to four of OpenSearch's, which takes 1,024."""
MAX_FUZZY = 16
"""How many of them match words that differ."""
MAX_FUZZY_LENGTH = 64
"""How long they may be."""
MAX_EXPANSIONS = 16
"""How many words of the index one of these stands for, in each of two fields."""
MAX_CLAUSE_LENGTH = 1000
"""How many characters of a clause count."""
TITLE_WEIGHT = 2.0
"""What a word in the title counts, against one in the text."""
FUZZY_WEIGHT = 0.5
"""What a word that differs counts, against the word itself."""
TIE_BREAKER = 0.1
"""What each further field in which a word stands adds, against the best one."""
ROUNDING = 1e-6
"""What 32-bit scores may lose of a cosine."""


def scope_filter(scope: Scope) -> dict[str, Any]:
    """What all chunks of a scope hold."""
    return {
        "bool": {
            "filter": [
                {"term": {"tenant": scope.tenant}},
                {"terms": {"owner": list(scope.owners)}},
                *({"term": {"terms": term}} for term in dict.fromkeys(scope.terms)),
            ]
        }
    }


def nearest_body(
    scope: Scope, vector: Sequence[float], *, size: int, min_score: float, with_vectors: bool
) -> dict[str, Any]:
    """The search for the ``size`` chunks nearest to a vector of length 1; the scope is part of the search for neighbours."""
    neighbours = {
        "vector": vector,
        "k": min(max(2 * size, MIN_CANDIDATES), MAX_CANDIDATES),
        "filter": scope_filter(scope),
    }
    body = _body({"knn": {"vector": neighbours}}, size, with_vectors=with_vectors)
    if min_score > -1:
        body["min_score"] = score_of(min(min_score, 1.0) - ROUNDING)
    return body


def matching_body(
    scope: Scope, query: TextQuery, *, size: int, fuzzy: bool, with_vectors: bool
) -> dict[str, Any] | None:
    """The search for the ``size`` chunks that match words best; None when the query says nothing."""
    required, optional, excluded = _within_limits(query)
    if not required and not optional:
        return None
    spare = MAX_FUZZY if fuzzy else 0
    groups: list[list[dict[str, Any]]] = []
    for group in [*required, *((clause,) for clause in optional)]:
        words = [clause for clause in group if _is_one_word(clause)][:spare]
        spare -= len(words)
        groups.append(
            [
                *(_stands(clause, query.language) for clause in group),
                *(_differs(clause, query.language) for clause in words),
            ]
        )
    whole: dict[str, Any] = {
        "filter": [scope_filter(scope)],
        "must": [_best(group) for group in groups[: len(required)]],
        "should": [_best(group) for group in groups[len(required) :]],
        "must_not": [_stands(clause, query.language) for clause in excluded],
        "minimum_should_match": 0 if required else 1,
    }
    return _body({"bool": whole}, size, with_vectors=with_vectors)


def _body(query: dict[str, Any], size: int, *, with_vectors: bool) -> dict[str, Any]:
    source = [*SHOWN, "vector"] if with_vectors else list(SHOWN)
    return {"query": query, "size": size, "_source": source, "track_total_hits": False}


def _within_limits(query: TextQuery) -> tuple[list[tuple[Clause, ...]], list[Clause], list[Clause]]:
    """The query's clauses, each once: what is required first, then what is excluded, then as many others as ``MAX_CLAUSES`` allow."""
    left = MAX_CLAUSES
    required: list[tuple[Clause, ...]] = []
    for group in dict.fromkeys(query.required):
        clauses = tuple(_distinct(group))
        if clauses and len(clauses) <= left:
            required.append(clauses)
            left -= len(clauses)
    excluded = _distinct(query.excluded)[:left]
    optional = _distinct(query.optional)[: left - len(excluded)]
    return required, optional, excluded


def _distinct(clauses: Iterable[Clause]) -> list[Clause]:
    short = (Clause(clause.text[:MAX_CLAUSE_LENGTH], phrase=clause.phrase) for clause in clauses)
    return [clause for clause in dict.fromkeys(short) if clause.text.strip()]


def _is_one_word(clause: Clause) -> bool:
    """Whether a clause is one word to the standard tokenizer too, so that its words that differ stay within ``MAX_EXPANSIONS``."""
    return (
        not clause.phrase
        and len(clause.text) <= MAX_FUZZY_LENGTH
        and all(category(char)[0] in "LMN" and east_asian_width(char) not in "WF" for char in clause.text)
    )


def _best(queries: list[dict[str, Any]]) -> dict[str, Any]:
    """Any of the queries, with the score of the best."""
    return queries[0] if len(queries) == 1 else {"dis_max": {"queries": queries, "tie_breaker": TIE_BREAKER}}


def _stands(clause: Clause, language: str) -> dict[str, Any]:
    """A clause stands in title or text: in any inflection in chunks of the language, as it is written in any other.

    A word is looked for as a phrase too: ``wi-fi``, or a word of a script without spaces, is several words to an analyzer. A quoted
    phrase keeps its stop words where it is looked for as it is written.
    """
    fields = [] if language == STANDARD else [(f"words.{language}", language)]
    fields.append(("", FOLDED if clause.phrase else folded_for(language)))
    return _best(
        [
            {
                "match_phrase": {
                    f"{of}.{part}".lstrip("."): {"query": clause.text, "analyzer": analyzer, "boost": weight}
                }
            }
            for of, analyzer in fields
            for part, weight in (("title", TITLE_WEIGHT), ("text", 1.0))
        ]
    )


def _differs(clause: Clause, language: str) -> dict[str, Any]:
    """A word that differs in one letter (3 to 5 letters) or up to two stands in title or text."""
    options = {
        "query": clause.text,
        "analyzer": folded_for(language),
        "operator": "and",
        "fuzziness": "AUTO",
        "max_expansions": MAX_EXPANSIONS,
    }
    return _best(
        [
            {"match": {"title": options | {"boost": TITLE_WEIGHT * FUZZY_WEIGHT}}},
            {"match": {"text": options | {"boost": FUZZY_WEIGHT}}},
        ]
    )
