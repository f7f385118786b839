"""Search: what counts, in which order, with which numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from silvercup.docs.documents import DocOwner
from silvercup.docs.search import SearchRequest
from silvercup.errors import Conflict, InvalidShape, NotFound
from silvercup.ids import uuid7
from tests.support.docs import OTHER, TENANT, DocWorld, LetterEmbedder


@pytest.fixture
def world() -> DocWorld:
    return DocWorld()


def search(world: DocWorld, owner: DocOwner | None = None, tenant: str = TENANT, **asked: Any) -> list[dict[str, Any]]:
    return world.searcher.search(tenant, owner or world.owner, SearchRequest(**asked))["docs"]


def contents(found: list[dict[str, Any]]) -> list[str]:
    return [doc["snippet"]["content"] for doc in found]


def vector(world: DocWorld, text: str) -> list[float]:
    return [*world.embedder.embed([f"Title: A title\n\n{text}"])[0]]


def test_a_reference_is_v1s(world: DocWorld):
    made = world.create(["other words", "cat dog"], title="Pets", metadata={"a": 1})
    world.settle()
    (found,) = search(world, text="dog")
    assert found["id"] == made["id"]
    assert found["owner"] == {"id": world.owner.id, "role": "agent"}
    assert found["title"] == "Pets"
    assert found["metadata"] == {"a": 1}
    assert found["snippet"]["index"] == 1
    assert found["snippet"]["content"] == "cat dog"
    assert len(found["snippet"]["embedding"]) == 26
    assert "embedding" not in search(world, text="dog", include_embeddings=False)[0]["snippet"]


def test_the_answer_says_how_long_it_took(world: DocWorld):
    ticks = iter([5.0, 5.25])
    searcher = world.searcher
    searcher._clock = lambda: next(ticks)
    answer = searcher.search(TENANT, world.owner, SearchRequest(text="a"))
    assert answer == {"docs": [], "time": 0.25}


def test_what_is_given_says_how_is_searched(world: DocWorld):
    world.create("cat dog")
    world.settle()
    asked = len(world.embedder.asked)
    assert search(world, text="cat")[0]["distance"] == pytest.approx(1 / 11)
    assert len(world.embedder.asked) == asked, "a text alone is never embedded"
    near = vector(world, "cat dog")
    assert search(world, vector=near)[0]["distance"] == pytest.approx(0, abs=1e-6)
    assert search(world, text="cat", vector=near)
    assert contents(search(world, text="dog cat", mode="vector")) == ["cat dog"]
    assert contents(search(world, text="dog cat", mode="hybrid")) == ["cat dog"]


def test_nearest_first_and_only_what_is_near_enough(world: DocWorld):
    for text in ("aaaa", "aaab", "aabb", "zzzz"):
        world.create(text)
    world.settle()
    near = vector(world, "aaaa")
    found = search(world, vector=near, confidence=-1, mmr_strength=0)
    assert contents(found) == ["aaaa", "aaab", "aabb", "zzzz"]
    distances = [doc["distance"] for doc in found]
    assert distances == sorted(distances)
    cosine = 1 - distances[1]
    assert len(search(world, vector=near, confidence=cosine - 1e-9, mmr_strength=0)) == 2
    assert len(search(world, vector=near, confidence=cosine + 1e-9, mmr_strength=0)) == 1
    assert len(search(world, vector=near, confidence=-1, mmr_strength=0, limit=3)) == 3


def test_mmr_prefers_what_says_something_else(world: DocWorld):
    for text in ("aaaa", "aaaaa", "aaaaaa", "aabb"):
        world.create(text)
    world.settle()
    near = vector(world, "aaaa")
    plain = contents(search(world, vector=near, confidence=-1, mmr_strength=0, limit=2))
    varied = contents(search(world, vector=near, confidence=-1, mmr_strength=0.9, limit=2))
    assert varied[0] == plain[0]
    assert varied[1] == "aabb" != plain[1]
    without = contents(search(world, vector=near, confidence=-1, mmr_strength=0.9, limit=2, include_embeddings=False))
    assert without == varied


def test_owners_and_tenants_are_apart(world: DocWorld):
    other = world.new_owner("user")
    stranger = world.new_owner("agent", OTHER)
    world.create("cat one")
    world.create("cat two", owner=other)
    world.create("cat three", owner=stranger, tenant=OTHER)
    world.settle()
    assert contents(search(world, text="cat")) == ["cat one"]
    assert contents(search(world, other, text="cat")) == ["cat two"]
    assert contents(search(world, stranger, OTHER, text="cat")) == ["cat three"]
    for owner, tenant in ((world.owner, OTHER), (stranger, TENANT), (DocOwner("agent", uuid7()), TENANT)):
        with pytest.raises(NotFound):
            search(world, owner, tenant, text="cat")


def test_a_filter_is_typed_and_nested(world: DocWorld):
    world.create("cat 1", metadata={"n": 1, "deep": {"tags": ["a", "b"], "x": {"y": True}}})
    world.create("cat 2", metadata={"n": "1", "deep": {"tags": ["c"]}})
    world.settle()

    def filtered(**wanted: Any) -> list[str]:
        return contents(search(world, text="cat", metadata_filter=wanted))

    assert filtered(n=1) == ["cat 1"]
    assert filtered(n=1.0) == ["cat 1"]
    assert filtered(n="1") == ["cat 2"]
    assert filtered(n=True) == []
    assert filtered(deep={"tags": ["b"]}) == ["cat 1"]
    assert filtered(deep={"x": {"y": True}}) == ["cat 1"]
    assert filtered(deep={"x": {}}) == ["cat 1"]
    assert sorted(filtered(deep={})) == ["cat 1", "cat 2"]
    assert filtered(none=None) == []


def test_a_deleted_doc_is_gone_before_the_index_knows(world: DocWorld):
    gone, kept = world.create("cat gone"), world.create("cat kept")
    world.settle()
    world.service.delete(TENANT, gone["id"])
    assert contents(search(world, text="cat")) == ["cat kept"]
    assert contents(search(world, vector=vector(world, "cat gone"), confidence=-1)) == ["cat kept"]
    world.service.update(TENANT, kept["id"], {"content": "cat changed"})
    assert contents(search(world, text="cat")) == []
    world.settle()
    assert contents(search(world, text="cat")) == ["cat changed"]


def test_many_deleted_docs_do_not_hide_the_others(world: DocWorld):
    made = [world.create(f"cat {i}") for i in range(20)]
    world.settle()
    for doc in made[:9]:
        world.service.delete(TENANT, doc["id"])
    assert len(search(world, text="cat", limit=10)) == 10


def test_requests_of_a_search(world: DocWorld):
    for i in range(20):
        world.create(f"cat {i}")
    world.settle()
    near = vector(world, "cat")
    asks: list[dict[str, Any]] = [{"text": "cat"}, {"vector": near}, {"text": "cat", "vector": near}]
    for asked in asks:
        world.tables.requests.clear()
        assert search(world, **asked)
        assert world.tables.requests == ["get_many", "get_many"]


def test_hybrid_weighs_words_and_meaning(world: DocWorld):
    world.create("xxxx wanted", title="aaaa")
    world.create("aaaa other", title="aaaa")
    world.create("qqqq", title="q")
    world.settle()
    near = vector(world, "aaaa other")
    ask: dict[str, Any] = {"text": "wanted", "vector": near, "confidence": -1, "mmr_strength": 0}
    assert contents(search(world, **ask, alpha=0))[0] == "xxxx wanted"
    assert contents(search(world, **ask, alpha=1))[0] == "aaaa other"
    distances = [doc["distance"] for doc in search(world, **ask)]
    assert distances == sorted(distances)


def test_a_typo_still_finds_where_a_threshold_allows_it(world: DocWorld):
    world.create("the elephant walks", title="Zoo")
    world.create("nothing alike", title="Else")
    world.settle()
    assert search(world, text="elefant") == []
    for typo in ("elefant", "elephnt"):
        assert contents(search(world, text=typo, trigram_similarity_threshold=0.4)) == ["the elephant walks"]
        assert contents(search(world, text=typo, trigram_similarity_threshold=0.7)) == []
    assert contents(search(world, text="elephant", trigram_similarity_threshold=1)) == ["the elephant walks"]
    world.create("an elefant", title="Misspelt")
    world.settle()
    found = search(world, text="elephant", trigram_similarity_threshold=0.3)
    assert contents(found) == ["the elephant walks", "an elefant"], "the word as it is written comes first"
    assert found[0]["distance"] > found[1]["distance"]


@pytest.mark.parametrize(
    ("asked", "loc"),
    [
        ({}, "text"),
        ({"mode": "vector"}, "vector"),
        ({"mode": "text", "vector": [1.0] * 26}, "text"),
        ({"mode": "hybrid", "vector": [1.0] * 26}, "text"),
        ({"vector": [1.0] * 1024}, "vector"),
        ({"vector": [0.0] * 26}, "vector"),
        ({"text": "x", "lang": "!!"}, "lang"),
    ],
)
def test_bad_requests_say_what_is_wrong(world: DocWorld, asked: dict[str, Any], loc: str):
    world.create("cat")
    world.settle()
    with pytest.raises(InvalidShape) as caught:
        search(world, **asked)
    assert caught.value.details[0].loc == loc


@pytest.mark.parametrize(
    "text", ["", "   ", '"', "-", "OR", "* AND (", "x" * 100_000, "\x00", "🦆", "a" * 300 + " cat"]
)
def test_odd_queries_are_answered(world: DocWorld, text: str):
    world.create("cat")
    world.settle()
    near = vector(world, "cat")
    search(world, text=text)
    search(world, text=text, vector=near)
    search(world, text=text, vector=near, trigram_similarity_threshold=0.1)


def test_vectors_of_another_model_are_not_compared(world: DocWorld):
    world.create("cat")
    world.settle()
    world.embedder = LetterEmbedder("other letters")
    with pytest.raises(Conflict, match="silvercup reindex"):
        search(world, vector=[1.0] * 26)
    assert contents(search(world, text="cat")) == ["cat"]


def test_before_the_first_doc_nothing_is_found(world: DocWorld):
    assert search(world, text="cat") == []
    assert search(world, vector=[1.0 / math.sqrt(26)] * 26) == []
