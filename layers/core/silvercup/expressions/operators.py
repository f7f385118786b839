"""The operators. Each that can make something larger than its operands checks the result's size first."""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable
from typing import Any, Final, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.formatting import percent
from silvercup.expressions.iteration import contains
from silvercup.expressions.limits import Meter
from silvercup.expressions.sizes import comparable, equal, kinds

_SEQUENCES: Final = kinds(list, tuple)
_UNORDERED: Final = kinds(set, dict)
_BUILT: Final = kinds(str, bytes, list, tuple, dict, set)

type Plain = Callable[[Any, Any], Any]
type Binary = Callable[[Meter, Any, Any], Any]


def add(meter: Meter, left: Any, right: Any) -> Any:
    """``left + right``."""
    if isinstance(left, str) and isinstance(right, str):
        meter.text(len(left) + len(right))
    elif isinstance(left, _SEQUENCES) and isinstance(right, _SEQUENCES):
        meter.items(len(left) + len(right))
    elif isinstance(left, bytes) and isinstance(right, bytes):
        meter.text(len(left) + len(right))
    return cast("Plain", operator.add)(left, right)


def _multiply(meter: Meter, left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        meter.bits(left.bit_length() + right.bit_length())
        return left * right
    sequence, count = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(count, int):
        if isinstance(sequence, str | bytes):
            meter.text(len(sequence) * max(count, 0))
        elif isinstance(sequence, _SEQUENCES):
            meter.items(len(sequence) * max(count, 0))
    return left * right


def _power(meter: Meter, base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int):
        meter.bits(base.bit_length() * max(exponent, 0) if abs(base) > 1 else 1)
    result = base**exponent
    if isinstance(result, complex):
        raise ExpressionError("a root of a negative number is not a real number")
    return result


def _shift_left(meter: Meter, left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        meter.bits(left.bit_length() + max(right, 0))
    return left << right


def _modulo(meter: Meter, left: Any, right: Any) -> Any:
    if isinstance(left, str):
        return percent(meter, left, right)
    if isinstance(left, bytes):
        raise ExpressionError("`%` can't format bytes")
    return left % right


def _built(function: Callable[[Any, Any], Any]) -> Binary:
    def call(meter: Meter, left: Any, right: Any) -> Any:
        if isinstance(left, _UNORDERED) and isinstance(right, _UNORDERED):
            meter.items(max(len(left), len(right)), 100)
        return function(left, right)

    return call


def _free(function: Callable[[Any, Any], Any]) -> Binary:
    def call(_meter: Meter, left: Any, right: Any) -> Any:
        return function(left, right)

    return call


def _ordered(function: Callable[[Any, Any], Any]) -> Binary:
    def call(meter: Meter, left: Any, right: Any) -> Any:
        comparable(meter, left, right)
        return function(left, right)

    return call


BINARY: Final[dict[type[ast.operator], Binary]] = {
    ast.Add: add,
    ast.Sub: _built(cast("Plain", operator.sub)),
    ast.Mult: _multiply,
    ast.Div: _free(cast("Plain", operator.truediv)),
    ast.FloorDiv: _free(cast("Plain", operator.floordiv)),
    ast.Mod: _modulo,
    ast.Pow: _power,
    ast.LShift: _shift_left,
    ast.RShift: _free(cast("Plain", operator.rshift)),
    ast.BitOr: _built(cast("Plain", operator.or_)),
    ast.BitAnd: _built(cast("Plain", operator.and_)),
    ast.BitXor: _built(cast("Plain", operator.xor)),
}

UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}

COMPARE: Final[dict[type[ast.cmpop], Binary]] = {
    ast.Eq: equal,
    ast.NotEq: lambda meter, left, right: not equal(meter, left, right),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: lambda meter, left, right: contains(meter, right, left),
    ast.NotIn: lambda meter, left, right: not contains(meter, right, left),
    ast.Is: _free(operator.is_),
    ast.IsNot: _free(operator.is_not),
}


def charge_built(meter: Meter, value: Any) -> Any:
    """Count the memory of a container or text that a slice or method has just made from one no smaller."""
    if isinstance(value, _BUILT):
        meter.charge(sys.getsizeof(value))
    return value
