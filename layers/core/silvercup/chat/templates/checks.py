"""Jinja2's tests: what may follow ``is``."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from silvercup.chat.templates.values import Undefined
from silvercup.errors import ExpressionError
from silvercup.expressions.formatting import text_of
from silvercup.expressions.iteration import LOOPED, contains
from silvercup.expressions.limits import Meter
from silvercup.expressions.operators import BINARY, COMPARE
from silvercup.expressions.sizes import kinds
from silvercup.expressions.views import Function, Namespace, View

_SEQUENCES: Final = kinds(str, bytes, list, tuple, dict, range, Undefined)

_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "== eq equalto",
    ast.NotEq: "!= ne",
    ast.Gt: "> gt greaterthan",
    ast.GtE: ">= ge",
    ast.Lt: "< lt lessthan",
    ast.LtE: "<= le",
}


def _iterable(value: Any) -> bool:
    return isinstance(value, LOOPED) and (not isinstance(value, View) or hasattr(value, "__iter__"))


def _callable(value: Any) -> bool:
    return isinstance(value, Function) or (isinstance(value, Namespace) and value.constructor is not None)


_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "none": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, float),
    "number": lambda value: isinstance(value, int | float),
    "string": lambda value: isinstance(value, str),
    "mapping": lambda value: isinstance(value, dict),
    "sequence": lambda value: isinstance(value, _SEQUENCES),
    "iterable": _iterable,
    "callable": _callable,
}


def compare(meter: Meter, operation: type[ast.cmpop], left: Any, right: Any) -> bool:
    """``left <operation> right``, as a truth value.

    Raises:
        UndefinedVariable: One of them is undefined, and the operation is about order.
    """
    if issubclass(operation, ast.Gt | ast.GtE | ast.Lt | ast.LtE):
        required(left, right)
    return bool(COMPARE[operation](meter, left, right))


def required(*values: Any) -> None:
    """Refuse undefined values.

    Raises:
        UndefinedVariable: One of them is undefined.
    """
    for value in values:
        if isinstance(value, Undefined):
            raise value.failure()


def _kind(name: str, check: Callable[[Any], bool]) -> Function:
    def call(_meter: Meter, value: Any) -> bool:
        return check(value)

    return Function(name, call)


def _comparison(name: str, operation: type[ast.cmpop]) -> Function:
    def call(meter: Meter, value: Any, other: Any) -> bool:
        return compare(meter, operation, value, other)

    return Function(name, call)


def _remainder(meter: Meter, value: Any, number: Any) -> Any:
    required(value, number)
    if isinstance(value, str):
        raise ExpressionError("a number is needed, not a text")
    return BINARY[ast.Mod](meter, value, number)


def _odd(meter: Meter, value: Any) -> bool:
    return bool(_remainder(meter, value, 2) == 1)


def _divisible(meter: Meter, value: Any, number: Any = 2) -> bool:
    return bool(_remainder(meter, value, number) == 0)


def _in(meter: Meter, value: Any, container: Any) -> bool:
    return contains(meter, container, value)


def _same(_meter: Meter, value: Any, other: Any) -> bool:
    return value is other


def _lower(meter: Meter, value: Any) -> bool:
    return text_of(meter, value).islower()


def _upper(meter: Meter, value: Any) -> bool:
    return text_of(meter, value).isupper()


TESTS: Final[dict[str, Function]] = {
    **{name: _kind(name, check) for name, check in _KINDS.items()},
    **{name: _comparison(name, operation) for operation, names in _COMPARISONS.items() for name in names.split()},
    "in": Function("in", _in),
    "sameas": Function("sameas", _same),
    "odd": Function("odd", _odd),
    "even": Function("even", _divisible),
    "divisibleby": Function("divisibleby", _divisible),
    "lower": Function("lower", _lower),
    "upper": Function("upper", _upper),
}
"""All but ``escaped``, ``filter`` and ``test``, which say nothing about a value."""
