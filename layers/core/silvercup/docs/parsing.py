"""Reads what people type into a search box.

The syntax is that of PostgreSQL's ``websearch_to_tsquery`` (manual, 12.3.2, "Parsing Queries"), which v1 used: ``"a phrase"``, ``or``,
``-not``. What is different: plain words are optional and ranked, where PostgreSQL joins them with AND; ``or`` joins its two neighbours,
where PostgreSQL's binds looser than AND; a single dash excludes what it touches (``Ada - a poet`` and ``--help`` exclude nothing).
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import batched

from silvercup.docs.query import Clause, TextQuery
from silvercup.docs.stopwords import stop_words

MAX_CLAUSES = 64
"""How many clauses of a text are read: the first ones."""
MAX_CLAUSE = 200
"""Characters of a clause."""
MAX_PHRASE_WORDS = 20
"""Words of a phrase."""

_TOKEN = re.compile(r'(?P<dashes>-*)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_UNREADABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs, which can't be written as UTF-8."""


def parse(text: str, language: str) -> TextQuery:
    """Read a text search; every text is one.

    - ``"some words"`` must be there, in this order. A quote that nothing closes reaches to the end.
    - ``a or b`` (in any case): alternatives. With a phrase among them one of them must be there; of plain words all stay optional. An
      ``or`` that begins a text, or follows another, is a word; one that ends it is nothing.
    - ``-word`` and ``-"some words"`` may not be there; an ``or`` beside them is nothing.
    - Any other word is optional. A word with hyphens or other punctuation inside stays one clause, for the index to analyse; what holds
      no letter and no digit is left out.

    Args:
        text: Of any length. ``MAX_CLAUSES`` bounds what is read of it. A phrase is cut to its first words, as far as they fit into
            ``MAX_PHRASE_WORDS`` and ``MAX_CLAUSE``; a longer word (a sentence of a language that writes no spaces) becomes several
            clauses.
        language: See ``TextQuery.language``.
    """
    groups: list[list[Clause]] = []
    excluded: list[Clause] = []
    last: list[Clause] | None = None
    started = joins = False
    room = MAX_CLAUSES
    for token in _TOKEN.finditer(_UNREADABLE.sub(" ", text)):
        if started and not joins and not token["dashes"] and (token["word"] or "").lower() == "or":
            joins = True
            continue
        clauses = _clauses(token)[:room]
        if not clauses:
            continue
        if token["dashes"] == "-":
            clauses = clauses[:1]
            excluded += clauses
            last = None
        elif joins and last is not None:
            last += clauses
        else:
            groups.append(clauses)
            last = clauses
        started, joins = True, False
        room -= len(clauses)
        if not room:
            break
    required = [tuple(group) for group in groups if any(clause.phrase for clause in group)]
    optional = [clause for group in groups if not any(clause.phrase for clause in group) for clause in group]
    return TextQuery(_distinct(required), _distinct(optional), _distinct(excluded), language)


def without_stop_words(query: TextQuery) -> TextQuery:
    """The query without plain words that say nothing ("how", "does", "the"), unless it has no others.

    For the words of a hybrid search: its vector has the meaning of the whole sentence already (bench/README.md has the figures).
    """
    words = [clause.text.lower().strip("?!.,;:") for clause in query.optional]
    silent = stop_words(words)
    kept = tuple(clause for clause, word in zip(query.optional, words, strict=True) if word not in silent)
    return replace(query, optional=kept) if kept else query


def _clauses(token: re.Match[str]) -> list[Clause]:
    """A token's clauses: one, none where nothing can be read, several of a long word."""
    if (phrase := token["phrase"]) is not None:
        text = _beginning(phrase.split(maxsplit=MAX_PHRASE_WORDS)[:MAX_PHRASE_WORDS])
        return [Clause(text, phrase=True)] if _says_something(text) else []
    pieces = map("".join, batched(token["word"], MAX_CLAUSE))
    return [Clause(piece) for piece in pieces if _says_something(piece)]


def _beginning(words: list[str]) -> str:
    """As many words as fit into a clause; of a first one that is too long, its beginning."""
    text = ""
    for word in words:
        longer = f"{text} {word}" if text else word[:MAX_CLAUSE]
        if len(longer) > MAX_CLAUSE:
            break
        text = longer
    return text


def _says_something(text: str) -> bool:
    return any(map(str.isalnum, text))


def _distinct[T](items: list[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
