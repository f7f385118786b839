"""BM25 of the rows of a scope, over the occurrences that FTS5 keeps.

FTS5's own ``bm25()`` is not used: it takes a word that half of the chunks hold for one that says nothing (so in a small index all scores are
0), counts the chunks of all tenants, and has to visit each match before the scope is known. Here the words' rarity and the texts' length
are those of the scope. The formula is Lucene's (Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009;
the fields together before saturation, as BM25F in 3.5).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from silvercup.adapters.sqlite_index.analysis import Token
from silvercup.adapters.sqlite_index.nearest import best
from silvercup.adapters.sqlite_index.rows import Mask, Rows, marks, numbers
from silvercup.adapters.sqlite_index.vocabulary import Vocabulary
from silvercup.adapters.sqlite_index.wanted import Plan, Wanted

K1 = 1.2
"""How soon further occurrences of a word stop to matter."""
B = 0.75
"""How much longer texts are held back, 0 to 1."""
TITLE = 3
"""As many times an occurrence in the text counts one in the title."""

type Weights = NDArray[np.float64]


def matching(
    connection: sqlite3.Connection,
    rows: Rows,
    scope: Mask,
    plan: Plan,
    limit: int,
    *,
    language: str,
    close: Vocabulary | None,
) -> list[tuple[int, float]]:
    """The rows of a scope that a query finds, best first: their numbers and scores.

    Args:
        connection: In the transaction that ``rows`` were read in.
        rows: All rows.
        scope: Which count.
        plan: The query.
        limit: How many at most.
        language: The analysis of the query.
        close: Where words are looked for that differ a little; None: only as they are.
    """
    if plan.says_nothing or not scope.any():
        return []
    words = _Words(connection, rows, scope, language, close)
    good = scope.copy()
    score = np.zeros(rows.count)
    for group in plan.required:
        found = np.zeros(rows.count, np.bool_)
        for wanted in group:
            weights = words.weights(wanted)
            found |= weights > 0
            score += words.bm25(weights)
        good &= found
        if not good.any():
            return []
    for wanted in plan.optional:
        score += words.bm25(words.weights(wanted))
    for wanted in plan.excluded:
        good &= words.weights(wanted, exactly=True) == 0
    slots = np.flatnonzero(good & (score > 0))
    return best(rows, slots, score[slots], limit)


class _Words:
    """How often words stand in the rows of a scope, and what that says."""

    def __init__(
        self, connection: sqlite3.Connection, rows: Rows, scope: Mask, language: str, close: Vocabulary | None
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._scope = scope
        self._close = close
        own = rows.languages[scope] == rows.language(language)
        self._stems = bool(own.any())
        self._others = not own.all()
        lengths = rows.words.astype(np.float64)
        self._total = len(own)
        self._norms = K1 * (1 - B + B * lengths / max(float(lengths[scope].mean()), 1.0))

    def weights(self, wanted: Wanted, *, exactly: bool = False) -> Weights:
        """Of each slot: how often it holds what is wanted, its title counting more; 0 where it does not, or is out of the scope.

        The chunks of the query's own language are looked through by stems, which stand wherever the written words do; the others, as
        they are written.
        """
        found = np.zeros(self._rows.count)
        stems = [token.stem for token in wanted if token.stem is not None]
        if stems and self._stems:
            np.maximum(found, self._occurrences(stems, wanted[-1]), out=found)
        if not stems or self._others:
            np.maximum(found, self._occurrences([token.plain for token in wanted], wanted[-1]), out=found)
        if self._close is not None and len(wanted) == 1 and not exactly:
            for likeness, words in self._close.like(self._connection, wanted[0].plain).items():
                np.maximum(found, likeness * self._counts(f"term IN ({marks(words)})", words), out=found)
        return found * self._scope

    def bm25(self, weights: Weights) -> Weights:
        """What occurrences are worth: 0 or more."""
        slots = np.flatnonzero(weights > 0)
        scores = np.zeros(self._rows.count)
        if len(slots):
            rarity = np.log1p((self._total - len(slots) + 0.5) / (len(slots) + 0.5))
            scores[slots] = rarity * weights[slots] / (weights[slots] + self._norms[slots])
        return scores

    def _occurrences(self, terms: Sequence[str], last: Token) -> Weights:
        if len(terms) > 1:
            return self._phrase(terms, open_end=last.open)
        if last.open:
            return self._counts("term >= ? AND term < ?", [terms[0], f"{terms[0]}\U0010ffff"])
        return self._counts("term = ?", terms)

    def _counts(self, where: str, terms: Sequence[str]) -> Weights:
        sql = f"SELECT group_concat(CASE col WHEN 'title' THEN -doc ELSE doc END) FROM occurrences WHERE {where}"  # noqa: S608
        found = numbers(self._connection, sql, *terms)
        return self._counted(-found[found < 0]) * TITLE + self._counted(found[found > 0])

    def _phrase(self, terms: Sequence[str], *, open_end: bool) -> Weights:
        # Tokens are letters, digits and the tag: nothing in them ends the quotes.
        phrase = f'"{" ".join(terms)}"{" *" if open_end else ""}'
        sql = "SELECT group_concat(rowid) FROM tokens WHERE tokens MATCH ?"
        in_title, in_text = (
            self._counted(numbers(self._connection, sql, f"{column} : {phrase}")) for column in ("title", "text")
        )
        return in_title * TITLE + in_text

    def _counted(self, ids: NDArray[np.int64]) -> Weights:
        counts = np.bincount(self._rows.slots_of(ids), minlength=self._rows.count)
        return counts.astype(np.float64)
