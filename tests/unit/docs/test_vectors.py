"""Vectors as bytes, and the arithmetic on them."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs.vectors import cosine, mean, normalised, pack, unpack

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
VECTORS = st.integers(1, 8).flatmap(
    lambda size: st.tuples(st.just(size), st.lists(st.lists(FLOATS, min_size=size, max_size=size), max_size=5))
)


@given(VECTORS)
def test_what_is_packed_comes_back(given_: tuple[int, list[list[float]]]):
    size, vectors = given_
    packed = pack(vectors)
    assert len(packed) == 4 * size * len(vectors)
    assert unpack(packed, size) == vectors


def test_bytes_are_float32_in_little_endian_order():
    assert pack([[1.0, -2.5], (0.1, 3)]) == struct.pack("<4f", 1.0, -2.5, 0.1, 3)
    assert unpack(struct.pack("<2f", 0.5, 1), 1) == [[0.5], [1.0]]
    assert pack([]) == b""
    assert unpack(b"", 3) == []


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([[1.0], [1.0, 2.0]], "different lengths"),
        ([[]], "no numbers"),
        ([[math.nan]], "NaN"),
        ([[-math.inf]], "infinite"),
        ([[1e39]], "too large"),
    ],
)
def test_what_can_not_be_packed(vectors: list[list[float]], said: str):
    with pytest.raises(ValueError, match=said):
        pack(vectors)


@pytest.mark.parametrize(("data", "dimensions"), [(b"\0" * 7, 1), (b"\0" * 12, 2), (b"", 0), (b"\0" * 4, -1)])
def test_bytes_that_are_no_vectors(data: bytes, dimensions: int):
    with pytest.raises(ValueError, match="are no vectors"):
        unpack(data, dimensions)


@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e150, max_value=1e150), min_size=1, max_size=9
    )
)
def test_a_normalised_vector_has_length_1(vector: list[float]):
    if math.hypot(*vector) > 1e-290:
        unit = normalised(vector)
        assert math.hypot(*unit) == pytest.approx(1)
        assert cosine(vector, unit) == pytest.approx(1)


@pytest.mark.parametrize("vector", [[], [0.0, 0.0], [math.nan, 1.0], [math.inf], [1.7e308, 1.7e308]])
def test_a_vector_without_direction(vector: list[float]):
    for operation in (normalised, lambda one: mean([one]), lambda one: cosine(one, one)):
        with pytest.raises(ValueError, match="vector"):
            operation(vector)


def test_the_mean_is_the_direction_between():
    assert mean([[1.0, 0.0], [0.0, 1.0]]) == pytest.approx([math.sqrt(0.5), math.sqrt(0.5)])
    assert mean([[1.0, 0.0], [0.0, 1.0]], [3, 4]) == pytest.approx([0.6, 0.8])
    assert mean([[3.0, 4.0]]) == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("vectors", [[], [[1.0], [1.0, 2.0]], [[1.0, 0.0], [-1.0, 0.0]]])
def test_vectors_without_a_mean(vectors: list[list[float]]):
    with pytest.raises(ValueError, match=r"vector|argument"):
        mean(vectors)


def test_the_cosine_of_the_angle():
    assert cosine([1.0, 0.0], [0.0, 5.0]) == 0
    assert cosine([1.0, 2.0], [-2.0, -4.0]) == -1
    assert cosine([1.0, 0.0], [1.0, 1.0]) == pytest.approx(math.sqrt(0.5))
    assert -1 <= cosine([0.1] * 1024, [0.1] * 1024) <= 1
    with pytest.raises(ValueError, match="can't be compared"):
        cosine([1.0], [1.0, 2.0])
