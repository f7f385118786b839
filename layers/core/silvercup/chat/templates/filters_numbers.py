"""Filters on numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from silvercup.chat.templates.checks import required
from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_INT_BITS, Meter, at_most
from silvercup.expressions.views import Function

_MAX_DIGITS: Final = 1_000
_MAX_NUMBER: Final = 10_000
_SIZES: Final = "kMGTPEZY"
_BINARY_SIZES: Final = "KMGTPEZY"


def _abs(_meter: Meter, value: Any) -> Any:
    required(value)
    return abs(value)


def _round(_meter: Meter, value: Any, precision: int = 0, method: str = "common") -> Any:
    required(value)
    if method not in {"common", "ceil", "floor"}:
        raise ExpressionError("round() has the methods 'common', 'ceil' and 'floor'")
    if abs(precision) > _MAX_DIGITS:
        raise ExpressionError(f"round() takes at most {_MAX_DIGITS:,} digits")
    if method == "common":
        return round(value, precision)
    return (math.ceil if method == "ceil" else math.floor)(value * 10**precision) / 10**precision


def _int(_meter: Meter, value: Any, default: Any = 0, base: int = 10) -> Any:
    required(value)
    if isinstance(value, str):
        at_most(len(value), _MAX_NUMBER, "int")
    try:
        made = int(value, base) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        try:
            made = int(float(value))
        except (TypeError, ValueError, OverflowError):
            return default
    if made.bit_length() > MAX_INT_BITS:
        raise ExpressionError("int(): the number is too large")
    return made


def _float(_meter: Meter, value: Any, default: Any = 0.0) -> Any:
    required(value)
    if isinstance(value, str):
        at_most(len(value), _MAX_NUMBER, "float")
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def _filesize(_meter: Meter, value: Any, binary: object = False) -> str:
    size = float(value)
    base = 1024 if binary else 1000
    if size == 1:
        return "1 Byte"
    if size < base:
        return f"{int(size)} Bytes"
    power = next((index for index in range(1, len(_SIZES)) if size < base ** (index + 1)), len(_SIZES))
    return f"{size / base**power:.1f} {_BINARY_SIZES[power - 1] + 'i' if binary else _SIZES[power - 1]}B"


_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "abs": _abs,
    "filesizeformat": _filesize,
    "float": _float,
    "int": _int,
    "round": _round,
}

NUMBER_FILTERS: Final[dict[str, Function]] = {name: Function(name, call) for name, call in _CALLS.items()}
