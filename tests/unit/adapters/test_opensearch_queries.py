"""Searches in OpenSearch's query language."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.adapters.opensearch.documents import cosine_of, document_of, score_of, unit
from silvercup.adapters.opensearch.queries import MAX_EXPANSIONS, MAX_WORDS, matching_body, nearest_body
from silvercup.docs.index import Chunk, Scope
from silvercup.docs.languages import ANALYZERS
from silvercup.docs.query import Clause, TextQuery

SCOPE = Scope("tenant", ["agent#1", "user#2"], ["a=1", "b=2", "a=1"])
FILTER = {
    "bool": {
        "filter": [
            {"term": {"tenant": "tenant"}},
            {"terms": {"owner": ["agent#1", "user#2"]}},
            {"term": {"terms": "a=1"}},
            {"term": {"terms": "b=2"}},
        ]
    }
}
LUCENE_LIMIT = 1024


def body_of(query: TextQuery, *, fuzzy: bool = False) -> dict[str, Any]:
    body = matching_body(SCOPE, query, size=10, fuzzy=fuzzy, with_vectors=False)
    assert body is not None
    return body


def leaves(query: Any) -> list[tuple[str, dict[str, Any]]]:
    """All match clauses: (kind, {field: options})."""
    if isinstance(query, list):
        return [leaf for item in query for leaf in leaves(item)]
    if not isinstance(query, dict):
        return []
    own = [(kind, query[kind]) for kind in ("match", "match_phrase") if kind in query]
    return own or [leaf for item in query.values() for leaf in leaves(item)]


def test_the_scope_is_part_of_the_search_for_neighbours():
    body = nearest_body(SCOPE, [1.0, 0.0], size=10, min_score=-1, with_vectors=False)
    assert body["query"]["knn"]["vector"]["filter"] == FILTER
    assert "vector" not in body["_source"]
    assert "min_score" not in body


def test_few_results_come_from_many_candidates_and_many_from_more():
    def k(size: int) -> int:
        body = nearest_body(SCOPE, [1.0], size=size, min_score=0, with_vectors=True)
        return body["query"]["knn"]["vector"]["k"]

    assert [k(1), k(100), k(500), k(9000)] == [384, 384, 1000, 10_000]


@pytest.mark.parametrize("cosine", [-1, -0.5, 0, 0.25, 1])
def test_a_score_is_the_cosine_of_an_angle_and_back(cosine: float):
    squared_distance = 2 - 2 * cosine
    assert score_of(cosine) == pytest.approx(1 / (1 + squared_distance))
    assert cosine_of(score_of(cosine)) == pytest.approx(cosine)


def test_a_score_that_was_rounded_is_a_cosine_still():
    assert cosine_of(1.0000001) == 1
    assert cosine_of(0.19999999) == -1


def test_a_word_is_looked_for_in_its_language_and_as_it_is_written():
    query = body_of(TextQuery(optional=(Clause("Häuser"),), language="german"))["query"]["bool"]
    assert query["filter"] == [FILTER]
    assert query["minimum_should_match"] == 1
    assert leaves(query["should"]) == [
        ("match", {"words.german.title": {"query": "Häuser", "analyzer": "german", "boost": 3.0}}),
        ("match", {"words.german.text": {"query": "Häuser", "analyzer": "german", "boost": 1.0}}),
        ("match", {"title": {"query": "Häuser", "analyzer": "folded_german", "boost": 3.0}}),
        ("match", {"text": {"query": "Häuser", "analyzer": "folded_german", "boost": 1.0}}),
    ]


def test_a_query_without_a_language_looks_for_words_as_they_are_written():
    query = body_of(TextQuery(optional=(Clause("word"),), language="standard"))["query"]["bool"]
    assert [list(options) for _, options in leaves(query["should"])] == [["title"], ["text"]]


def test_what_is_required_excluded_and_optional():
    query = TextQuery(
        required=((Clause("a phrase", phrase=True), Clause("word")), (Clause("other", phrase=True),)),
        optional=(Clause("nice"),),
        excluded=(Clause("bad"),),
    )
    whole = body_of(query)["query"]["bool"]
    assert len(whole["must"]) == 2
    assert len(whole["should"]) == len(whole["must_not"]) == 1
    assert whole["minimum_should_match"] == 0
    assert {kind for kind, _ in leaves([whole["must"], whole["must_not"]])} == {"match_phrase"}


def test_only_plain_words_match_words_that_differ():
    query = TextQuery(
        required=((Clause("a phrase", phrase=True), Clause("wird")),), optional=(Clause("wi-fi"), Clause("東京"), Clause("nice"))
    )  # fmt: skip
    fuzzy = [options for _, options in leaves(body_of(query, fuzzy=True)["query"]) if "fuzziness" in str(options)]
    assert [next(iter(options.values()))["query"] for options in fuzzy] == ["wird", "wird", "nice", "nice"]
    assert "fuzziness" not in json.dumps(body_of(query))


@pytest.mark.parametrize(
    "query",
    [
        TextQuery(),
        TextQuery(excluded=(Clause("bad"),)),
        TextQuery(optional=(Clause(" "), Clause("..."), Clause(""))),
        TextQuery(required=((Clause("?!", phrase=True),),)),
    ],
)
def test_a_query_that_says_nothing_is_none(query: TextQuery):
    assert matching_body(SCOPE, query, size=10, fuzzy=True, with_vectors=False) is None


def test_a_word_that_is_there_twice_counts_once():
    assert len(leaves(body_of(TextQuery(optional=(Clause("word"),) * 3))["query"])) == 4


texts = st.one_of(
    st.text(max_size=300),
    st.text("aé-._ 東京ที्ि", max_size=3000),
    st.sampled_from(["a" * 100_000, "a.b-" * 5000, "word " * 5000, "東京" * 5000, "हिन्दी " * 900]),
)
clauses = st.builds(Clause, texts, phrase=st.booleans())


@given(
    query=st.builds(
        TextQuery,
        required=st.lists(st.lists(clauses, max_size=80).map(tuple), max_size=5).map(tuple),
        optional=st.lists(clauses, max_size=200).map(tuple),
        excluded=st.lists(clauses, max_size=80).map(tuple),
        language=st.sampled_from(sorted(ANALYZERS)),
    ),
    fuzzy=st.booleans(),
)
def test_any_query_stays_within_what_opensearch_takes(query: TextQuery, fuzzy: bool):
    body = matching_body(SCOPE, query, size=10, fuzzy=fuzzy, with_vectors=False)
    if body is None:
        return
    count = 0
    for kind, options in leaves(body["query"]):
        ((_, option),) = options.items()
        words = 1 if kind == "match_phrase" else sum(1 for _ in split(option["query"]))
        count += words * (1 + MAX_EXPANSIONS if "fuzziness" in option else 1)
    assert count <= LUCENE_LIMIT
    assert len(json.dumps(body)) < 200_000


def split(text: str) -> list[str]:
    """About as many words as the standard tokenizer finds: a run of letters, or a character of a script without spaces."""
    words: list[str] = []
    inside = False
    for char in text:
        dense = ord(char) >= 0x1100 and char.isalpha()
        word = char.isalnum() or char == "_"
        if word and (dense or not inside):
            words.append(char)
        inside = word and not dense
    return words


def test_a_long_query_counts_as_far_as_the_limit():
    words = [f"word{number}" for number in range(20_000)]
    found = body_of(TextQuery(optional=tuple(map(Clause, words))), fuzzy=True)["query"]["bool"]["should"]
    assert len(found) == MAX_WORDS


def test_what_is_required_and_excluded_goes_before_what_is_optional():
    many = tuple(Clause(f"word{number}") for number in range(100))
    query = TextQuery(required=((Clause("this", phrase=True),),), optional=many, excluded=(Clause("that"),))
    whole = body_of(query)["query"]["bool"]
    assert [len(whole[part]) for part in ("must", "must_not", "should")] == [1, 1, MAX_WORDS - 2]


def chunk(**changes: Any) -> Chunk:
    whole: dict[str, Any] = {
        "tenant": "t",
        "owner": "agent#1",
        "doc_id": "d",
        "version": 3,
        "position": 2,
        "title": "Title",
        "text": "Cafe\u0301",
        "language": "french",
        "terms": ("a=1",),
        "vector": None,
    }
    return Chunk(**(whole | changes))


def test_a_chunk_without_a_vector_has_no_field_for_it():
    assert document_of(chunk(), 3) == {
        "chunk_id": "d:3:2",
        "tenant": "t",
        "owner": "agent#1",
        "doc_id": "d",
        "version": 3,
        "position": 2,
        "terms": ["a=1"],
        "title": "Title",
        "text": "Cafe\u0301",
        "words": {"french": {"title": "Title", "text": "Caf\u00e9"}},
    }


def test_a_chunk_without_a_language_is_analysed_by_none():
    assert "words" not in document_of(chunk(language="standard"), 3)


def test_vectors_are_of_length_1():
    assert document_of(chunk(vector=(3.0, 0.0, 4.0)), 3)["vector"] == [0.6, 0.0, 0.8]


@pytest.mark.parametrize("vector", [[1.0], [1.0, 2.0, 3.0], []])
def test_a_vector_of_other_dimensions_is_refused(vector: list[float]):
    with pytest.raises(ValueError, match=f"{len(vector)} dimensions; this index has 2"):
        unit(vector, 2)


@pytest.mark.parametrize("vector", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_a_vector_without_a_direction_is_refused(vector: list[float]):
    with pytest.raises(ValueError, match="no direction"):
        unit(vector, 2)
