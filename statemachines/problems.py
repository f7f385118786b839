"""Collecting every problem of a definition, instead of stopping at the first."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable
from typing import cast

from silvercup.errors import Problem
from silvercup.values import kind_of
from statemachines.source import Source

MAX_PROBLEMS = 500
"""After this many errors the compiler gives up; of the warnings as many are kept."""
_MOST_KNOWN = 200


class TooManyProblems(Exception):
    """There are ``MAX_PROBLEMS`` errors, and more are coming."""


class Problems:
    """Errors and warnings so far, each with the line of its path."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = list(source.warnings)

    def error(self, loc: str, msg: str, hint: str | None = None) -> None:
        """Note an error.

        Raises:
            TooManyProblems: There are ``MAX_PROBLEMS`` already.
        """
        if len(self.errors) >= MAX_PROBLEMS:
            raise TooManyProblems
        self.errors.append(Problem(loc, msg, self._source.line(loc), hint))

    def warn(self, loc: str, msg: str, hint: str | None = None) -> None:
        """Note something that is accepted but looks wrong."""
        if len(self.warnings) < MAX_PROBLEMS:
            self.warnings.append(Problem(loc, msg, self._source.line(loc), hint))

    def take(self, errors: Iterable[Problem], warnings: Iterable[Problem]) -> None:
        """Take over what another checker found, with lines filled in."""
        for found in errors:
            self.error(found.loc, found.msg, found.hint)
        for found in warnings:
            self.warn(found.loc, found.msg, found.hint)


def did_you_mean(word: str, known: Collection[str]) -> str | None:
    """A hint that names the nearest known word, or lists them when none is near and they are few."""
    near = nearest(word, known)
    if near:
        return f"Did you mean {near!r}?"
    if known and len(known) <= 20:
        return f"There are: {', '.join(sorted(known))}"
    return None


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that was probably meant."""
    if len(known) > _MOST_KNOWN:
        return None
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6 if len(word) < 5 else 0.7)
    if near:
        return near[0]
    return next((longer for longer in sorted(known) if len(word) > 2 and longer.startswith(word)), None)


def shown(value: object) -> str:
    """A value for a message: itself where it is short, its type otherwise."""
    if isinstance(value, list | dict):
        return kind_of(cast("object", value))
    text = json.dumps(value, ensure_ascii=False)
    length = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= 40 else f"{kind_of(value)} of {length} characters"
