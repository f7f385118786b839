"""The text rule: which strings are expressions, and which braces in a text are fields.

1. ``$ `` (after stripping) and a Python expression: its value, with its type.
2. The shorthands of v1, as the whole string: ``_``, ``_.x``, ``_[..]``, ``[..]``, or any text with ``inputs[`` or ``outputs[``,
   where it parses and names a variable of the context: an expression too.
3. Anything else is text, kept as it is written. In it ``{field}`` and ``{{field}}`` are filled in where the inside is a field of
   an f-string (with conversion and format), names a variable of the context, and names nothing unknown. Any other brace is text.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.modules import GLOBALS
from silvercup.expressions.syntax import free_names, parse

_MAX_FIELD = 2_000
_MAX_NESTING = 12
_PIECE = re.compile(r"'''|\"\"\"|['\"\[\](){}\n]|[^'\"\[\](){}\n]+")
_STRING_END: Final = {quote: re.compile(rf"(?:[^\\]|\\.)*?{quote}", re.DOTALL) for quote in ("'''", '"""')} | {
    quote: re.compile(rf"(?:[^\\\n{quote}]|\\.)*{quote}") for quote in ("'", '"')
}
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_FORMAT = re.compile(r"(?:.?[<>=^])?[+\- ]?z?#?0?\d*[_,]?(?:\.\d+)?[bcdeEfFgGnosxX%]?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole string that is an expression."""

    source: str
    tree: ast.expr


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a text that is filled in; ``tree`` is an f-string of that field alone."""

    source: str
    tree: ast.expr


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields."""

    parts: tuple[str | Field, ...]


@lru_cache(maxsize=256)
def read(text: str, names: frozenset[str]) -> str | Expression | Template:
    """What a string is.

    Args:
        text: The string of the task.
        names: The variables of its context.

    Raises:
        ExpressionError: It begins with ``$ `` and does not parse.
    """
    stripped = text.strip()
    if stripped.startswith("$ "):
        source = stripped[2:].strip()
        return Expression(source, parse(source))
    if _looks_short(stripped):
        tree = _parsed(stripped)
        if tree is not None and not isinstance(tree, ast.Set) and free_names(tree) & names:
            return Expression(stripped, tree)
    if "{" not in text:
        return text
    parts = _parts(text, names)
    return Template(parts) if any(isinstance(part, Field) for part in parts) else text


def _looks_short(text: str) -> bool:
    if "{{" in text:
        return False
    bracketed = text.endswith("]") and text.startswith(("[", "_["))
    return text == "_" or bracketed or text.startswith("_.") or "inputs[" in text or "outputs[" in text


def _parsed(source: str) -> ast.expr | None:
    try:
        return parse(source)
    except ExpressionError:
        return None


def _parts(text: str, names: frozenset[str]) -> tuple[str | Field, ...]:
    parts: list[str | Field] = []
    kept = at = 0
    while (start := text.find("{", at)) >= 0:
        found = _field_at(text, start, names)
        if found is None:
            at = start + 1
            continue
        field, at = found
        if start > kept:
            parts.append(text[kept:start])
        parts.append(field)
        kept = at
    if kept < len(text):
        parts.append(text[kept:])
    return tuple(parts)


def _field_at(text: str, start: int, names: frozenset[str]) -> tuple[Field, int] | None:
    """The field that begins with the brace at ``start``, and where it ends."""
    width = 2 if text.startswith("{{", start) else 1
    inside, end = closed(text, start + width)
    if not inside or not text.startswith("}" * width, end):
        return None
    tree = field(inside)
    if tree is None:
        return None
    if not free_names(_filled(tree).value) & names or not free_names(tree) <= names | GLOBALS.keys():
        return None
    return Field(inside.strip(), tree), end + width


def closed(text: str, start: int) -> tuple[str, int]:
    """The text up to the brace that closes what begins at ``start``, and that brace's place; empty where there is none."""
    expected: list[str] = []
    at = start
    while (piece := _PIECE.match(text, at)) and at - start <= _MAX_FIELD:
        mark = piece.group()
        at = piece.end()
        if mark in _STRING_END:
            string = _STRING_END[mark].match(text, at, at + _MAX_FIELD)
            if string is None:
                break
            at = string.end()
        elif mark in _CLOSING:
            expected.append(_CLOSING[mark])
            if len(expected) > _MAX_NESTING:
                break
        elif mark in {")", "]", "}"}:
            if not expected and mark == "}":
                return text[start : at - 1], at - 1
            if not expected or expected.pop() != mark:
                break
    return "", start


@lru_cache(maxsize=1024)
def field(inside: str) -> ast.JoinedStr | None:
    """The f-string of one field, or None where the text between the braces is none."""
    if inside.lstrip().startswith("{"):
        return None
    tree = _parsed(f"f'''{{{inside}}}'''")
    if not isinstance(tree, ast.JoinedStr):
        return None
    fields = [part for part in tree.values if isinstance(part, ast.FormattedValue)]
    if len(fields) != 1 or tree.values[-1] is not fields[0]:
        return None
    spec = fields[0].format_spec
    return tree if spec is None or _is_format(spec) else None


def _filled(tree: ast.JoinedStr) -> ast.FormattedValue:
    return cast("ast.FormattedValue", tree.values[-1])


def _is_format(spec: ast.expr) -> bool:
    """Whether this can be a format: what follows a colon in a text often is no format."""
    parts = spec.values if isinstance(spec, ast.JoinedStr) else []
    text = "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "1" for part in parts
    )
    return _FORMAT.fullmatch(text) is not None or ("%" in text and len(text) <= 100)
