"""Going through values: every item is counted, so no loop runs on when the time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping
from types import GeneratorType
from typing import Any, Final, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_ITEMS, Meter
from silvercup.expressions.sizes import CONTAINERS, cheap, check_key, equal, kinds, less
from silvercup.expressions.views import View, invoke, kind

_SEQUENCES: Final = kinds(list, tuple)
LOOPED: Final = kinds(str, bytes, range, GeneratorType, View, *CONTAINERS)


def iterate(meter: Meter, value: object) -> Iterator[Any]:
    """The items of anything that can be looped over.

    Raises:
        ExpressionError: It can't, or the time is over.
    """
    if isinstance(value, LOOPED):
        if isinstance(value, View) and not hasattr(value, "__iter__"):
            raise ExpressionError(f"{kind(value)} can't be looped over")
        return _counted(meter, cast("Iterable[Any]", value))
    raise ExpressionError(f"{kind(value)} can't be looped over: a list, dict or text is needed")


def _counted(meter: Meter, value: Iterable[Any]) -> Iterator[Any]:
    for item in value:
        meter.tick()
        yield item


def collect(meter: Meter, value: object) -> list[Any]:
    """The items as a new list, its size counted."""
    if isinstance(value, list | tuple | range):
        members = cast("list[Any]", value)
        meter.items(len(members), 40 if isinstance(value, range) else 8)
        return list(members)
    found: list[Any] = []
    for item in iterate(meter, value):
        found.append(item)
        if len(found) > MAX_ITEMS:
            meter.items(len(found))
    meter.items(len(found), 16)
    return found


def make_set(meter: Meter, value: object) -> set[Any]:
    """The items as a set; item by item, as colliding hashes make a set slow."""
    found: set[Any] = set()
    for item in iterate(meter, value):
        check_key(meter, item)
        found.add(item)
        if len(found) > MAX_ITEMS:
            meter.items(len(found))
    meter.items(len(found), 64)
    return found


def update_dict(meter: Meter, target: dict[Any, Any], value: object, named: Mapping[str, Any] | None = None) -> None:
    """``target.update(value, **named)``."""
    if isinstance(value, dict):
        pairs: Iterable[Any] = cast("dict[Any, Any]", value).items()
    elif isinstance(value, View):
        update_dict(meter, target, value.view_json(), named)
        return
    else:
        pairs = iterate(meter, value)
    before = len(target)
    for pair in pairs:
        meter.tick()
        key, item = pair
        check_key(meter, key)
        target[key] = item
    target.update(named or {})
    meter.items(len(target))
    meter.charge(max(0, len(target) - before) * 100)


def contains(meter: Meter, container: Any, item: Any) -> bool:
    """``item in container``."""
    if isinstance(container, (dict, set, frozenset, KeysView)):
        check_key(meter, item)
        return item in container
    if isinstance(container, str | bytes):
        return item in container
    if isinstance(container, View):
        if hasattr(container, "__contains__") or hasattr(container, "__iter__"):
            return bool(item in container)  # type: ignore[operator]
        return container.view_contains(item)
    if isinstance(container, _SEQUENCES) and type(item) is not tuple and cheap(item):
        return item in container
    return any(member is item or equal(meter, member, cast("Any", item)) for member in iterate(meter, container))


def position(
    meter: Meter, items: list[Any] | tuple[Any, ...], item: Any, start: int = 0, stop: int | None = None
) -> int:
    """``items.index(item, start, stop)``.

    Raises:
        ExpressionError: It is not there.
    """
    first, last, _ = slice(start, stop).indices(len(items))
    for index in range(first, last):
        meter.tick()
        if items[index] is item or equal(meter, items[index], item):
            return index
    raise ExpressionError("index(): the value is not in the list")


def occurrences(meter: Meter, items: Iterable[Any], item: Any) -> int:
    """``items.count(item)``."""
    return sum(1 for member in iterate(meter, items) if member is item or equal(meter, member, item))


class _Turn:
    """A sort key that counts each comparison."""

    __slots__ = ("key", "meter")

    def __init__(self, meter: Meter, key: Any) -> None:
        self.meter = meter
        self.key = key

    def __lt__(self, other: _Turn) -> bool:
        self.meter.tick()
        return less(self.meter, self.key, other.key)


def order(meter: Meter, value: object, key: object = None, *, reverse: object = False) -> list[Any]:
    """``sorted(value, key=key, reverse=reverse)``."""
    items = collect(meter, value)
    keys = items if key is None else [invoke(meter, key, item) for item in items]
    if not all(cheap(member) for member in keys):
        keys = [_Turn(meter, member) for member in keys]
    meter.items(len(items), 64)
    ranks = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
    return [items[rank] for rank in ranks]


def extreme(meter: Meter, values: Iterable[Any], key: object, better: Callable[[Any, Any], bool]) -> Any:
    """The first of the best items.

    Raises:
        ExpressionError: There are no items.
    """
    found = False
    best: Any = None
    best_key: Any = None
    for item in values:
        meter.tick()
        rank = item if key is None else invoke(meter, key, item)
        if not found or better(rank, best_key):
            found, best, best_key = True, item, rank
    if not found:
        raise ExpressionError("max() and min() need at least one value, or a default")
    return best
