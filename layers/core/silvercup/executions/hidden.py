"""Stored values that hold values of secrets: with a reference in the place of each.

What is stored is ``!``, a random mark, the secrets' names, and then the JSON text, in which a reference is the mark with the number of the name and the
form in which the value stands there. Who shows it puts ``***`` there; a step that reads it, the secret as it is by then. No one can make a
reference who does not know the mark: it is drawn when the value is stored, and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from silvercup.redaction import MASK, Redactor, forms
from silvercup.values import dumps, loads

HIDDEN_MARK = "!"
"""A stored text that starts with this has references; JSON text never does."""
_MARK = slice(len(HIDDEN_MARK), len(HIDDEN_MARK) + 16)


class Hider(Redactor):
    """Makes the stored text of values.

    Args:
        secrets: The values that get references, by name.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__(secrets.values())
        self._names = list(secrets)
        self._mark = token_hex(8)
        self._references: dict[str, str] = {}
        for number, value in enumerate(secrets.values()):
            for name, form in forms(value).items():
                self._references.setdefault(form, f"{self._mark}.{number}.{name};")

    def stored(self, value: Any) -> str:
        """The text of a JSON value: plain JSON, where it holds none of the secrets."""
        body = dumps(self.json(value))
        return f"{HIDDEN_MARK}{self._mark}{dumps(self._names)}\n{body}" if self._mark in body else body

    def put(self, form: str) -> str:
        """A reference."""
        return self._references[form]

    def put_number(self, text: str) -> str:
        """A string that says that it is a number."""
        return f"{self._mark}#{self.text(text)}"


def names_of(text: str) -> list[str]:
    """The names of the secrets that a stored text refers to."""
    return loads(_parts(text)[1]) if text.startswith(HIDDEN_MARK) else []


def shown(text: str) -> str:
    """The JSON text with ``***`` in the place of secrets."""
    if not text.startswith(HIDDEN_MARK):
        return text
    mark, _, body = _parts(text)
    return re.sub(_reference(mark), MASK, re.sub(f'"{mark}#[^"]*"', f'"{MASK}"', body))


def filled(text: str, secrets: Mapping[str, str]) -> str:
    """The JSON text with the values of secrets.

    Args:
        text: The stored text.
        secrets: The values by name, of ``names_of`` all.
    """
    if not text.startswith(HIDDEN_MARK):
        return text
    mark, names, body = _parts(text)
    known = [forms(secrets[name]) for name in loads(names)]

    def value(found: re.Match[str]) -> str:
        of = known[int(found[1])]
        return dumps(of.get(found[2], of[""]))[1:-1]

    return re.sub(f'"{mark}#([^"]*)"', _number, re.sub(_reference(mark), value, body))


def _number(found: re.Match[str]) -> str:
    """A number; a string, where the secret is none any more."""
    return found[1] if re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", found[1]) else f'"{found[1]}"'


def _parts(text: str) -> tuple[str, str, str]:
    """The mark, the JSON text of the names, and the JSON text with references."""
    head, _, body = text.partition("\n")
    return head[_MARK], head[_MARK.stop :], body


def _reference(mark: str) -> str:
    return rf"{mark}\.(\d+)\.([a-z0-9-]*);"
