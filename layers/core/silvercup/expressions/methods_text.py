"""The methods of ``str``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.iteration import iterate
from silvercup.expressions.limits import MAX_ITEMS, MAX_TEXT, Meter
from silvercup.expressions.operators import charge_built

_MAX_STRIP = 1000
_MAX_BACKWARD = 200_000_000


def _direct(name: str) -> Callable[..., Any]:
    def call(meter: Meter, value: str, *args: Any) -> Any:
        result = getattr(value, name)(*args)
        return result if result is value else charge_built(meter, result)

    return call


def _strip(name: str) -> Callable[..., Any]:
    def call(meter: Meter, value: str, chars: str | None = None) -> str:
        if chars is not None and len(chars) > _MAX_STRIP:
            raise ExpressionError(f"{name}() takes at most {_MAX_STRIP:,} characters to strip")
        result = getattr(value, name)(chars)
        return result if result is value else charge_built(meter, result)

    return call


def _backward(name: str) -> Callable[..., Any]:
    def call(meter: Meter, value: str, part: Any = None, *args: Any, **named: Any) -> Any:
        if isinstance(part, str) and len(part) > 1 and len(part) * len(value) > _MAX_BACKWARD:
            raise ExpressionError(f"{name}(): both texts are long; search from the start instead")
        if name == "rsplit":
            return _split_by("rsplit", meter, value, named.pop("sep", part), *args, **named)
        return charge_built(meter, getattr(value, name)(part, *args, **named))

    return call


def _split_by(name: str, meter: Meter, value: str, sep: str | None, maxsplit: int = -1) -> list[str]:
    wanted = maxsplit if 0 <= maxsplit < MAX_ITEMS else MAX_ITEMS
    parts: list[str] = getattr(value, name)(sep, wanted)
    meter.items(len(parts), 58)
    meter.charge(len(value))
    return parts


def _split(meter: Meter, value: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
    return _split_by("split", meter, value, sep, maxsplit)


def _splitlines(meter: Meter, value: str, keepends: object = False) -> list[str]:
    breaks = sum(value.count(char) for char in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
    meter.items(breaks + 1, 58)
    meter.charge(len(value))
    return value.splitlines(bool(keepends))


def join(meter: Meter, value: str, items: object) -> str:
    """``value.join(items)``."""
    parts: list[str] = []
    length = 0
    for item in iterate(meter, items):
        if not isinstance(item, str):
            raise ExpressionError(f"join() needs texts, item {len(parts)} is of type {type(item).__name__}: use str()")
        length += len(item) + len(value)
        if length - len(value) > MAX_TEXT:
            meter.text(length - len(value))
        parts.append(item)
    meter.text(max(0, length - len(value)))
    return value.join(parts)


def _replace(meter: Meter, value: str, old: str, new: str, count: int = -1) -> str:
    found = value.count(old)
    times = found if count < 0 else min(found, count)
    growth = times * (len(new) - len(old))
    if not times:
        return value
    if growth > 0:
        meter.text(len(value) + growth)
    return charge_built(meter, value.replace(old, new, count))


def _pad(name: str) -> Callable[..., str]:
    def call(meter: Meter, value: str, width: int, *fill: str) -> str:
        if width <= len(value):
            return value
        meter.text(width)
        return getattr(value, name)(width, *fill)

    return call


def _expandtabs(meter: Meter, value: str, tabsize: int = 8) -> str:
    tabs = value.count("\t")
    if tabs:
        meter.text(len(value) + tabs * max(tabsize, 0))
    return value.expandtabs(tabsize)


def _translate(meter: Meter, value: str, table: dict[int, Any]) -> str:
    if not isinstance(table, dict):
        raise ExpressionError("translate() needs a dict of character codes")
    longest = max((len(item) for item in iterate(meter, table.values()) if isinstance(item, str)), default=1)
    if longest > 1:
        meter.text(len(value) * longest)
    return charge_built(meter, value.translate(table))


def _no_format(_meter: Meter, _value: str, *_args: Any, **_named: Any) -> str:
    raise ExpressionError("format() is not available: write an f-string, f'... {x} ...'")


_DIRECT = (
    "capitalize casefold lower upper swapcase title removeprefix removesuffix partition find index count startswith endswith"
    " isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper"
)

TEXT: Final[dict[str, Callable[..., Any]]] = {
    **{name: _direct(name) for name in _DIRECT.split()},
    **{name: _strip(name) for name in ("strip", "lstrip", "rstrip")},
    **{name: _backward(name) for name in ("rfind", "rindex", "rpartition", "rsplit")},
    **{name: _pad(name) for name in ("center", "ljust", "rjust", "zfill")},
    "split": _split,
    "splitlines": _splitlines,
    "join": join,
    "replace": _replace,
    "expandtabs": _expandtabs,
    "translate": _translate,
    "format": _no_format,
}
