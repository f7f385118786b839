"""What is particular to OpenSearch, on a real node; what holds for every index is in ``test_doc_index.py``."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched, count
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from silvercup.adapters.opensearch.client import Refused
from silvercup.adapters.opensearch.index import OpenSearchIndex
from silvercup.adapters.opensearch.indexes import OpenSearchIndexes
from silvercup.adapters.opensearch.mapping import index_body
from silvercup.adapters.opensearch.settings import OpenSearchSettings
from silvercup.docs.index import Chunk, Hit, IndexSpec, Scope
from silvercup.docs.languages import ANALYZERS
from silvercup.docs.query import Clause, TextQuery
from silvercup.errors import Conflict, InternalError
from tests.support.opensearch_rules import REGION, Server

SCOPE = Scope("t", ["agent#1"])


@pytest.fixture(params=["node", "serverless"])
def indexes(
    request: pytest.FixtureRequest, opensearch_node: str, opensearch_collection: Server
) -> Iterator[OpenSearchIndexes]:
    if request.param == "node":
        made = OpenSearchIndexes(OpenSearchSettings(opensearch_node))
    else:
        made = OpenSearchIndexes(OpenSearchSettings(opensearch_collection.url, "aoss", region=REGION))
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    return f"docs-{uuid4()}"


@pytest.fixture
def index(indexes: OpenSearchIndexes, name: str) -> OpenSearchIndex:
    return made(indexes, name, 3)


def made(indexes: OpenSearchIndexes, name: str, dimensions: int) -> OpenSearchIndex:
    indexes.create(name, IndexSpec("model", dimensions))
    index = indexes.open(name)
    assert index is not None
    return index


def ask(node: str, method: str, path: str, body: Any = None) -> Any:
    """A request past the adapter."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{node}{path}", data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def settle(node: str) -> None:
    """Everything that was written can be found from here on."""
    ask(node, "POST", "/_refresh")


numbers = count()


def chunk(text: str = "", **changes: Any) -> Chunk:
    whole: dict[str, Any] = {
        "tenant": "t",
        "owner": "agent#1",
        "doc_id": f"doc-{next(numbers)}",
        "version": 1,
        "position": 0,
        "title": "",
        "text": text,
        "language": "english",
        "terms": (),
        "vector": None,
    }
    return Chunk(**(whole | changes))


def words(text: str, language: str = "english") -> TextQuery:
    return TextQuery(optional=tuple(map(Clause, text.split())), language=language)


def phrase(text: str, language: str = "english") -> TextQuery:
    return TextQuery(required=((Clause(text, phrase=True),),), language=language)


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.text for hit in hits]


def test_a_chunk_that_is_added_twice_is_found_once_and_taken_out_with_all_its_ids(
    opensearch_node: str, indexes: OpenSearchIndexes, index: OpenSearchIndex
):
    twice = chunk("twice", vector=(1, 0, 0))
    ids = [*index.add([twice]), *index.add([twice])]
    settle(opensearch_node)
    assert texts(index.nearest(SCOPE, (1, 0, 0), limit=5)) == ["twice"]
    assert texts(index.matching(SCOPE, words("twice"), limit=5)) == ["twice"]
    assert {name: sorted(found) for name, found in index.ids_of("t", [twice.doc_id]).items()} == {
        twice.doc_id: sorted(set(ids))
    }
    index.remove(ids)
    settle(opensearch_node)
    assert index.nearest(SCOPE, (1, 0, 0), limit=5) == []
    assert index.ids_of("t", [twice.doc_id]) == {}


def test_every_language_finds_its_texts_and_says_nothing_in_others_stop_words(
    opensearch_node: str, index: OpenSearchIndex
):
    index.add([chunk(f"sonata {language}", language=language) for language in sorted(ANALYZERS)])
    settle(opensearch_node)
    for language in sorted(ANALYZERS):
        found = index.matching(SCOPE, words("Sonata", language), limit=100)
        assert len(found) == len(ANALYZERS), language


def test_inflections_are_found_in_the_texts_of_their_language(opensearch_node: str, index: OpenSearchIndex):
    cases = [
        ("english", "The houses of the night's skies", "house night sky"),
        ("german", "Die schönen Häuser", "Haus"),
        ("french", "Les chevaux mangés", "cheval manger"),
        ("spanish", "Las canciones alegres", "canción"),
        ("russian", "Красивые дома", "дом"),
        ("cjk", "東京都の天気予報", "天気"),
        ("turkish", "evlerimiz", "ev"),
    ]
    index.add([chunk(text, language=language) for language, text, _ in cases])
    settle(opensearch_node)
    for language, text, query in cases:
        for word in query.split():
            assert texts(index.matching(SCOPE, words(word, language), limit=5)) == [text], word


def test_words_are_found_in_any_language_as_they_are_written(opensearch_node: str, index: OpenSearchIndex):
    cases = [
        ("Un café très noir", "cafe", "english"),
        ("Un the\u0301 noir", "thé", "french"),
        ("Une creme noir", "CRE\u0300ME", "english"),
        ("Große Straße", "grosse", "english"),
        ("\uff26\uff55\uff4c\uff4c width", "full", "german"),
        ("今日は東京に行く", "東京", "english"),
        ("今日は大阪に行く", "阪", "english"),
        ("한국어 문서", "한국어", "standard"),
    ]
    index.add([chunk(text, language="french") for text, _, _ in cases])
    settle(opensearch_node)
    for text, query, language in cases:
        assert texts(index.matching(SCOPE, words(query, language), limit=5)) == [text], query


def test_stop_words_say_nothing_but_count_in_phrases(opensearch_node: str, index: OpenSearchIndex):
    index.add(
        [chunk("the who live"), chunk("who knows the band"), chunk("a state of the art"), chunk("state in an art")]
    )
    settle(opensearch_node)
    assert index.matching(SCOPE, words("the of"), limit=5) == []
    assert texts(index.matching(SCOPE, phrase("the who"), limit=5)) == ["the who live"]
    assert texts(index.matching(SCOPE, phrase("states of the art"), limit=5)) == ["a state of the art"]


def test_a_user_cant_write_queries(opensearch_node: str, index: OpenSearchIndex):
    index.add([chunk("plain words"), chunk("other", tenant="u")])
    settle(opensearch_node)
    for text in [
        "* OR tenant:u",
        "text:plain~2^5",
        "/.*/",
        "{match_all}",
        '") OR ("',
        "\\",
        "plain AND NOT words)((",
        "\x00 \x1f",
    ]:
        found = index.matching(SCOPE, TextQuery(optional=(Clause(text),)), limit=5, fuzzy=True)
        assert {hit.text for hit in found} <= {"plain words"}


@pytest.mark.parametrize("fuzzy", [False, True])
def test_a_query_of_100_kilobytes_is_answered(opensearch_node: str, index: OpenSearchIndex, fuzzy: bool):
    parts = ["word", "a.b-", "東京", "हिन्दी ", "aé", "x\u0301"]
    index.add([chunk(f"{part * 3} {number}") for part in parts for number in range(10)])
    settle(opensearch_node)
    for part in parts:
        text = part * (100_000 // len(part))
        clauses = (Clause(text), Clause(text, phrase=True), *(Clause(f"{part}{number}") for number in range(5000)))
        query = TextQuery(optional=clauses, excluded=(Clause(f"{text}!"),))
        index.matching(SCOPE, query, limit=500, fuzzy=fuzzy)
        index.matching(SCOPE, TextQuery(required=((clauses[1],),)), limit=500, fuzzy=fuzzy)


def test_sixteen_fuzzy_words_with_many_likenesses_are_answered(opensearch_node: str, index: OpenSearchIndex):
    """Each stands for as many words as it may: together they stay under the 1,024 clauses that OpenSearch takes."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    near = [f"word{number:02}{a}{b}" for number in range(16) for a in letters for b in letters]
    index.add([chunk(" ".join(some), title=" ".join(some)) for some in batched(near, 500)])
    settle(opensearch_node)
    asked = [f"word{number:02}ab" for number in range(16)] + [f"other{number}" for number in range(100)]
    assert index.matching(SCOPE, words(" ".join(asked)), limit=10, fuzzy=True)


def test_any_chunk_can_be_put_in(opensearch_node: str, index: OpenSearchIndex):
    odd = ["", "\x00\x1f", "\ud800", "x" * 40_000, "long " * 100_000, "\u202e\ufeff", '{"index": {}}\n{"a": 1}']
    index.add(
        [chunk(text, title=text, terms=("a=1",), language=language) for text in odd for language in ("english", "cjk")]
    )
    settle(opensearch_node)
    found = index.matching(SCOPE, words("long"), limit=5)
    assert len(found) == 2


def test_many_chunks_take_several_requests(opensearch_node: str, index: OpenSearchIndex):
    many = [chunk("word " * 600, doc_id="many", position=position, vector=(1, position, 0)) for position in range(1100)]
    ids = index.add(many)
    assert len(set(ids)) == 1100
    settle(opensearch_node)
    assert sorted(index.ids_of("t", ["many", "none"])["many"]) == sorted(ids)
    assert len(index.nearest(SCOPE, (1, 0, 0), limit=500)) == 500
    index.remove(ids)
    settle(opensearch_node)
    assert index.ids_of("t", ["many"]) == {}


@pytest.mark.slow
def test_recall_at_10_of_10_000_chunks(opensearch_node: str, name: str):
    """Against an exact search: unclustered vectors, which are the hardest, in one segment, whose graph is the sparsest."""
    dimensions, queries = 64, 100
    generator = np.random.default_rng(7)
    vectors = generator.normal(size=(10_000 + queries, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors, asked = vectors[:-queries], vectors[-queries:]
    indexes = OpenSearchIndexes(OpenSearchSettings(opensearch_node))
    index = made(indexes, name, dimensions)
    ask(opensearch_node, "PUT", f"/silvercup-{name}/_settings", {"index": {"refresh_interval": "-1"}})
    owners = np.where(np.arange(10_000) % 10 < 9, "agent#1", "agent#2")
    for some in batched(range(10_000), 2000):
        index.add([chunk(doc_id=str(n), owner=str(owners[n]), vector=vectors[n].tolist()) for n in some])
    settle(opensearch_node)
    ask(opensearch_node, "POST", f"/silvercup-{name}/_forcemerge?max_num_segments=1")
    settle(opensearch_node)
    for scope in (Scope("t", ["agent#1", "agent#2"]), Scope("t", ["agent#2"])):
        there = np.flatnonzero(np.isin(owners, scope.owners))
        hit_count = 0
        for vector in asked:
            cosines = vectors[there] @ vector
            exact = {str(n) for n in there[np.argsort(-cosines)[:10]]}
            hits = index.nearest(scope, vector.tolist(), limit=10)
            assert [hit.score for hit in hits] == pytest.approx(
                [float(vectors[int(hit.doc_id)] @ vector) for hit in hits], abs=1e-5
            )
            hit_count += len(exact & {hit.doc_id for hit in hits})
        assert hit_count / (10 * queries) >= 0.98
    indexes.drop(name)
    indexes.close()


def test_a_small_owner_is_found_among_many_nearer_chunks(opensearch_node: str, index: OpenSearchIndex):
    index.add([chunk(f"big {n}", vector=(1, n / 10_000, 0), owner="agent#big") for n in range(3000)])
    index.add([chunk(f"small {n}", vector=(-1, n, 0), terms=("a=1",)) for n in range(3)])
    settle(opensearch_node)
    assert texts(index.nearest(SCOPE, (1, 0, 0), limit=3)) == ["small 2", "small 1", "small 0"]
    assert len(index.nearest(Scope("t", ["agent#1"], ["a=1"]), (1, 0, 0), limit=10)) == 3


def test_many_make_an_index_at_the_same_time(indexes: OpenSearchIndexes, name: str):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: indexes.create(name, IndexSpec("model", 3)), range(8)))
    found = indexes.open(name)
    assert found is not None
    assert found.spec == IndexSpec("model", 3)
    with pytest.raises(Conflict, match="silvercup reindex"):
        indexes.create(name, IndexSpec("model", 4))


def test_the_node_keeps_the_mapping_as_it_was_asked_for(opensearch_node: str, name: str):
    indexes = OpenSearchIndexes(OpenSearchSettings(opensearch_node))
    made(indexes, name, 3)
    kept = ask(opensearch_node, "GET", f"/silvercup-{name}/_mapping")[f"silvercup-{name}"]["mappings"]
    asked = index_body(IndexSpec("model", 3), "lucene")["mappings"]
    assert kept["_meta"] == asked["_meta"]
    assert kept["dynamic"] == "strict"
    assert kept["properties"]["words"]["properties"] == asked["properties"]["words"]["properties"]
    assert kept["properties"]["vector"]["method"] == asked["properties"]["vector"]["method"]
    indexes.close()


def test_an_index_that_was_dropped_is_broken_and_stays_away(
    opensearch_node: str, indexes: OpenSearchIndexes, index: OpenSearchIndex, name: str
):
    indexes.drop(name)
    for call in (
        lambda: index.add([chunk("x")]),
        lambda: index.remove(["a"]),
        lambda: index.ids_of("t", ["d"]),
        lambda: index.nearest(SCOPE, (1, 0, 0), limit=1),
        lambda: index.matching(SCOPE, words("x"), limit=1),
    ):
        with pytest.raises(Refused, match="index_not_found_exception"):
            call()
    assert indexes.open(name) is None
    indexes.drop(name)


def test_an_index_of_somebody_else_is_not_touched(opensearch_node: str, name: str):
    ask(opensearch_node, "PUT", f"/silvercup-{name}", {"mappings": {"properties": {"a": {"type": "keyword"}}}})
    indexes = OpenSearchIndexes(OpenSearchSettings(opensearch_node))
    with pytest.raises(InternalError, match="not made by silvercup"):
        indexes.open(name)
    with pytest.raises(InternalError, match="not made by silvercup"):
        indexes.create(name, IndexSpec("model", 3))
    indexes.close()


def test_deployments_with_prefixes_of_their_own_share_a_node(opensearch_node: str, name: str):
    one, other = (OpenSearchIndexes(OpenSearchSettings(opensearch_node, prefix=f"{p}-")) for p in ("one", "other"))
    made(one, name, 3)
    assert other.open(name) is None
    other.drop(name)
    assert one.open(name) is not None
    one.close()
    other.close()
