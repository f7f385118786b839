"""Copies for expressions that change values in place, so that what the caller gave stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_VALUE_DEPTH, Meter
from silvercup.expressions.views import View

type Copies = dict[int, tuple[object, object]]
"""By the id of an original, or of a copy: (the original, kept alive so that its id stays its own; the copy)."""


def duplicate(meter: Meter, value: object, known: Copies, depth: int = 0) -> object:
    """A deep copy of JSON containers, the same one each time; a view's values are copied as they are taken."""
    if isinstance(value, View) and not isinstance(value, _Copying):
        return _Copying(meter, value, known)
    if not isinstance(value, list | dict):
        return value
    container = cast("list[object] | dict[object, object]", value)
    if id(container) in known:
        return known[id(container)][1]
    if depth > MAX_VALUE_DEPTH:
        raise ExpressionError(f"a value is nested more than {MAX_VALUE_DEPTH} levels deep")
    meter.tick()
    meter.charge(100 * len(container) + 60)
    copy: list[object] | dict[object, object]
    if isinstance(container, list):
        copy = [duplicate(meter, item, known, depth + 1) for item in container]
    else:
        copy = {key: duplicate(meter, item, known, depth + 1) for key, item in container.items()}
    known[id(container)] = known[id(copy)] = (container, copy)
    return copy


class _Copying(View):
    """A view whose values are copies."""

    __slots__ = ("_known", "_meter", "_view")

    def __init__(self, meter: Meter, view: View, known: Copies) -> None:
        self._meter = meter
        self._view: Any = view
        self._known = known

    def __repr__(self) -> str:
        return repr(self._view)

    def __len__(self) -> int:
        return len(self._view)

    def __iter__(self) -> Iterator[object]:
        return (self._copy(item) for item in self._view)

    def __contains__(self, key: object) -> bool:
        return key in self._view if hasattr(self._view, "__contains__") else self._view.view_contains(key)

    def _copy(self, value: object) -> object:
        return duplicate(self._meter, value, self._known)

    def view_getitem(self, key: object) -> object:
        return self._copy(self._view.view_getitem(key))

    def view_getattr(self, name: str) -> object:
        return self._copy(self._view.view_getattr(name))

    def view_get(self, key: object, default: object = None) -> object:
        return self._copy(self._view.view_get(key, default))

    def view_json(self) -> object:
        return self._copy(self._view.view_json())
