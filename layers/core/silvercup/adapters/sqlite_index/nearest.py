"""The exact cosine of a vector to the rows of a scope.

``np.vecdot`` reads the vectors as fast as the memory gives them, in the calling thread. ``np.dot`` is no faster, and shares its work with
threads of its own that wait for each other: on a busy machine that makes it twenty times as slow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from silvercup.adapters.sqlite_index.rows import BLOCK, Mask, Rows, Slots

_DENSE = 0.3
"""From this share of all rows on it is faster to take all than to pick out those that count."""
_PICK = 512
_ROUNDING = 1e-6
"""What 32-bit sums may lose of a cosine."""


def cosines(rows: Rows, slots: Slots, unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosine of a vector to each of some rows.

    Args:
        rows: All rows.
        slots: Of which, ascending.
        unit: The vector, of length 1.
    """
    if len(slots) > _DENSE * rows.count:
        scores = np.empty(rows.count, np.float32)
        for number, block in enumerate(rows.blocks):
            part = scores[number * BLOCK : (number + 1) * BLOCK]
            np.vecdot(block[: len(part)], unit, out=part)
        return scores[slots]
    scores = np.empty(len(slots), np.float32)
    picked = np.empty((_PICK, len(unit)), np.float32)
    edges = np.searchsorted(slots, np.arange(len(rows.blocks) + 1) * BLOCK)
    for number in np.flatnonzero(np.diff(edges)):
        block, end = rows.blocks[number], int(edges[number + 1])
        for start in range(int(edges[number]), end, _PICK):
            places = slots[start : min(start + _PICK, end)] - number * BLOCK
            part = picked[: len(places)]
            np.take(block, places, axis=0, out=part, mode="clip")
            np.vecdot(part, unit, out=scores[start : start + len(places)])
    return scores


def nearest(
    rows: Rows, scope: Mask, unit: NDArray[np.float32], limit: int, min_score: float
) -> list[tuple[int, float]]:
    """The nearest rows of a scope, nearest first: their numbers and cosines."""
    slots = np.flatnonzero(scope & rows.vectored)
    scores = np.clip(cosines(rows, slots, unit), -1.0, 1.0)
    good = scores >= min_score - _ROUNDING
    return best(rows, slots[good], scores[good], limit)


def best(
    rows: Rows, slots: Slots, scores: NDArray[np.float32] | NDArray[np.float64], limit: int
) -> list[tuple[int, float]]:
    """The rows with the largest scores, largest first, the older of two equal ones first: their numbers and scores."""
    if len(scores) > limit:
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        kept = np.flatnonzero(scores >= least)
        slots, scores = slots[kept], scores[kept]
    order = np.lexsort((slots, -scores))[:limit]
    return list(zip(rows.ids[slots[order]].tolist(), scores[order].tolist(), strict=True))
