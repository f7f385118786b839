"""Which secrets a value names: so that these and no others are read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.syntax import walk
from silvercup.expressions.text import Expression, Field, read

SECRETS = "secrets"
ONLY_SECRETS = frozenset({SECRETS})
COMPUTED = "a secret is named as it is, `secrets.NAME` or `secrets['NAME']`: the name can't be computed, and `secrets` is no value of its own"
"""What is wrong with an expression that names secrets in another way."""


def secret_names(value: Any, names: frozenset[str] = ONLY_SECRETS) -> frozenset[str]:
    """The names of the secrets that a JSON value's expressions name, as ``secrets.NAME``, ``secrets['NAME']`` or ``secrets.get('NAME')``.

    Args:
        value: A JSON value; its strings are read by the text rule.
        names: The variables that its expressions see.

    Raises:
        ExpressionError: A string begins with ``$ ``, has the word ``secrets`` and does not parse, or names secrets in another way.
    """
    return frozenset(_named(value, names))


def names_secrets(text: str, names: frozenset[str] = ONLY_SECRETS) -> bool:
    """Whether a string is an expression, or a text with fields, that names secrets; errors as ``secret_names``."""
    return any(True for tree in _trees(text, names) for _ in _uses(tree))


def _named(value: Any, names: frozenset[str]) -> Iterator[str]:
    if isinstance(value, str):
        for tree in _trees(value, names):
            for name in named_secrets(tree):
                if name is None:
                    raise ExpressionError(COMPUTED)
                yield name
    elif isinstance(value, dict):
        for item in cast("dict[Any, Any]", value).values():
            yield from _named(item, names)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            yield from _named(item, names)


def _trees(text: str, names: frozenset[str]) -> Iterator[ast.expr]:
    if SECRETS not in text:
        return
    found = read(text, names)
    if isinstance(found, Expression):
        yield found.tree
    elif not isinstance(found, str):
        yield from (part.tree for part in found.parts if isinstance(part, Field))


def _uses(tree: ast.AST) -> Iterator[ast.Name]:
    for node, bound in walk(tree):
        if isinstance(node, ast.Name) and node.id == SECRETS and SECRETS not in bound:
            yield node


def named_secrets(tree: ast.AST) -> Iterator[str | None]:
    """The secrets that an expression names; None where it has ``secrets`` as a whole, or a name that is computed."""
    around = {id(child): node for node, _ in walk(tree) for child in ast.iter_child_nodes(node)}
    for use in _uses(tree):
        match around.get(id(use)):
            case ast.Attribute(attr="get") as method:
                match around.get(id(method)):
                    case ast.Call(args=[ast.Constant(value=str(name)), *_]) as call if call.func is method:
                        yield name
                    case _:
                        yield None
            case ast.Attribute(attr=name):
                yield name
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name))) if value is use:
                yield name
            case _:
                yield None
