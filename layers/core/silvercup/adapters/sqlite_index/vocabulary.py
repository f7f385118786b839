"""The words of an index, to find those that differ from another in a letter or two."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from silvercup.adapters.sqlite_index.analysis import is_dense

MOST_LIKE = 50
"""So many words at most are taken for another."""
_LONGEST = 40


def edits_of(word: str) -> int:
    """How many letters a word may differ in, as Lucene's AUTO has it: none up to 2 letters, one up to 5, else two."""
    if is_dense(word) or not word.isalpha() or len(word) > _LONGEST:
        return 0
    return 0 if len(word) < 3 else 1 if len(word) < 6 else 2


def distances(word: str, others: Sequence[str]) -> NDArray[np.int16]:
    """How many letters have to be put in, taken out, changed, or exchanged with their neighbour, to get from a word to others.

    All at once: a column of Wagner and Fischer's table for every other word, one letter of the word after the other.
    """
    letters = np.array(others, dtype=np.str_).view(np.uint32).reshape(len(others), -1)
    places = np.arange(letters.shape[1] + 1, dtype=np.int16)
    before = last = np.tile(places, (len(others), 1))
    previous = 0
    for row, letter in enumerate(map(ord, word), 1):
        current = np.full_like(last, row)
        np.minimum(last[:, 1:] + 1, last[:, :-1] + (letters != letter), out=current[:, 1:])
        if row > 1:
            swapped = (letters[:, :-1] == letter) & (letters[:, 1:] == previous)
            np.minimum(current[:, 2:], before[:, :-2] + 1, out=current[:, 2:], where=swapped)
        before, last = last, np.minimum.accumulate(current - places, axis=1) + places
        previous = letter
    return last[np.arange(len(others)), np.fromiter(map(len, others), np.intp, len(others))]


class Vocabulary:
    """The words of an index as they are written. It follows the file: words are only ever added to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._words: list[str] = []
        self._lengths = np.empty(0, np.int16)
        self._letters = np.empty(0, np.uint64)

    def like(self, connection: sqlite3.Connection, word: str) -> dict[float, list[str]]:
        """The words that are like another, without itself, by their likeness: above 0 and below 1."""
        most = edits_of(word)
        if not most:
            return {}
        with self._lock:
            self._follow(connection)
            words, lengths, letters = self._words, self._lengths, self._letters
        # An edit changes the set of letters by two at most.
        near = np.abs(lengths - len(word)) <= most
        near &= np.bitwise_count(letters ^ np.uint64(_letters_of(word))) <= 2 * most
        candidates = [words[place] for place in np.flatnonzero(near).tolist()]
        if not candidates:
            return {}
        measured = zip(distances(word, candidates).tolist(), candidates, strict=True)
        found = sorted((edits, other) for edits, other in measured if 0 < edits <= most)
        by_likeness: dict[float, list[str]] = {}
        for edits, other in found[:MOST_LIKE]:
            by_likeness.setdefault(1 - edits / min(len(word), len(other)), []).append(other)
        return by_likeness

    def _follow(self, connection: sqlite3.Connection) -> None:
        sql = "SELECT number, word FROM vocabulary WHERE number > ? ORDER BY number"
        new = connection.execute(sql, (self._number,)).fetchall()
        if new:
            words = [word for _, word in new]
            self._words = self._words + words
            self._lengths = np.append(self._lengths, np.fromiter(map(len, words), np.int16, len(words)))
            self._letters = np.append(self._letters, np.fromiter(map(_letters_of, words), np.uint64, len(words)))
            self._number = new[-1][0]


def learn(connection: sqlite3.Connection, words: Iterable[str]) -> None:
    """Put words into the vocabulary that may be meant by others."""
    new = sorted(word for word in set(words) if edits_of(word))
    connection.executemany("INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", ((word,) for word in new))


def _letters_of(word: str) -> int:
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) * 37 % 64)
    return bits
