"""How similar a query is to a doc, letter by letter: v1's score of words that are misspelt.

Source: v1's SQL function ``comprehensive_similarity`` and PostgreSQL's ``pg_trgm`` and ``fuzzystrmatch`` below it. With a query q and a
text t (the title, the content):

- trigram similarity: shared trigrams over all trigrams of both. A text's trigrams are the distinct ones of its words, lower case, each
  with two spaces before it and one behind; a word is a run of letters and digits (``pg_trgm``, "Trigram (or Trigraph) Concepts").
- ``E(t, q)``: the trigram similarity; of two strings of at most 50 characters that are at most 3 edits apart it is
  ``0.7 * similarity + 0.3 * (1 - min(edits / 5, 1))``. v1 meant this too, but PostgreSQL's ``levenshtein_less_equal`` answers 4, not
  NULL, for more than 3 edits, so that v1 gave ``0.7 * similarity + 0.06`` to short strings which are far apart.
- ``W(t, q)``: the mean, over the words of t, of the best trigram similarity with a word of q. Words here are what white space
  separates, of more than two characters; repeated ones count as often as they are there.
- ``S = (1 - w) * max(E(title, q), E(content, q)) + w * max(W(title, q), W(content, q))``, where w is 0.4 for a query of fewer than 10
  characters, 0.3 of fewer than 20 and 0.2 otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

MAX_TEXT = 30_000
"""Characters of a title or content that are compared; of a longer text the first ones."""
MAX_QUERY_WORDS = 32
"""Different words of a query that W compares, the first ones; v1 compared all."""
_WORD = re.compile(r"[^\W_]+")
_SHORT = 50
_MAX_EDITS = 3

type Trigrams = set[str]


def similarity(query: str, title: str, content: str) -> float:
    """S of a query and a doc's title and content: 0 to 1, the more similar the larger.

    It takes 10 to 20 milliseconds for a content of ``MAX_TEXT`` characters.
    """
    weight = 0.4 if len(query) < 10 else 0.3 if len(query) < 20 else 0.2
    asked = _query(query)
    texts = [_Text(text[:MAX_TEXT]) for text in (title, content)]
    whole = max(_enhanced(asked, text) for text in texts)
    by_words = max(_by_words(asked, text) for text in texts)
    return (1 - weight) * whole + weight * by_words


def closeness(query: str, title: str, content: str) -> float:
    """How well a doc's title and content match a query whose words may be misspelt: 0 to 1.

    The larger of ``similarity``, which compares whole texts, so that a misspelt word never finds a long one, and of the mean, over the words
    of the query of more than two characters, of the best E of the word and a word of title or content.
    """
    return max(similarity(query, title, content), _of_query_words(query, f"{title}\n{content}"[:MAX_TEXT]))


def trigrams(text: str) -> Trigrams:
    """The trigrams of a text's words."""
    lower = text.lower()
    words = [lower] if lower.isalnum() else _WORD.findall(lower)
    padded = [f"  {word} " for word in words]
    return {word[start : start + 3] for word in padded for start in range(len(word) - 2)}


def trigram_similarity(a: Trigrams, b: Trigrams) -> float:
    """``pg_trgm``'s ``similarity``: 0 to 1; 0 where one has no trigrams."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def edits(a: str, b: str, most: int) -> int | None:
    """The Levenshtein distance of two strings (every insertion, deletion and substitution is 1), or None when it is over ``most``."""
    if abs(len(a) - len(b)) > most:
        return None
    row = list(range(len(b) + 1))
    for line, left in enumerate(a, 1):
        above = row
        row = [line]
        for column, right in enumerate(b, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (left != right)))
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None


class _Text:
    """A text's words, each analysed once.

    Attributes:
        text: The text.
        words: How often each word is there that W counts.
        word_trigrams: Of all words.
        trigrams: Of the whole text: white space ends a word in both senses.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        words = Counter(text.lower().split())
        self.word_trigrams = {word: trigrams(word) for word in words}
        self.trigrams = {trigram for of_word in self.word_trigrams.values() for trigram in of_word}
        self.words = {word: count for word, count in words.items() if len(word) > 2}


class _Query(_Text):
    """A query, with the words that W compares by their trigrams, as most words of a text share none with any of them."""

    def __init__(self, query: str) -> None:
        super().__init__(query[:MAX_TEXT])
        self.compared = [self.word_trigrams[word] for word in self.words][:MAX_QUERY_WORDS]
        self.holders: dict[str, list[int]] = {}
        for place, of_word in enumerate(self.compared):
            for trigram in of_word:
                self.holders.setdefault(trigram, []).append(place)


@lru_cache(maxsize=8)
def _query(query: str) -> _Query:
    return _Query(query)


def _enhanced(query: _Query, text: _Text) -> float:
    """E of a text."""
    alike = trigram_similarity(text.trigrams, query.trigrams)
    if len(text.text) > _SHORT or len(query.text) > _SHORT:
        return alike
    distance = edits(text.text, query.text, _MAX_EDITS)
    return alike if distance is None else 0.7 * alike + 0.3 * (1 - distance / 5)


def _by_words(query: _Query, text: _Text) -> float:
    """W of a text."""
    total = 0.0
    for word, count in text.words.items():
        of_word = text.word_trigrams[word]
        places = {place for trigram in query.holders.keys() & of_word for place in query.holders[trigram]}
        if places:
            total += count * max(trigram_similarity(of_word, query.compared[place]) for place in places)
    return total / text_words if (text_words := sum(text.words.values())) else 0.0


def _of_query_words(query: str, text: str) -> float:
    """The mean, over the query's words, of the best E of the word and a word of the text."""
    asked = [word for word in dict.fromkeys(_WORD.findall(query.lower()[:MAX_TEXT])) if len(word) > 2][:MAX_QUERY_WORDS]
    there = {word: trigrams(word) for word in dict.fromkeys(_WORD.findall(text.lower()))}
    best = [
        max((_word_similarity(word, trigrams(word), *other) for other in there.items()), default=0.0) for word in asked
    ]
    return sum(best) / len(best) if best else 0.0


def _word_similarity(a: str, a_trigrams: Trigrams, b: str, b_trigrams: Trigrams) -> float:
    """E of two words."""
    alike = trigram_similarity(a_trigrams, b_trigrams)
    if not alike or len(a) > _SHORT or len(b) > _SHORT:
        return alike
    distance = edits(a, b, _MAX_EDITS)
    return alike if distance is None else 0.7 * alike + 0.3 * (1 - distance / 5)
