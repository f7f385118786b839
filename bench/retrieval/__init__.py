"""Questions with known answers, in five languages, and how well a ranking answers them; ``README.md`` here says what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "de", "fr", "es", "ja")
"""The languages that have a corpus, as BCP 47 tags."""


class Kind(StrEnum):
    """How a question is put, beside the passage that answers it."""

    WORDS = "words"
    """It shares the passage's key words."""
    MIXED = "mixed"
    """It shares some of them."""
    MEANING = "meaning"
    """It shares hardly any: a paraphrase."""
    CROSS = "cross"
    """It is in another language than the passage; only in ``load_cross()``."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that is searched.

    Attributes:
        id: The same in every language that has the passage.
        title: Its heading.
        text: One paragraph.
    """

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks.

    Attributes:
        id: Of its own in all files together.
        text: The question, or some words to search for.
        passage: The id of the one passage that answers it.
        kind: How it is put.
        language: The language that it is in.
    """

    id: str
    text: str
    passage: str
    kind: Kind
    language: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is searched, and what is asked of it.

    Attributes:
        language: Of its passages.
        passages: All of them; some are never the answer.
        questions: Each has its answer among the passages.
    """

    language: str
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]


@cache
def load(language: str) -> Corpus:
    """The passages in a language, and the questions in the same language.

    Raises:
        ValueError: No corpus is in this language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"there is no corpus in {language!r}; there are: {', '.join(LANGUAGES)}")
    raw = _read(language)
    passages = tuple(Passage(one["id"], one["title"], one["text"]) for one in raw["passages"])
    return Corpus(language, passages, _questions(raw, language))


@cache
def load_cross() -> Corpus:
    """The English passages, and the questions that are asked of them in other languages."""
    return Corpus("en", load("en").passages, _questions(_read("cross"), None))


def recall_at(ranked: Sequence[str], relevant: str, k: int = 10) -> float:
    """Whether the answer is among the first k: 1 or 0, as there is one answer to find; the mean over questions is recall at k."""
    return 0.0 if _rank(ranked, relevant, k) is None else 1.0


def ndcg_at(ranked: Sequence[str], relevant: str, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k: how far up the answer is, from 1 (first) to 0 (not there).

    Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002, with binary relevance: the gain is 1
    for the answer and 0 for all else. The discount is log2(rank + 1), as is usual since; theirs leaves the first two ranks alike
    (log2(rank) from rank 2 on). The best ranking has the answer first, so its gain is 1, and this is 1 / log2(rank + 1).
    """
    rank = _rank(ranked, relevant, k)
    return 0.0 if rank is None else 1 / math.log2(rank + 1)


def _rank(ranked: Sequence[str], relevant: str, k: int) -> int | None:
    """The answer's place among the first k, from 1."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    first = list(ranked[:k])
    return first.index(relevant) + 1 if relevant in first else None


def _questions(raw: Any, language: str | None) -> tuple[Question, ...]:
    return tuple(
        Question(one["id"], one["text"], one["passage"], Kind(one["kind"]), language or one["language"])
        for one in raw["questions"]
    )


def _read(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8"))
