"""Maximal marginal relevance."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs.embedding import Vector
from silvercup.docs.mmr import diversified

QUERY = [1.0, 0.0, 0.0]
NEAREST = [0.9, 0.1, 0.0]
ALMOST = [0.89, 0.11, 0.0]
OTHER = [0.7, -0.7, 0.1]
FAR = [0.0, 0.0, 1.0]


def test_what_says_the_same_comes_later():
    assert diversified(QUERY, [ALMOST, NEAREST, OTHER, FAR], mmr_strength=0.5, limit=2) == [1, 2]
    assert diversified(QUERY, [ALMOST, NEAREST, OTHER, FAR], mmr_strength=0.01, limit=2) == [1, 0]
    assert diversified(QUERY, [ALMOST, NEAREST, OTHER, FAR], mmr_strength=0.9, limit=3) == [1, 3, 2]


def test_the_order_stays_where_there_is_nothing_to_choose():
    assert diversified(QUERY, [FAR, NEAREST], mmr_strength=0.5, limit=2) == [0, 1]
    assert diversified(QUERY, [FAR, None, NEAREST], mmr_strength=0.5, limit=3) == [0, 1, 2]
    assert diversified(QUERY, [FAR, NEAREST, OTHER], mmr_strength=0, limit=2) == [0, 1]
    assert diversified(QUERY, [], mmr_strength=0.5, limit=2) == []


def test_what_has_no_embedding_is_left_out():
    assert diversified(QUERY, [None, FAR, None, NEAREST], mmr_strength=0.5, limit=3) == [3, 1]


def test_with_fewer_than_two_embeddings_the_first_are_taken():
    assert diversified(QUERY, [None, None, NEAREST], mmr_strength=0.5, limit=2) == [0, 1]
    assert diversified(QUERY, [None, None, None], mmr_strength=0.5, limit=2) == [0, 1]


def test_of_equals_the_earliest():
    assert diversified(QUERY, [FAR, NEAREST, NEAREST, NEAREST], mmr_strength=0.5, limit=3) == [1, 0, 2]


def test_lengths_do_not_matter_and_zero_is_like_nothing():
    long = [[100 * value for value in vector] for vector in (ALMOST, NEAREST, OTHER, FAR)]
    assert diversified([0.01, 0, 0], long, mmr_strength=0.5, limit=2) == [1, 2]
    assert diversified(QUERY, [[0.0] * 3, NEAREST, [0.0] * 3], mmr_strength=0.5, limit=2) == [1, 0]
    assert diversified([0.0] * 3, [FAR, NEAREST, OTHER], mmr_strength=0.5, limit=1) == [0]


def test_dimensions_have_to_agree():
    with pytest.raises(ValueError, match="length"):
        diversified(QUERY, [NEAREST, [1.0], FAR], mmr_strength=0.5, limit=1)


def cosine(a: Vector, b: Vector) -> float:
    return math.sumprod(a, b) / math.hypot(*a) / math.hypot(*b)


def plainly(query: Vector, vectors: list[list[float]], strength: float, limit: int) -> list[int]:
    """The definition, word by word."""
    chosen = [max(range(len(vectors)), key=lambda d: cosine(query, vectors[d]))]
    while len(chosen) < limit:
        rest = [d for d in range(len(vectors)) if d not in chosen]

        def score(d: int) -> float:
            return (1 - strength) * cosine(query, vectors[d]) - strength * max(
                cosine(vectors[d], vectors[c]) for c in chosen
            )

        chosen.append(max(rest, key=score))
    return chosen


@given(
    st.lists(st.lists(st.floats(0.1, 1), min_size=4, max_size=4), min_size=3, max_size=12),
    st.floats(0.05, 0.95),
    st.integers(1, 8),
)
def test_it_is_the_definition(vectors: list[list[float]], strength: float, limit: int):
    found = diversified([1.0, 0.5, 0.25, 0.1], vectors, mmr_strength=strength, limit=limit)
    assert len(found) == len(set(found)) == min(limit, len(vectors))
    if len(vectors) <= limit:
        assert found == list(range(len(vectors)))
        return
    expected = plainly([1.0, 0.5, 0.25, 0.1], vectors, strength, limit)
    if found != expected:  # two that are equal but for the rounding
        step = next(step for step in range(limit) if found[step] != expected[step])
        chosen = found[:step]

        def score(d: int) -> float:
            relevance = cosine([1.0, 0.5, 0.25, 0.1], vectors[d])
            redundancy = max((cosine(vectors[d], vectors[c]) for c in chosen), default=0)
            return (1 - strength) * relevance - strength * redundancy

        assert score(found[step]) == pytest.approx(score(expected[step]), abs=1e-12)
