"""Distribution-based score fusion: one ranking of what a text search and a vector search found.

The formula is v1's (its SQL function ``search_hybrid``). It differs in two ways from DBSF as published (Mazzeschi, "Distribution-Based
Score Fusion (DBSF), a new approach to Vector Search Ranking", 2023): a chunk that one search did not find counts in that search's
distribution, with a score of 0; and the scores are weighted by ``alpha``. v1 took the cosine *distance* for the score of the vector
search, so that what was nearer came later; here it is the cosine.

A score of 0 for what the vector search left out, because it was beyond its limit or its smallest score, is lower than most true ones: it
favours what both searches found. (A simulation found neither true cosines nor the lowest score found to rank better in its place.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from silvercup.docs.index import Hit

HALF = 10.0
"""The BM25 score that counts a half. v1 had 1, for cover densities below 1; good matches of some words have a BM25 around 10, and where the
curve is flat a weak match would count nearly as much (bench/README.md has the figures)."""


def hybrid(
    text_hits: Sequence[Hit], vector_hits: Sequence[Hit], *, alpha: float, limit: int
) -> list[tuple[Hit, float]]:
    """Fuse two searches of the same scope.

    ``distance = 1 - ((1 - alpha) * normalized(text scores) + alpha * normalized(vector scores))`` over all chunks that either found,
    where a missing score is 0. Text scores are from 0 to 1: ``saturated`` of BM25, as v1's were of the cover density (PostgreSQL's
    ``ts_rank_cd`` with normalization 32).

    Args:
        text_hits: What ``DocIndex.matching`` found.
        vector_hits: What ``DocIndex.nearest`` found, nearest first.
        alpha: 0 to 1: the weight of the vector search.
        limit: How many at most.

    Returns:
        Hits with their distances, the smallest first; of equal ones what is nearer in ``vector_hits``, then by ``chunk_id``. A chunk
        that both found is the hit of the vector search. A distance is not bound to 0 and 1: an outlier goes beyond.
    """
    hits = {hit.chunk_id: hit for hit in (*text_hits, *vector_hits)}
    text = {hit.chunk_id: hit.score for hit in text_hits}
    vector = {hit.chunk_id: hit.score for hit in vector_hits}
    rank = {chunk_id: place for place, chunk_id in enumerate(vector)}
    text_scores = normalized([text.get(chunk_id, 0.0) for chunk_id in hits])
    vector_scores = normalized([vector.get(chunk_id, 0.0) for chunk_id in hits])
    distances = {
        chunk_id: 1 - ((1 - alpha) * text_score + alpha * vector_score)
        for chunk_id, text_score, vector_score in zip(hits, text_scores, vector_scores, strict=True)
    }
    ordered = sorted(hits, key=lambda chunk_id: (distances[chunk_id], rank.get(chunk_id, len(rank)), chunk_id))
    return [(hits[chunk_id], distances[chunk_id]) for chunk_id in ordered[:limit]]


def saturated(score: float) -> float:
    """A score of 0 or more as one of 0 to 1 that keeps the order: ``s / (s + HALF)``."""
    return score / (score + HALF) if math.isfinite(score) else 1.0


def normalized(scores: Sequence[float]) -> list[float]:
    """Scores relative to their distribution: ``(s - (mu - 3 * sigma)) / (6 * sigma)``; the mean becomes 0.5.

    Sigma is the *sample* standard deviation. Fewer than two scores, and scores that are all the same, stay as they are.
    """
    if len(scores) < 2 or min(scores) == max(scores):
        return list(scores)
    mean = fmean(scores)
    sigma = math.hypot(*(score - mean for score in scores)) / math.sqrt(len(scores) - 1)
    if sigma == 0:
        return list(scores)
    return [(score - (mean - 3 * sigma)) / (6 * sigma) for score in scores]
