"""Texts as the tokens that are indexed and looked for.

SQLite's own tokenizers know neither languages nor scripts without spaces, so texts are analysed here and FTS5 is given tokens between
spaces. A token stands for a word in one of two forms:

- as it is written, without case and accents: ``hauser``;
- by its stem in the text's language, with the language's tag: ``ger·haus``. The tag keeps languages apart; no word holds a ``·``.

A run of a script that has no spaces (Chinese, Japanese, Korean, Thai, ...) gives each pair of neighbours and its last character:
``東京都`` gives ``東京``, ``京都``, ``都``. So a single character is the beginning of a token wherever it stands.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from silvercup.docs.languages import ANALYZERS, STANDARD

LONGEST_WORD = 100
"""Characters; a longer one is taken for several."""
TAG = "·"

_STEMMED = ANALYZERS - {STANDARD, "cjk"}
_DENSE = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u109f\u1780-\u17d3"  # Lao, Burmese, Khmer
    "\u1100-\u11ff\uac00-\ud7a3"  # Hangul
    "\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31f0-\u31ff"  # Kana, Bopomofo
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_MARKS = (
    "\u0300-\u036f\u0483-\u0487"  # accents; Cyrillic
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # Arabic vowels
    "\u0900-\u0963\u0971-\u0df3\u0f18-\u0fbc"  # the scripts of India, Tibetan
)
"""Marks that belong to the word around them, and that ``\\w`` does not hold."""
_LETTER = f"(?![{_DENSE}])[^\\W_]"
_WORD = re.compile(f"[{_DENSE}]+|{_LETTER}(?:{_LETTER}|[{_MARKS}]){{0,{LONGEST_WORD - 1}}}")
_ASCII_WORD = re.compile(f"[a-z0-9]{{1,{LONGEST_WORD}}}")
_IS_DENSE = re.compile(f"[{_DENSE}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_LETTERS = str.maketrans({
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "\u0131": "i", "\u03c2": "\u03c3",
})  # fmt: skip
"""Letters that have no decomposition, as they are commonly written without what is particular to them; the last two: the dotless i, the final sigma."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a query.

    Attributes:
        plain: As it is written.
        stem: Its tagged stem; None in a language that has no stems.
        open: Whether it is a single character of a script without spaces: what begins with it counts as well.
    """

    plain: str
    stem: str | None
    open: bool = False


@dataclass(frozen=True, slots=True)
class Forms:
    """A text as it is indexed.

    Attributes:
        plain: Its words as they are written, in order.
        stems: Their tagged stems, in the same order; empty in a language that has no stems.
    """

    plain: list[str]
    stems: list[str]

    @property
    def content(self) -> str:
        """All tokens, for the full-text index."""
        return " ".join(self.plain + self.stems)


def forms_of(text: str, language: str) -> Forms:
    """A text to be indexed.

    Args:
        text: Any text.
        language: One of ``languages.ANALYZERS``.
    """
    found: list[tuple[str, str | None]] = []
    for word in _words(text):
        if is_dense(word):
            found += [_forms(language, gram) for gram in (*map("".join, pairwise(word)), word[-1])]
        else:
            found.append(_forms(language, word))
    return Forms([plain for plain, _ in found], [stem for _, stem in found if stem is not None])


def tokens_of(text: str, language: str) -> list[Token]:
    """The words of a part of a query, in order; empty when it holds none."""
    found: list[Token] = []
    for word in _words(text):
        grams = [*map("".join, pairwise(word))] if is_dense(word) else []
        found += [Token(*_forms(language, one), open=is_dense(one) and len(one) == 1) for one in grams or [word]]
    return found


def is_dense(word: str) -> bool:
    """Whether a word, or a pair of characters, is of a script without spaces."""
    return not word.isascii() and _IS_DENSE.match(word) is not None


def fold(word: str) -> str:
    """A lower-case word without accents, as far as its script has accents: marks that make another sound stay."""
    if word.isascii():
        return word
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", word)).translate(_LETTERS)
    return unicodedata.normalize("NFC", bare)


def _words(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", text).translate(_INVISIBLE).lower())


@lru_cache(maxsize=65536)
def _forms(language: str, word: str) -> tuple[str, str | None]:
    """A word as it is written, and its tagged stem."""
    plain = fold(word)
    if language not in _STEMMED:
        return plain, None
    stem = plain if is_dense(word) else fold(_stemmers.of(language).stemWord(word)) or plain
    return plain, f"{language[:3]}{TAG}{stem}"


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802


class _Stemmers(threading.local):
    """The stemmers of a thread: they hold the word that they work on."""

    def __init__(self) -> None:
        self._made: dict[str, _Stemmer] = {}

    def of(self, language: str) -> _Stemmer:
        if language not in self._made:
            import snowballstemmer

            self._made[language] = snowballstemmer.stemmer(language)
        return self._made[language]


_stemmers = _Stemmers()
