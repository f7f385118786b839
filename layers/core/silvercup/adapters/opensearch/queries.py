"""Searches in OpenSearch's query language. A user's text is only ever the text of a ``match`` clause, never a query to be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from silvercup.adapters.opensearch.documents import SHOWN, composed, score_of
from silvercup.adapters.opensearch.mapping import FOLDED, stems_of, telling_in, telling_stems_of
from silvercup.docs.index import Scope
from silvercup.docs.languages import STANDARD
from silvercup.docs.query import Clause, TextQuery

MIN_CANDIDATES = 384
"""The fewest neighbours that each part of the index is asked for (``k``); with fewer, a graph of engine ``none`` misses too many."""
MAX_CANDIDATES = 10_000
"""The most that OpenSearch takes."""
MAX_WORDS = 64
"""How many words of a query count, each character of a script without spaces as one. Each is up to four of OpenSearch's clauses, which
takes 1,024 of them."""
MAX_FUZZY = 16
"""How many of the words match words that differ."""
MAX_EXPANSIONS = 16
"""How many words of the index one of these stands for, in each of two fields."""
MAX_WORD_LENGTH = 100
"""How many characters of a word count."""
TITLE_WEIGHT = 3.0
"""What a word in the title counts, against one in the text."""
FUZZY_WEIGHT = 0.5
"""What a word that differs counts, against the word itself."""
TIE_BREAKER = 0.1
"""What each further field in which a word stands adds, against the best one."""
ROUNDING = 1e-6
"""What 32-bit scores may lose of a cosine."""

_SCRIPTS = "\u1100-\u11ff\u3005-\u3007\u3041-\u30ff\u3105-\u312f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
_DENSE = re.compile(f"[{_SCRIPTS}]")
_WORD = re.compile(rf"[{_SCRIPTS}]|[^\s{_SCRIPTS}]{{1,{MAX_WORD_LENGTH}}}")
"""A character of a script without spaces (Chinese, Japanese, Korean), or what stands between spaces."""
_RUN = re.compile(r"\w+")
"""What an analyzer takes for a word at most: ``wi-fi`` are two."""


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
        close = [clause for clause in group if _is_one_word(clause)][:spare]
        spare -= len(close)
        whole = len(groups) < len(required)
        groups.append(
            [
                *(_stands(clause, query.language, whole=whole or clause.phrase) for clause in group),
                *(_differs(clause, query.language) for clause in close),
            ]
        )
    found: dict[str, Any] = {
        "filter": [scope_filter(scope)],
        "must": [_best(group) for group in groups[: len(required)]],
        "should": [_best(group) for group in groups[len(required) :]],
        "must_not": [_stands(clause, query.language, whole=True) for clause in excluded],
        "minimum_should_match": 0 if required else 1,
    }
    return _body({"bool": found}, size, with_vectors=with_vectors)


def _body(query: dict[str, Any], size: int, *, with_vectors: bool) -> dict[str, Any]:
    source = [*SHOWN, "vector"] if with_vectors else list(SHOWN)
    return {"query": query, "size": size, "_source": source, "track_total_hits": False}


def _within_limits(query: TextQuery) -> tuple[list[tuple[Clause, ...]], list[Clause], list[Clause]]:
    """The query's clauses, each once: what is required first, then what is excluded, then others as far as ``MAX_WORDS`` go.

    Of a group, or a clause, that goes beyond them the rest is left out.
    """
    left = MAX_WORDS

    def words_of(text: str) -> Iterator[str]:
        nonlocal left
        for word in _WORD.findall(composed(text)):
            runs = len(_RUN.findall(word))
            if runs > left:
                return
            if runs:
                left -= runs
                yield word

    def distinct(clauses: Iterable[Clause]) -> list[Clause]:
        taken = (Clause(_joined(words_of(clause.text)), phrase=clause.phrase) for clause in dict.fromkeys(clauses))
        return [clause for clause in taken if clause.text]

    groups = [tuple(distinct(group)) for group in dict.fromkeys(query.required)]
    excluded = distinct(query.excluded)
    return [group for group in groups if group], distinct(query.optional), excluded


def _joined(words: Iterable[str]) -> str:
    """Words as a text again; characters of a script without spaces follow each other, as they did."""
    text = ""
    for word in words:
        text += word if not text or (_DENSE.match(word) and _DENSE.match(text[-1])) else f" {word}"
    return text


def _is_one_word(clause: Clause) -> bool:
    return not clause.phrase and _RUN.fullmatch(clause.text) is not None and _DENSE.match(clause.text) is None


def _best(queries: list[dict[str, Any]]) -> dict[str, Any]:
    """Any of the queries, with the score of the best."""
    return queries[0] if len(queries) == 1 else {"dis_max": {"queries": queries, "tie_breaker": TIE_BREAKER}}


def _stands(clause: Clause, language: str, *, whole: bool) -> dict[str, Any]:
    """A clause stands in title or text: in any inflection in chunks of the language, as it is written in any other.

    Args:
        clause: The clause.
        language: The query's.
        whole: Whether its words follow each other (``wi-fi``, or a word of a script without spaces, is several); otherwise one of them
            is enough, and stop words are not.
    """
    kind = "match_phrase" if whole else "match"
    fields = (
        []
        if language == STANDARD
        else [(f"words.{language}.", stems_of(language) if whole else telling_stems_of(language))]
    )
    fields.append(("", FOLDED if whole else telling_in(language)))
    return _best(
        [
            {kind: {f"{of}{part}": {"query": clause.text, "analyzer": analyzer, "boost": weight}}}
            for of, analyzer in fields
            for part, weight in (("title", TITLE_WEIGHT), ("text", 1.0))
        ]
    )


def _differs(clause: Clause, language: str) -> dict[str, Any]:
    """A word that differs in one letter (3 to 5 letters) or up to two stands in title or text, as it is written."""
    options = {
        "query": clause.text,
        "analyzer": telling_in(language),
        "fuzziness": "AUTO",
        "max_expansions": MAX_EXPANSIONS,
    }
    return _best(
        [
            {"match": {"title": options | {"boost": TITLE_WEIGHT * FUZZY_WEIGHT}}},
            {"match": {"text": options | {"boost": FUZZY_WEIGHT}}},
        ]
    )
