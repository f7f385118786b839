"""Maximal marginal relevance: of what was found, what is near the query and says something else than the rest.

Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries", SIGIR 1998:
the next is ``argmax lambda * sim(query, d) - (1 - lambda) * max(sim(d, c) for c in chosen)``. v1 took the cosine for both similarities
and ``lambda = 1 - mmr_strength``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from silvercup.docs.embedding import Vector


def diversified(query: Vector, vectors: Sequence[Vector | None], *, mmr_strength: float, limit: int) -> list[int]:
    """Choose from what was found, best first.

    As in v1 the order stays when there is nothing to choose (no more than ``limit`` were found, or ``mmr_strength`` is 0) and when fewer
    than two have embeddings; otherwise those without one are left out, so that fewer than ``limit`` may be chosen. The first choice
    is what is most similar to the query; of equals the earliest wins.

    Args:
        query: The embedding of the query, of any length.
        vectors: The embeddings of what was found, in the order in which it was found; None where there is none.
        mmr_strength: 0 to 1: how much similarity to what is chosen already counts against similarity to the query.
        limit: How many at most.

    Returns:
        Positions in ``vectors``. It costs ``limit * len(vectors)`` dot products.

    Raises:
        ValueError: The vectors have different dimensions.
    """
    found = range(len(vectors))
    embedded = [(position, vector) for position, vector in enumerate(vectors) if vector is not None]
    if len(vectors) <= limit or mmr_strength <= 0 or len(embedded) < 2:
        return list(found[:limit])
    directions = {position: _direction(vector) for position, vector in embedded}
    towards = _direction(query)
    relevance = {position: math.sumprod(towards, direction) for position, direction in directions.items()}
    redundancy = dict.fromkeys(directions, -math.inf)
    weight = 1 - mmr_strength

    def marginal_relevance(position: int) -> float:
        return weight * relevance[position] - mmr_strength * redundancy[position]

    chosen: list[int] = []
    best = max(relevance, key=relevance.__getitem__)
    while len(chosen) < limit:
        chosen.append(best)
        newest = directions.pop(best)
        if not directions:
            break
        for position, direction in directions.items():
            redundancy[position] = max(redundancy[position], math.sumprod(newest, direction))
        best = max(directions, key=marginal_relevance)
    return chosen


def _direction(vector: Vector) -> list[float]:
    """The vector of length 1 with the same direction; the zero vector has none and stays."""
    size = math.sqrt(math.sumprod(vector, vector)) or 1.0
    return [value / size for value in vector]
