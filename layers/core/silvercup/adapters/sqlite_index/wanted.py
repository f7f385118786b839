"""A text query as tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from silvercup.adapters.sqlite_index.analysis import Token, fold, tokens_of
from silvercup.adapters.sqlite_index.stopwords import STOP_WORDS
from silvercup.docs.query import Clause, TextQuery

MOST_WORDS = 256
"""Of the optional words, the required groups and the exclusions of a query this many count, and as many words of a phrase."""

type Wanted = tuple[Token, ...]
"""What must stand in a text: one word, or several that follow each other."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A query without what says nothing (punctuation, blanks).

    Attributes:
        required: Of each group at least one must be there.
        optional: At least one must be there where nothing is required.
        excluded: None may be there.
    """

    required: tuple[tuple[Wanted, ...], ...]
    optional: tuple[Wanted, ...]
    excluded: tuple[Wanted, ...]

    @property
    def says_nothing(self) -> bool:
        """Whether it finds nothing, whatever there is."""
        return not (self.required or self.optional)


def plan_of(query: TextQuery) -> Plan:
    """What a query looks for.

    A required or excluded clause of several words (``e-mail``, or a run of a script without spaces) is a phrase, whatever it says of
    itself. An optional one is its words, each for itself.
    """
    groups = (_distinct(_phrases(group, query.language)) for group in query.required[:MOST_WORDS])
    required = tuple(filter(None, groups))
    optional = _optional(query.optional[:MOST_WORDS], query.language)
    stops = _stop_words(query.language)
    telling = tuple(one for one in optional if not (len(one) == 1 and one[0].plain in stops))
    if telling or required:
        optional = telling
    return Plan(required, optional[:MOST_WORDS], _distinct(_phrases(query.excluded[:MOST_WORDS], query.language)))


def _phrases(clauses: Iterable[Clause], language: str) -> list[Wanted]:
    return [tuple(tokens_of(clause.text, language)[:MOST_WORDS]) for clause in clauses]


def _optional(clauses: Sequence[Clause], language: str) -> tuple[Wanted, ...]:
    wanted: list[Wanted] = []
    for clause in clauses:
        tokens = tokens_of(clause.text, language)
        wanted += [tuple(tokens[:MOST_WORDS])] if clause.phrase else [(token,) for token in tokens]
    return _distinct(wanted)


def _distinct(wanted: Iterable[Wanted]) -> tuple[Wanted, ...]:
    return tuple(dict.fromkeys(filter(None, wanted)))


@cache
def _stop_words(language: str) -> frozenset[str]:
    return frozenset(map(fold, STOP_WORDS.get(language, ())))
