"""The built-in functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.access import has
from silvercup.expressions.formatting import text_of
from silvercup.expressions.iteration import collect, extreme, iterate, make_set, order, update_dict
from silvercup.expressions.limits import MAX_INT_BITS, MAX_ITEMS, Meter, at_most
from silvercup.expressions.operators import add
from silvercup.expressions.sizes import less
from silvercup.expressions.views import Function, invoke, kind, plain

_MAX_NUMBER_TEXT = 10_000
_NONE: Final = object()


def _abs(value: Any) -> Any:
    return abs(value)


def _all(meter: Meter, values: object) -> bool:
    return all(iterate(meter, values))


def _any(meter: Meter, values: object) -> bool:
    return any(iterate(meter, values))


def _dict(meter: Meter, values: object = (), /, **named: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    update_dict(meter, made, values, named)
    return made


def _enumerate(meter: Meter, values: object, start: int = 0) -> Iterator[tuple[int, Any]]:
    for pair in enumerate(iterate(meter, values), start):
        meter.charge(64)
        yield pair


def _float(value: Any = 0.0) -> float:
    if isinstance(value, str):
        at_most(len(value), _MAX_NUMBER_TEXT, "float()")
    return float(value)


def _int(value: Any = 0, *base: int, **named: int) -> int:
    if isinstance(value, str | bytes):
        at_most(len(value), _MAX_NUMBER_TEXT, "int()")
    number = int(value, *base, **named)
    if number.bit_length() > MAX_INT_BITS:
        raise ExpressionError("int(): the number is too large")
    return number


def _len(value: Any) -> int:
    if not hasattr(value, "__len__"):
        raise ExpressionError(f"{kind(value)} has no length; only texts, lists, dicts and sets have one")
    return len(value)


def _list(meter: Meter, values: object = ()) -> list[Any]:
    return collect(meter, values)


def _map(meter: Meter, function: object, *values: object) -> Iterator[Any]:
    if not values:
        raise ExpressionError("map() needs a function and something to loop over")
    return _mapped(meter, function, [iterate(meter, value) for value in values])


def _mapped(meter: Meter, function: object, values: list[Iterator[Any]]) -> Iterator[Any]:
    for row in zip(*values, strict=False):
        yield invoke(meter, function, *row)


def _choose(name: str) -> Function:
    def better(meter: Meter, left: Any, right: Any) -> bool:
        return less(meter, right, left) if name == "max" else less(meter, left, right)

    def call(meter: Meter, *values: Any, key: object = None, default: Any = _NONE) -> Any:
        if not values:
            raise ExpressionError(f"{name}() needs at least one value")
        items = iterate(meter, values[0]) if len(values) == 1 else iter(values)
        if default is not _NONE:
            first = next(items, _NONE)
            if first is _NONE:
                return default
            items = _chain(first, items)
        return extreme(meter, items, key, lambda left, right: better(meter, left, right))

    return Function(name, call)


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if made and (made[-1] - made[0]) // made.step >= MAX_ITEMS:
        raise ExpressionError(f"range() is limited to {MAX_ITEMS:,} numbers")
    return made


def _reduce(meter: Meter, function: object, values: object, *initial: Any) -> Any:
    items = iterate(meter, values)
    result = initial[0] if initial else next(items, _NONE)
    if result is _NONE:
        raise ExpressionError("reduce() of nothing needs an initial value")
    for item in items:
        result = invoke(meter, function, result, item)
    return result


def _reversed(meter: Meter, values: object) -> list[Any]:
    return collect(meter, values)[::-1]


def _round(value: Any, ndigits: int | None = None) -> Any:
    if ndigits is not None and abs(ndigits) > 1000:
        raise ExpressionError("round() takes at most 1,000 digits")
    return round(value) if ndigits is None else round(value, ndigits)


def _sorted(meter: Meter, values: object, *, key: object = None, reverse: object = False) -> list[Any]:
    return order(meter, values, key, reverse=reverse)


def _str(meter: Meter, value: object = "") -> str:
    return text_of(meter, value)


def _sum(meter: Meter, values: object, start: Any = 0) -> Any:
    total = start
    for item in iterate(meter, values):
        total = add(meter, total, item)
    return total


def _tuple(meter: Meter, values: object = ()) -> tuple[Any, ...]:
    return tuple(collect(meter, values))


def _set(meter: Meter, values: object = ()) -> set[Any]:
    return make_set(meter, values)


def _zip(meter: Meter, *values: object, strict: bool = False) -> Iterator[tuple[Any, ...]]:
    return _zipped(meter, [iterate(meter, value) for value in values], strict=strict)


def _zipped(meter: Meter, values: list[Iterator[Any]], *, strict: bool) -> Iterator[tuple[Any, ...]]:
    for row in zip(*values, strict=strict):
        meter.charge(48 + 8 * len(row))
        yield row


def _hasattr(meter: Meter, value: object, name: str) -> bool:
    return has(meter, value, name)


FUNCTIONS: Final[dict[str, Function]] = {
    "abs": plain("abs", _abs),
    "all": Function("all", _all),
    "any": Function("any", _any),
    "bool": plain("bool", bool),
    "dict": Function("dict", _dict),
    "enumerate": Function("enumerate", _enumerate),
    "float": plain("float", _float),
    "hasattr": Function("hasattr", _hasattr),
    "int": plain("int", _int),
    "len": plain("len", _len),
    "list": Function("list", _list),
    "map": Function("map", _map),
    "max": _choose("max"),
    "min": _choose("min"),
    "range": plain("range", _range),
    "reduce": Function("reduce", _reduce),
    "reversed": Function("reversed", _reversed),
    "round": plain("round", _round),
    "set": Function("set", _set),
    "sorted": Function("sorted", _sorted),
    "str": Function("str", _str),
    "sum": Function("sum", _sum),
    "tuple": Function("tuple", _tuple),
    "zip": Function("zip", _zip),
}
