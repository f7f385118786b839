"""Vectors: how they are stored, and the little arithmetic on them. Without numpy: the functions of the API have none."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence

from silvercup.docs.embedding import Vector

FLOAT_BYTES = 4


def pack(vectors: Sequence[Vector]) -> bytes:
    """Vectors of one length, one after the other, as float32 in little-endian order.

    A number keeps 24 bits: about seven digits.

    Raises:
        ValueError: Their lengths differ, one has no numbers, or a number is NaN, infinite or over float32's range.
    """
    if len({len(vector) for vector in vectors}) > 1:
        raise ValueError("the vectors have different lengths")
    floats = array("f")
    for vector in vectors:
        if not vector:
            raise ValueError("a vector has no numbers")
        floats.extend(vector)
    if not all(map(math.isfinite, floats)):
        raise ValueError("a number is NaN, infinite or too large for float32")
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()


def unpack(data: bytes, dimensions: int) -> list[list[float]]:
    """The vectors that ``pack`` made bytes of.

    Args:
        data: The bytes; none: no vectors.
        dimensions: How many numbers each has.

    Raises:
        ValueError: The bytes are not those of whole vectors.
    """
    if dimensions < 1 or len(data) % (FLOAT_BYTES * dimensions):
        raise ValueError(f"{len(data)} bytes are no vectors of {dimensions} numbers")
    floats = array("f")
    floats.frombytes(data)
    if sys.byteorder == "big":
        floats.byteswap()
    numbers = floats.tolist()
    return [numbers[start : start + dimensions] for start in range(0, len(numbers), dimensions)]


def normalised(vector: Vector) -> list[float]:
    """The vector of the same direction and of length 1.

    Raises:
        ValueError: It has no direction: no numbers, only zeros, or one that is NaN or infinite.
    """
    length = _length(vector)
    return [number / length for number in vector]


def mean(vectors: Sequence[Vector], weights: Sequence[float] | None = None) -> list[float]:
    """The direction between some vectors: their (weighted) mean, brought to length 1.

    Args:
        vectors: At least one; of one length.
        weights: How much each counts, all above 0; None: all the same.

    Raises:
        ValueError: There is none, their lengths differ, or they cancel each other out.
    """
    if not vectors:
        raise ValueError("there are no vectors")
    factors = [1.0] * len(vectors) if weights is None else weights
    return normalised([math.sumprod(factors, column) for column in zip(*vectors, strict=True)])


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of the angle between two vectors of any length above 0: -1 to 1.

    Raises:
        ValueError: They differ in length, or one has no direction (see ``normalised``).
    """
    if len(one) != len(other):
        raise ValueError(f"vectors of {len(one)} and {len(other)} numbers can't be compared")
    return max(-1.0, min(1.0, math.sumprod(normalised(one), normalised(other))))


def _length(vector: Vector) -> float:
    length = math.hypot(*vector)
    if not math.isfinite(length):
        raise ValueError("a vector holds a number that is NaN, infinite or too large")
    if length == 0:
        raise ValueError("a vector of zeros has no direction")
    return length
