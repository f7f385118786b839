"""What ``silvercup.docs.index`` says of an index, for all adapters: chunks, scopes and vectors. Words: ``test_doc_index_words.py``."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from silvercup.docs.index import DocIndex, DocIndexes, IndexSpec, Scope
from silvercup.errors import Conflict
from tests.support.doc_indexes import (
    DIMENSIONS,
    HERE,
    OWNER,
    SPEC,
    TENANT,
    axis,
    chunk,
    docs,
    eventually,
    index,
    indexes,
    matched,
    name,
    put,
    settle,
    words,
)

__all__ = ["index", "indexes", "name"]

RECALL = 0.98
"""Of the truly nearest, so many must be found; an index may be an approximate one."""


def test_an_index_has_the_spec_it_was_made_with(indexes: DocIndexes, name: str):
    assert indexes.open(name) is None
    indexes.create(name, SPEC)
    indexes.create(name, SPEC)
    made = indexes.open(name)
    assert made is not None
    assert made.spec == SPEC


@pytest.mark.parametrize("other", [IndexSpec("other-model", DIMENSIONS), IndexSpec("test-model", 16)])
def test_an_index_with_another_spec_is_a_conflict_that_says_what_to_do(
    indexes: DocIndexes, name: str, other: IndexSpec
):
    indexes.create(name, SPEC)
    with pytest.raises(Conflict) as caught:
        indexes.create(name, other)
    for word in ("test-model", str(DIMENSIONS), other.model, str(other.dimensions), "silvercup reindex"):
        assert word in caught.value.message
    made = indexes.open(name)
    assert made is not None
    assert made.spec == SPEC


def test_a_dropped_index_is_gone_and_can_be_made_anew(indexes: DocIndexes, name: str, index: DocIndex):
    put(index, chunk("d1", "lantern", vector=axis(0)))
    indexes.drop(name)
    assert indexes.open(name) is None
    indexes.drop(name)
    indexes.create(name, IndexSpec("other-model", 4))
    anew = indexes.open(name)
    assert anew is not None
    assert anew.spec == IndexSpec("other-model", 4)
    assert matched(anew, words("lantern")) == []
    assert anew.ids_of(TENANT, ["d1"]).get("d1", []) == []


@pytest.mark.parametrize("wrong", ["", "../up", "UPPER", "a/b", "a*", "a b", "ü"])
def test_a_name_of_other_characters_is_refused(indexes: DocIndexes, wrong: str):
    for call in (indexes.open, indexes.drop, lambda name: indexes.create(name, SPEC)):
        with pytest.raises(ValueError, match="lower-case letters, digits and hyphens"):
            call(wrong)


def test_a_hit_shows_its_chunk(index: DocIndex):
    put(
        index,
        chunk("d1", "A lantern.\nIt glows. 🏮", title="Lamps", version=3, position=2, vector=axis(1), terms=["a=1"]),
    )
    (near,) = index.nearest(HERE, axis(1), limit=1)
    (worded,) = index.matching(HERE, words("lantern"), limit=1)
    for hit in (near, worded):
        assert (hit.owner, hit.doc_id, hit.version, hit.position) == (OWNER, "d1", 3, 2)
        assert (hit.title, hit.text, hit.chunk_id) == ("Lamps", "A lantern.\nIt glows. 🏮", "d1:3:2")
        assert hit.vector is None
    assert near.score == pytest.approx(1.0, abs=1e-4)
    assert worded.score >= 0


def test_hits_carry_their_vectors_when_asked(index: DocIndex):
    put(index, chunk("d1", "lantern", vector=axis(0, 3)), chunk("d2", "lantern"))
    (near,) = index.nearest(HERE, axis(0), limit=10, with_vectors=True)
    assert near.vector == pytest.approx(axis(0, 3), abs=1e-6)
    by_doc = {hit.doc_id: hit.vector for hit in index.matching(HERE, words("lantern"), limit=10, with_vectors=True)}
    assert by_doc["d1"] == pytest.approx(axis(0, 3), abs=1e-6)
    assert by_doc["d2"] is None


def test_a_chunk_without_a_vector_is_found_by_its_words_alone(index: DocIndex):
    put(index, chunk("d1", "lantern"), chunk("d2", "candle", vector=axis(0)))
    assert docs(index.nearest(HERE, axis(0), limit=10)) == ["d2"]
    assert matched(index, words("lantern")) == ["d1"]


def test_ids_of_gives_all_versions_of_the_docs_asked_for(index: DocIndex):
    chunks = [
        *(chunk("d1", version=version, position=position) for version in (1, 2) for position in (0, 1)),
        chunk("d2"),
        chunk("d3"),
        chunk("d4", tenant="tenant-2"),
    ]
    ids = put(index, *chunks)
    found = index.ids_of(TENANT, ["d1", "d2", "d4", "nowhere"])
    assert {doc_id: sorted(some) for doc_id, some in found.items() if some} == {
        "d1": sorted(ids[:4]),
        "d2": [ids[4]],
    }
    assert index.ids_of("tenant-2", ["d4", "d1"]).get("d4") == [ids[6]]
    assert not any(index.ids_of(TENANT, []).values())


def test_what_is_taken_out_is_not_found_any_more(index: DocIndex):
    ids = put(index, *(chunk(f"d{n}", "lantern", vector=axis(n)) for n in range(4)))
    index.remove([ids[0], "no-such-id", ids[2]])
    eventually(lambda: sorted(matched(index, words("lantern"))) == ["d1", "d3"])
    eventually(lambda: sorted(docs(index.nearest(HERE, axis(0), limit=10))) == ["d1", "d3"])
    assert not any(index.ids_of(TENANT, ["d0", "d2"]).values())
    index.remove([])
    index.remove(ids)
    eventually(lambda: matched(index, words("lantern")) == [])


def test_a_chunk_put_in_twice_is_found_once(index: DocIndex):
    again = [chunk("d1", "lantern", vector=axis(0), position=position) for position in (0, 1)]
    first, second = put(index, *again), put(index, *again)
    put(index, chunk("d2", "lantern", vector=axis(0, 1)))
    hits = index.nearest(HERE, axis(0), limit=10)
    assert sorted(hit.chunk_id for hit in hits) == ["d1:1:0", "d1:1:1", "d2:1:0"]
    assert docs(index.nearest(HERE, axis(0), limit=3))[2] == "d2"
    assert sorted(hit.chunk_id for hit in index.matching(HERE, words("lantern"), limit=10)) == sorted(
        hit.chunk_id for hit in hits
    )
    index.remove([*first, *second])
    eventually(lambda: docs(index.nearest(HERE, axis(0), limit=10)) == ["d2"])


def test_the_last_of_the_same_chunk_in_one_call_counts_once(index: DocIndex):
    put(index, chunk("d1", "lantern", vector=axis(0)), chunk("d1", "lantern", vector=axis(0)))
    assert matched(index, words("lantern")) == ["d1"]


def test_nothing_to_add_is_nothing(index: DocIndex):
    assert index.add([]) == []


def test_a_vector_of_other_dimensions_or_without_direction_is_refused(index: DocIndex, subtests: pytest.Subtests):
    for wrong in ([1.0] * 7, [1.0] * 9, [], [0.0] * DIMENSIONS, [float("nan")] * DIMENSIONS):
        with subtests.test(repr(wrong)):
            with pytest.raises(ValueError, match="vector"):
                index.add([chunk("d1", "lantern", vector=axis(0)), chunk("d2", "lantern", vector=wrong)])
            with pytest.raises(ValueError, match="vector"):
                index.nearest(HERE, wrong, limit=1)
    put(index, chunk("d3", "lantern"))
    assert matched(index, words("lantern")) == ["d3"]


def test_tenants_and_owners_are_apart(index: DocIndex):
    put(
        index,
        chunk("d1", "lantern", vector=axis(0)),
        chunk("d2", "lantern", vector=axis(0), owner="user#two"),
        chunk("d3", "lantern", vector=axis(0), tenant="tenant-2"),
        chunk("d4", "lantern", vector=axis(0), owner="agent#one-more"),
    )
    for scope, expected in (
        (HERE, ["d1"]),
        (Scope(TENANT, ["user#two"]), ["d2"]),
        (Scope(TENANT, [OWNER, "user#two", "agent#nobody"]), ["d1", "d2"]),
        (Scope("tenant-2", [OWNER, "user#two"]), ["d3"]),
        (Scope("tenant-3", [OWNER]), []),
        (Scope(TENANT, ["agent#nobody"]), []),
        (Scope(TENANT, ["agent"]), []),
        (Scope(TENANT, ["AGENT#ONE"]), []),
    ):
        assert sorted(docs(index.nearest(scope, axis(0), limit=10))) == expected
        assert sorted(matched(index, words("lantern"), scope)) == expected


def test_all_terms_of_a_scope_must_be_there(index: DocIndex):
    long = "key=" + "x" * 5000
    put(
        index,
        chunk("d1", "lantern", vector=axis(0), terms=["a=1", "b=2", "c.d=true"]),
        chunk("d2", "lantern", vector=axis(0), terms=["a=1"]),
        chunk("d3", "lantern", vector=axis(0), terms=["a=1 b=2", "A=1"]),
        chunk("d4", "lantern", vector=axis(0), terms=["b=2", "b=2", 'ключ="wert\\" 🏮']),
    )
    for terms, expected in (
        ([], ["d1", "d2", "d3", "d4"]),
        (["a=1"], ["d1", "d2"]),
        (["a=1", "b=2"], ["d1"]),
        (["b=2", "a=1", "b=2"], ["d1"]),
        (["a=1 b=2"], ["d3"]),
        (['ключ="wert\\" 🏮'], ["d4"]),
        (["a=*"], []),
        ([long], []),
    ):
        scope = Scope(TENANT, [OWNER], terms)
        assert sorted(docs(index.nearest(scope, axis(0), limit=10))) == expected
        assert sorted(matched(index, words("lantern"), scope)) == expected


def test_a_small_owners_chunks_are_found_among_many_nearer_ones(index: DocIndex):
    near = np.eye(DIMENSIONS)[0] + np.random.default_rng(1).normal(scale=0.05, size=(600, DIMENSIONS))
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    far = chunk("far", "candle", owner="user#small", vector=axis(1, 0), terms=["kind=rare"])
    put(
        index,
        *(chunk(f"d{n}", "lantern", vector=vector, terms=["kind=common"]) for n, vector in enumerate(near.tolist())),
        far,
        chunk("opposite", "candle", owner="user#small", vector=[-1.0, *axis(0)[1:]], terms=["kind=common"]),
        chunk("rare", "candle", vector=axis(2, 0), terms=["kind=rare"]),
    )
    assert docs(index.nearest(Scope(TENANT, ["user#small"]), axis(0), limit=5)) == ["far", "opposite"]
    assert docs(index.nearest(Scope(TENANT, [OWNER], ["kind=rare"]), axis(0), limit=5)) == ["rare"]
    both = Scope(TENANT, [OWNER, "user#small"], ["kind=rare"])
    assert sorted(docs(index.nearest(both, axis(0), limit=5))) == ["far", "rare"]
    assert matched(index, words("candle"), Scope(TENANT, ["user#small"], ["kind=rare"])) == ["far"]


def test_nearest_come_first_and_their_scores_are_cosines(index: DocIndex):
    put(
        index,
        chunk("opposite", vector=[-1.0, *axis(0)[1:]]),
        chunk("across", vector=axis(1)),
        chunk("same", vector=axis(0)),
        chunk("beside", vector=axis(1, 0)),
        chunk("close", vector=axis(0, 1)),
    )
    for length in (1.0, 0.01, 250.0):
        hits = index.nearest(HERE, [length * part for part in axis(0)], limit=10)
        assert docs(hits) == ["same", "close", "beside", "across", "opposite"]
        assert [hit.score for hit in hits] == pytest.approx([1, 0.8, 0.6, 0, -1], abs=1e-4)


def test_only_what_has_the_smallest_score_counts(index: DocIndex, subtests: pytest.Subtests):
    vectors = [axis(0), axis(0, 1), axis(1, 0), axis(1), [-1.0, *axis(0)[1:]]]
    put(index, *(chunk(f"d{n}", vector=vector) for n, vector in enumerate(vectors)))
    for least, expected in ((-1, 5), (-0.99, 4), (0.0001, 3), (0.6, 3), (0.61, 2), (0.8, 2), (0.9, 1), (1, 1)):
        with subtests.test(min_score=least):
            found = docs(index.nearest(HERE, axis(0), limit=10, min_score=least))
            assert found == [f"d{n}" for n in range(expected)]


def test_no_more_than_the_limit_are_found(index: DocIndex):
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(520, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    put(index, *(chunk(f"d{n}", "lantern", vector=vector) for n, vector in enumerate(vectors.tolist())))
    for limit in (1, 7, 500):
        assert len(index.nearest(HERE, axis(0), limit=limit)) == limit
        assert len(matched(index, words("lantern"), limit=limit)) == limit


def test_the_nearest_are_those_that_brute_force_finds(index: DocIndex):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(300, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    owners, terms = rng.integers(3, size=300), rng.integers(4, size=300)
    put(
        index,
        *(
            chunk(f"d{n}", owner=f"user#{owners[n]}", terms=[f"kind={terms[n]}"], vector=vectors[n].tolist())
            for n in range(300)
        ),
    )
    wanted = found = 0

    @settings(max_examples=60)
    @given(
        query=st.lists(st.floats(-1, 1, width=32), min_size=DIMENSIONS, max_size=DIMENSIONS).filter(
            lambda vector: np.linalg.norm(vector) > 0.01
        ),
        searched=st.sets(st.integers(0, 2), min_size=1),
        term=st.none() | st.integers(0, 3),
        limit=st.integers(1, 60),
    )
    def compare(query: list[float], searched: set[int], term: int | None, limit: int):
        nonlocal wanted, found
        scope = Scope(TENANT, [f"user#{owner}" for owner in searched], [] if term is None else [f"kind={term}"])
        inside = np.isin(owners, list(searched)) & (True if term is None else terms == term)
        cosines = np.where(inside, vectors @ np.array(query) / np.linalg.norm(query), -2)
        expected = np.sort(cosines[inside])[::-1][:limit]
        hits = index.nearest(scope, query, limit=limit)
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        for hit in hits:
            assert hit.score == pytest.approx(cosines[int(hit.doc_id[1:])], abs=1e-4)
        assert len(hits) == len({hit.chunk_id for hit in hits}) <= len(expected)
        wanted += len(expected)
        found += sum(score >= expected[-1] - 1e-4 for score in scores)

    compare()
    assert found >= RECALL * wanted


def test_threads_add_take_out_and_search_at_once(index: DocIndex):
    done = threading.Event()

    def write(writer: int) -> list[str]:
        ids: list[str] = []
        for number in range(12):
            made = chunk(f"w{writer}-{number}", "lantern", owner=f"user#{writer}", vector=axis(writer))
            ids += index.add([made])
            if number % 3 == 2:
                index.remove([ids[-1]])
        return ids

    def search(writer: int) -> int:
        searches = 0
        while not done.is_set() or not searches:
            scope = Scope(TENANT, [f"user#{writer}"])
            for hit in [*index.nearest(scope, axis(0), limit=50), *index.matching(scope, words("lantern"), limit=50)]:
                assert hit.owner == f"user#{writer}"
            searches += 1
        return searches

    with ThreadPoolExecutor(8) as pool:
        searching = [pool.submit(search, writer) for writer in range(4)]
        writing = [pool.submit(write, writer) for writer in range(4)]
        try:
            assert [len(one.result()) for one in writing] == [12] * 4
        finally:
            done.set()
        assert all(one.result() for one in searching)
    for writer in range(4):
        scope = Scope(TENANT, [f"user#{writer}"])
        kept = sorted(f"w{writer}-{number}" for number in range(12) if number % 3 != 2)
        settle(index, [chunk(doc_id) for doc_id in kept])
        eventually(lambda scope=scope, kept=kept: sorted(docs(index.nearest(scope, axis(0), limit=50))) == kept)
        assert sorted(matched(index, words("lantern"), scope)) == kept
