"""The words of an index, to find those that differ from another in a letter or two."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable

import numpy as np

from silvercup.adapters.sqlite_index.analysis import is_dense

MOST_LIKE = 50
"""So many words at most are taken for another."""
_LONGEST = 40


def edits_of(word: str) -> int:
    """How many letters a word may differ in, as Lucene's AUTO has it: none up to 2 letters, one up to 5, else two."""
    if is_dense(word) or not word.isalpha() or len(word) > _LONGEST:
        return 0
    return 0 if len(word) < 3 else 1 if len(word) < 6 else 2


def distance(one: str, other: str, most: int) -> int:
    """How many letters have to be put in, taken out, changed, or exchanged with their neighbour; ``most`` + 1 when more."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, beside in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != beside))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == beside:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > most:
            return most + 1
        before, last = last, current
    return min(last[-1], most + 1)


class Vocabulary:
    """The words of an index as they are written. It follows the file: words are only ever added to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._words: list[str] = []
        self._lengths = np.empty(0, np.int16)
        self._letters = np.empty(0, np.uint64)

    def like(self, connection: sqlite3.Connection, word: str) -> list[tuple[str, float]]:
        """The words that are like another, closest first, without itself: each with its likeness, below 1."""
        most = edits_of(word)
        if not most:
            return []
        with self._lock:
            self._follow(connection)
            words, lengths, letters = self._words, self._lengths, self._letters
        # An edit changes the set of letters by two at most.
        near = np.abs(lengths - len(word)) <= most
        near &= np.bitwise_count(letters ^ np.uint64(_letters_of(word))) <= 2 * most
        measured = ((distance(word, words[place], most), words[place]) for place in np.flatnonzero(near).tolist())
        found = sorted((edits, other) for edits, other in measured if 0 < edits <= most)
        return [(other, 1 - edits / min(len(word), len(other))) for edits, other in found[:MOST_LIKE]]

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
    new = sorted({word for word in words if edits_of(word)})
    connection.executemany("INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", ((word,) for word in new))


def _letters_of(word: str) -> int:
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) * 37 % 64)
    return bits
