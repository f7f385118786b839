"""What a text search asks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clause:
    """Words that stand in a text, in any of their inflections.

    Attributes:
        text: One word, or several where ``phrase``.
        phrase: Whether the words follow each other.
    """

    text: str
    phrase: bool = False


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A search by words.

    Attributes:
        required: Of each group at least one clause must be there (``"a phrase"``, or ``"a phrase" OR word``).
        optional: Plain words: what holds more of them, and rarer ones, comes first. Where nothing is required, one must be there.
        excluded: None of these may be there (``-word``).
        language: The analysis of the words; one of ``languages.ANALYZERS``.
    """

    required: tuple[tuple[Clause, ...], ...] = ()
    optional: tuple[Clause, ...] = ()
    excluded: tuple[Clause, ...] = ()
    language: str = "english"
