"""Hybrid search: one ranking of two."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs.fusion import hybrid, normalized, saturated
from silvercup.docs.index import Hit


def hit(name: str, score: float) -> Hit:
    return Hit("agent#1", name, 1, 0, "", "", score)


def names(found: list[tuple[Hit, float]]) -> list[str]:
    return [one.doc_id for one, _ in found]


def test_the_formula_by_hand():
    """Text scores 1/2, 3/4, 0 and cosines 0, 0.8, 0.4, over a, b and c."""
    found = hybrid([hit("b", 0.75), hit("a", 0.5)], [hit("b", 0.8), hit("c", 0.4)], alpha=0.25, limit=10)
    text_mean = 1.25 / 3
    text_sigma = math.sqrt(((0.5 - text_mean) ** 2 + (0.75 - text_mean) ** 2 + text_mean**2) / 2)
    of_text = {
        name: (s - text_mean + 3 * text_sigma) / (6 * text_sigma) for name, s in [("a", 0.5), ("b", 0.75), ("c", 0)]
    }
    of_vector = {name: (s - 0.4 + 1.2) / 2.4 for name, s in [("a", 0), ("b", 0.8), ("c", 0.4)]}
    expected = {name: 1 - (0.75 * of_text[name] + 0.25 * of_vector[name]) for name in "abc"}
    assert names(found) == ["b", "a", "c"]
    assert {one.doc_id: distance for one, distance in found} == pytest.approx(expected)
    assert found[0][0].score == 0.8, "what both found is the vector search's hit"


def test_what_is_nearer_comes_first():
    near, far = hit("near", 0.9), hit("far", 0.5)
    assert names(hybrid([], [near, far], alpha=0.5, limit=2)) == ["near", "far"]


def test_alpha_chooses_between_the_searches():
    text, vector = [hit("a", 9), hit("b", 2)], [hit("b", 0.9), hit("a", 0.6)]
    assert names(hybrid(text, vector, alpha=0, limit=9)) == ["a", "b"]
    assert names(hybrid(text, vector, alpha=1, limit=9)) == ["b", "a"]


def test_scores_that_are_all_the_same_stay_as_they_are():
    assert hybrid([hit("a", 0.5)], [], alpha=0.5, limit=9) == [(hit("a", 0.5), 0.75)]
    assert hybrid([], [hit("a", 0.6)], alpha=0.5, limit=9) == [(hit("a", 0.6), 0.7)]
    assert normalized([]) == []
    assert normalized([0.3]) == [0.3]
    assert normalized([0.1] * 7) == [0.1] * 7
    tiny = [5e-324, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert normalized(tiny) == tiny, "a deviation that is too small for a float"


def test_equals_stand_in_the_order_of_the_vector_search_and_then_of_their_ids():
    vector = [hit("z", 0.5), hit("y", 0.5)]
    assert names(hybrid([hit("b", 1), hit("a", 1)], vector, alpha=0.0, limit=9)) == ["a", "b", "z", "y"]
    assert names(hybrid([], vector, alpha=0.5, limit=9)) == ["z", "y"]


def test_nothing_found():
    assert hybrid([], [], alpha=0.5, limit=9) == []


def test_text_scores_are_saturated():
    assert [saturated(score) for score in (0, 10, 30, math.inf)] == [0, 0.5, 0.75, 1]


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30, unique=True))
def test_the_distribution_is_moved_to_a_half_with_a_sixth_of_deviation(scores: list[float]):
    if stdev(scores) > 1e-6:
        found = normalized(scores)
        assert fmean(found) == pytest.approx(0.5)
        assert stdev(found) == pytest.approx(1 / 6)
        in_order = [found[place] for place in sorted(range(len(scores)), key=scores.__getitem__)]
        assert in_order == sorted(found)


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)
SCORES = st.floats(0, 40)
COSINES = st.floats(-1, 1)


@given(NAMES, NAMES, st.data(), st.floats(0, 1), st.integers(1, 10))
def test_each_chunk_once_in_order(in_text: list[str], near: list[str], data: st.DataObject, alpha: float, limit: int):
    text = [hit(name, data.draw(SCORES)) for name in in_text]
    vector = [hit(name, data.draw(COSINES)) for name in near]
    found = hybrid(text, vector, alpha=alpha, limit=limit)
    assert len(found) == min(limit, len({*in_text, *near}))
    assert len(set(names(found))) == len(found)
    distances = [distance for _, distance in found]
    assert distances == sorted(distances)
    assert all(map(math.isfinite, distances))
    everything = hybrid(text, vector, alpha=alpha, limit=99)
    assert everything[:limit] == found
    place = {name: rank for rank, name in enumerate(names(everything))}
    for before in {*in_text} & {*near}:
        for after in {*in_text} & {*near}:
            scores = {kind: {one.doc_id: one.score for one in hits} for kind, hits in (("t", text), ("v", vector))}
            if all(of[before] > of[after] + 0.01 for of in scores.values()):
                assert place[before] < place[after], "better in both is better"


def test_the_order_of_the_text_search_does_not_matter():
    text, vector = [hit("a", 1), hit("b", 2), hit("c", 2)], [hit("d", 0.4), hit("a", 0.3)]
    assert hybrid(text, vector, alpha=0.5, limit=9) == hybrid(text[::-1], vector, alpha=0.5, limit=9)
