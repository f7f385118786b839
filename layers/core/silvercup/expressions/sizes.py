"""How large a value is when written out, and copies, without ever doing more work than the value's size in memory.

A value may be a graph: ``[x, x]`` nested thirty times takes little memory and has a billion leaves. Everything that walks a
value by its leaves (text, comparison, hash, JSON) is measured here first; the measure visits each container once.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, KeysView, ValuesView
from typing import Any, Final, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_COMPARED, MAX_KEY, MAX_VALUE_DEPTH, Meter
from silvercup.expressions.views import View


def kinds(*types: type[Any]) -> tuple[type[Any], ...]:
    """Types for ``isinstance``, such that a checker takes what it tells for ``Any``: the values are the users'."""
    return types


CONTAINERS: Final = kinds(list, tuple, dict, set, frozenset, KeysView, ValuesView, ItemsView)
TOO_LARGE: Final = "a value is too large for this operation"
SCALARS: Final = frozenset({int, float, bool, str, type(None), bytes})


class _Scale:
    __slots__ = ("cap", "kept", "known", "meter")

    def __init__(self, meter: Meter, cap: int) -> None:
        self.meter = meter
        self.cap = cap
        self.known: dict[int, int] = {}
        self.kept: list[object] = []

    def weigh(self, value: object, depth: int) -> int:
        if isinstance(value, str):
            return len(value) + 2
        if isinstance(value, CONTAINERS):
            return self._container(cast("Iterable[object]", value), depth)
        if isinstance(value, View):
            made = value.view_json()
            self.kept.append(made)
            return self.weigh(made, depth + 1)
        if isinstance(value, int):
            return value.bit_length() // 3 + 1
        return len(value) if isinstance(value, bytes) else 20

    def _container(self, value: Iterable[object], depth: int) -> int:
        key = id(value)
        if key in self.known:
            return self.known[key]
        if depth > MAX_VALUE_DEPTH:
            raise ExpressionError(f"a value is nested more than {MAX_VALUE_DEPTH} levels deep")
        total = 2
        pairs = isinstance(value, dict)
        members = cast("Iterable[object]", cast("dict[object, object]", value).items()) if pairs else value
        made_on_the_way = isinstance(value, ItemsView)
        for member in members:
            self.meter.tick()
            if made_on_the_way:
                self.kept.append(member)  # or the next one would have its id
            if pairs:
                name, item = cast("tuple[object, object]", member)
                total += self.weigh(name, depth + 1) + self.weigh(item, depth + 1) + 4
            else:
                total += self.weigh(member, depth + 1) + 2
            if total > self.cap:
                raise ExpressionError(TOO_LARGE)
        self.known[key] = total
        return total


def weigh(meter: Meter, value: object, cap: int) -> int:
    """The length of the value's text, about (never more than ten times too small).

    Raises:
        ExpressionError: It is over ``cap``, or nested too deeply.
    """
    size = _Scale(meter, cap).weigh(value, 0)
    if size > cap:
        raise ExpressionError(TOO_LARGE)
    return size


def check_key(meter: Meter, key: object) -> None:
    """Refuse a key whose hash takes long: tuples have no hash kept."""
    if isinstance(key, tuple):
        weigh(meter, cast("object", key), MAX_KEY)
    elif isinstance(key, dict | list | set):
        raise ExpressionError(
            f"a {type(cast('object', key)).__name__} can't be a key or in a set"
            " (in a `$ ` expression `{{ x }}` is a set within a set: write `x`)"
        )


def comparable(meter: Meter, left: object, right: object) -> None:
    """Refuse to compare containers that have too many leaves."""
    if isinstance(left, CONTAINERS) and isinstance(right, CONTAINERS):
        weigh(meter, left, MAX_COMPARED)
        weigh(meter, right, MAX_COMPARED)


def equal(meter: Meter, left: object, right: object) -> bool:
    """``left == right``, measured first."""
    comparable(meter, left, right)
    return bool(left == right)


def less(meter: Meter, left: Any, right: Any) -> bool:
    """``left < right``, measured first."""
    comparable(meter, left, right)
    return bool(left < right)


def cheap(value: object) -> bool:
    """Whether comparing this value takes no time worth counting."""
    kind = type(value)
    if kind is str:
        return len(cast("str", value)) <= 1000
    if kind is tuple:
        members = cast("tuple[object, ...]", value)
        return len(members) <= 10 and all(type(member) is not tuple and cheap(member) for member in members)
    return kind in SCALARS and kind is not bytes
