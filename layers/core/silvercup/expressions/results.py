"""From what an expression made to plain JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, ItemsView, Iterable, KeysView, ValuesView
from datetime import date, datetime, time, timedelta
from types import GeneratorType
from typing import Any, Final, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_NUMBER_BITS, MAX_RESULT, MAX_VALUE_DEPTH
from silvercup.expressions.sizes import cheap, kinds
from silvercup.expressions.views import Function, Namespace, View
from silvercup.values import Json

_LISTS: Final = kinds(list, tuple, range, KeysView, ValuesView, ItemsView, GeneratorType)


_CONTAINERS: Final = kinds(dict, set, frozenset, View, *_LISTS)


def to_json(value: object) -> Json:
    """The value as JSON: tuples, sets and iterators as lists, dates as ISO text, keys as text.

    Text loses its null characters, and half surrogate pairs become U+FFFD, so that the result can always be written as
    UTF-8. A part that is there twice is converted once, and is the same object in the result.

    Raises:
        ExpressionError: It holds something that JSON has no word for, or is larger than 64 million characters.
    """
    return _Conversion().convert(value, 0)[0]


class _Conversion:
    __slots__ = ("kept", "known")

    def __init__(self) -> None:
        self.known: dict[int, tuple[Json, int]] = {}
        self.kept: list[object] = []

    def convert(self, value: object, depth: int) -> tuple[Json, int]:
        """The JSON value, and about how many characters it takes."""
        kind = type(value)
        if kind is str:
            text = cast("str", value)
            return (text if text.isascii() and "\0" not in text else clean(text)), len(text) + 2
        if value is None or kind is bool:
            return cast("Json", value), 4
        if kind is int or kind is float:
            return _number(cast("float", value)), 8
        if isinstance(value, _CONTAINERS):
            return self._container(value, depth)
        return _other(value), 32

    def _container(self, value: object, depth: int) -> tuple[Json, int]:
        key = id(value)
        if key in self.known:
            return self.known[key]
        if depth > MAX_VALUE_DEPTH:
            raise ExpressionError(f"the result is nested more than {MAX_VALUE_DEPTH} levels deep, or holds itself")
        self.kept.append(value)
        if isinstance(value, View):
            found = self.convert(value.view_json(), depth + 1)
        elif isinstance(value, dict):
            found = self._dict(cast("dict[object, object]", value), depth)
        else:
            found = self._list(
                _sorted(cast("set[Any]", value))
                if isinstance(value, set | frozenset)
                else cast("Iterable[object]", value),
                depth,
            )
        self.known[key] = found
        return found

    def _list(self, items: Iterable[object], depth: int) -> tuple[Json, int]:
        made: list[Json] = []
        total = 2
        for item in items:
            converted, size = self.convert(item, depth + 1)
            made.append(converted)
            total = _within(total + size + 1)
        return made, total

    def _dict(self, pairs: dict[object, object], depth: int) -> tuple[Json, int]:
        made: dict[str, Json] = {}
        total = 2
        for key, item in pairs.items():
            name = clean(key) if isinstance(key, str) else _key(key)
            made[name], size = self.convert(item, depth + 1)
            total = _within(total + size + len(name) + 2)
        return made, total


def _within(total: int) -> int:
    if total > MAX_RESULT:
        raise ExpressionError(f"the result is larger than {MAX_RESULT:,} characters")
    return total


def clean(text: str) -> str:
    """The text as it can be stored: no null characters, no half surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "") if "\0" in text else text


def _number(value: float) -> Json:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError(f"the result holds {value}, which JSON has no word for")
    elif value.bit_length() > MAX_NUMBER_BITS:
        raise ExpressionError("the result holds a number of over 4,200 digits")
    return value


def _key(key: object) -> str:
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float):
        return str(_number(key))
    if isinstance(key, date | time | datetime):
        return key.isoformat()
    raise ExpressionError(f"the result has a key of type {type(key).__name__}; JSON's keys are texts")


def _sorted(value: set[Any]) -> list[object]:
    if not all(cheap(item) for item in value):
        return list(value)
    try:
        return sorted(value)
    except TypeError:
        return list(value)


_ADVICE: dict[type, Callable[[Any], str]] = {
    bytes: lambda _: "bytes: use decode()",
    complex: lambda _: "a complex number",
    Function: lambda value: f"{value!r} itself: call it with ()",
    Namespace: lambda value: f"{value!r}: use what is in it",
}


def _other(value: object) -> Json:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    advice = _ADVICE.get(type(value))
    raise ExpressionError(
        f"the result holds {advice(value) if advice else f'a value of type {type(value).__name__}'}, which is not JSON"
    )
