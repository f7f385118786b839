"""The static checker: every problem of every string of a value, before anything runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import Any, Final, cast

from silvercup.errors import ExpressionError, Problem
from silvercup.expressions.compiled import CONTEXT_NAMES
from silvercup.expressions.inspection import Finding, inspect
from silvercup.expressions.secrets import COMPUTED, SECRETS, named_secrets
from silvercup.expressions.text import Expression, Field, read
from silvercup.expressions.views import suggest

_DOLLAR = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)(?=$|[\[.\s(])")
_BRACE = re.compile(r"\{\{?\s*([A-Za-z_][A-Za-z0-9_]{3,40})(?:[.\[][^{}]{0,200})?\s*\}")


def check_value(
    value: Any, *, loc: str = "", names: Collection[str] = CONTEXT_NAMES
) -> tuple[list[Problem], list[Problem]]:
    """Check a value that ``compile_value`` would compile.

    Args:
        value: The value of a task's field.
        loc: Where the field is; the problems' ``loc`` goes on from it (``main[0].evaluate.x``).
        names: The variables that the field will see.

    Returns:
        The errors and the warnings, in the order of the value.
    """
    errors: list[Problem] = []
    warnings: list[Problem] = []
    known = frozenset(names)
    for place, text in _strings(value, loc):
        for finding in _findings(text, known):
            (errors if finding.error else warnings).append(Problem(place, finding.message, hint=finding.hint))
    return errors, warnings


def _strings(value: Any, loc: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            yield from _strings(item, f"{loc}.{key}" if loc else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _strings(item, f"{loc}[{index}]")


def _findings(text: str, names: frozenset[str]) -> Iterator[Finding]:
    try:
        found = read(text, names)
    except ExpressionError as error:
        hint = "write `x`, not `{{ x }}`, in a `$ ` expression" if "{{" in text and "f" not in text[:6] else None
        yield Finding(f"{error.message} in `{_shortened(text)}`", hint=hint)
        return
    if isinstance(found, Expression):
        if _is_braced_twice(found.tree):
            yield Finding(
                f"`{{{{ ... }}}}` makes a set of a set, which Python can't, in `{_shortened(found.source)}`",
                hint="write `$ x` instead of `$ {{ x }}`",
            )
        yield from _inspect(found, names)
        return
    parts = (found,) if isinstance(found, str) else found.parts
    for part in parts:
        if isinstance(part, Field):
            yield from _inspect(part, names)
        else:
            yield from _suspicious(part, names)
    yield from _dollar(text.strip(), names)


def _inspect(found: Expression | Field, names: frozenset[str]) -> Iterator[Finding]:
    yield from inspect(found.tree, found.source, names)
    if SECRETS in names and None in named_secrets(found.tree):
        yield Finding(f"{COMPUTED} (in `{_shortened(found.source)}`)")


def _is_braced_twice(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Set) and len(tree.elts) == 1 and isinstance(tree.elts[0], ast.Set)


def _dollar(text: str, names: frozenset[str]) -> Iterator[Finding]:
    found = _DOLLAR.match(text)
    if found and found.group(1) in names:
        yield Finding(
            f"`{_shortened(text)}` looks like an expression, but is taken as text",
            hint=f"Write `$ {_shortened(text[1:])}`, with a space after the `$`",
            error=False,
        )


_COMMON: Final = frozenset(
    {"name", "text", "type", "date", "time", "data", "list", "item", "json", "string", "number", "value"}
)


def _suspicious(text: str, names: frozenset[str]) -> Iterator[Finding]:
    for found in _BRACE.finditer(text):
        name = found.group(1)
        if name in names or name in _COMMON:
            continue
        hint = suggest(name, [known for known in names if len(known) > 3])
        if hint:
            yield Finding(
                f"`{found.group()}` stays text: '{name}' is not a variable of the context", hint=hint, error=False
            )


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "..."
