"""The words of a message that a search for docs should look for.

v1 took them from a language model of English (spaCy's ``en_core_web_sm``): named entities, whole and first, then the words of noun phrases.
This does the same by the look of words, in any language: it knows what is written like a name, and which words say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from silvercup.docs.stopwords import stop_words

MAX_TEXT = 10_000
"""Characters of a text that are read; v1 allowed a query no more."""
MAX_NAME_WORDS = 6
"""Words of a name; a longer row of capitalized words (a headline) becomes several."""

_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u200c\u200d"
"""Signs that belong to the letters around them where ``\\w`` leaves them out: accents, points, vowels of Indic scripts and of Thai."""
_IDEOGRAPHS = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_APOSTROPHES = "'\u2019"
_WORD = re.compile(rf"\w[\w{_MARKS}]*(?:[-.{_APOSTROPHES}]\w[\w{_MARKS}]*)*")
_PIECE = re.compile(rf"[{_IDEOGRAPHS}]+|[^{_IDEOGRAPHS}]+")
_CONTRACTION = re.compile(rf"[{_APOSTROPHES}](?:s|t|m|re|ve|ll|d)$", re.IGNORECASE)
_ELISION = re.compile(rf"(?:[cdjlmnst]|qu|[dn]?all|dell|nell|sull|un)[{_APOSTROPHES}](?=\w)", re.IGNORECASE)
_SENTENCE_END = re.compile("[.!?\u2026:;\u0964\u3002\uff01\uff1f\n]")
_AROUND = f"-._{_APOSTROPHES}"
_CONNECTORS = frozenset("al bin da de del della di do dos du la las le of the van von".split())
_ABBREVIATIONS = frozenset("dr mr mrs ms prof sr jr st".split())
_COMMANDS = frozenset(
    "add call check compare create describe draft email explain find fix help list open read remind search send show summarize translate"
    " update write".split()
)
"""Verbs that often begin a sentence in front of a name: ``Email Ada``."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a text.

    Attributes:
        text: As it is written, without the ``'s`` behind it or the article that is drawn into it (``l'eau``).
        gap: What stands between it and the word before.
        first: Whether it begins a sentence.
    """

    text: str
    gap: str
    first: bool

    @property
    def is_marked(self) -> bool:
        """Whether it has capitals or digits among its letters: ``AWS``, ``iPhone``, ``GPT-4``."""
        return any(map(str.isupper, self.text[1:])) or (
            any(map(str.isdigit, self.text)) and any(map(str.isalpha, self.text))
        )


def keywords(text: str, *, limit: int = 25) -> list[str]:
    """What a text is about: names, then other words that say something.

    Names are rows of capitalized words inside a sentence (``Ada Lovelace``, ``Bank of America``), and words with capitals or digits among
    their letters wherever they are. In a text without lower-case letters capitals say nothing. A row of Chinese or Japanese characters
    is one word; the index analyses it.

    Args:
        text: What was said; of a long text the first ``MAX_TEXT`` characters.
        limit: How many at most.

    Returns:
        Names and then words, each of the two by how often they are there and then in the order of the text; each once in whatever case,
        as it is written first; of two characters or more, without punctuation around. None when the text has none (``Who are you?``).
    """
    words = list(_words(text[:MAX_TEXT]))
    silent = stop_words(word.text.lower() for word in words)
    cased = any(map(str.islower, text))
    names: list[str] = []
    plain: list[str] = []
    start = 0
    while start < len(words):
        word = words[start]
        end = _end_of_name(words, start, silent) if cased else start
        if end - start > 1 or (end > start and (word.is_marked or not word.first)):
            names.append(" ".join(part.text for part in words[start:end]))
        else:
            end = start + 1
            plain.append(word.text)
        start = end
    ranked = [*_ranked(names), *_ranked([word for word in plain if word.lower() not in silent])]
    distinct: dict[str, str] = {}
    for keyword in ranked:
        distinct.setdefault(keyword.casefold(), keyword)
    return [keyword for keyword in distinct.values() if len(keyword) > 1][:limit]


def _words(text: str) -> Iterator[_Word]:
    """The words of a text, in order."""
    end = 0
    for match in _WORD.finditer(text):
        gap = text[end : match.start()]
        first = end == 0 or _SENTENCE_END.search(gap) is not None
        for piece in _PIECE.findall(match[0]):
            if bare := _bare(piece):
                yield _Word(bare, gap, first)
                first = False
            gap = ""
        contraction = _CONTRACTION.search(match[0])
        end = match.start() + contraction.start() if contraction else match.end()


def _bare(word: str) -> str:
    """Without contractions and elisions; ``D'Angelo`` is a name as a whole."""
    word = _CONTRACTION.sub("", word).strip(_AROUND)
    elision = _ELISION.match(word)
    if elision and not (word[0].isupper() and word[elision.end()].isupper()):
        word = word[elision.end() :]
    return word.strip(_AROUND)


def _end_of_name(words: Sequence[_Word], start: int, silent: frozenset[str]) -> int:
    """Where the name ends that begins at a word; ``start`` when none does."""
    if not _is_proper(words[start], silent) or (words[start].first and words[start].text.lower() in _COMMANDS):
        return start
    end = start + 1
    while end - start < MAX_NAME_WORDS:
        following = end
        while following < min(end + 2, len(words)) and words[following].text in _CONNECTORS:
            following += 1
        row = range(end, following + 1)
        if following == len(words) or not all(_follows(words[place - 1], words[place]) for place in row):
            break
        if not _is_proper(words[following], silent):
            break
        end = following + 1
    return end


def _is_proper(word: _Word, silent: frozenset[str]) -> bool:
    """Whether a word may be part of a name: ``IT`` may, though "it" says nothing, but not where a sentence begins (``OK, so``)."""
    says_nothing = word.text.lower() in silent
    return (word.text[0].isupper() and not says_nothing) or (word.is_marked and not (word.first and says_nothing))


def _follows(before: _Word, word: _Word) -> bool:
    """Whether nothing separates two words of a name: white space alone, or the period of ``Dr.`` and of initials."""
    gap = word.gap
    if len(before.text) == 1 or before.text.lower() in _ABBREVIATIONS:
        gap = gap.removeprefix(".")
    return bool(gap) and not gap.strip(" \t\xa0")


def _ranked(found: Sequence[str]) -> list[str]:
    """Each once, in whatever case: by how often, then by where first."""
    counts: dict[str, int] = {}
    for text in found:
        counts[text.casefold()] = counts.get(text.casefold(), 0) + 1
    return sorted(found, key=lambda text: -counts[text.casefold()])
