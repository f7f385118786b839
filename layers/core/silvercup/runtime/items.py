"""What loops go over, and what becomes of their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from silvercup import values
from silvercup.errors import StepError
from silvercup.expressions import compile_value
from statemachines.ir import GatherOp, LoopOp

MAX_ITEMS = 1_000_000
"""Items of one loop."""
_REDUCE_NAMES = frozenset({"results", "_"})
_APPENDS = frozenset({"$ results + [_]", "$ results+[_]"})


def items_of(op: LoopOp, scope: Mapping[str, object]) -> list[Any]:
    """The items of a loop: a list's, or an object's keys.

    Raises:
        StepError: There is no list, or too long a one.
    """
    found: object = compile_value(op.items).evaluate(scope)
    if isinstance(found, dict):
        found = list(cast("dict[str, Any]", found))
    if not isinstance(found, list):
        raise StepError(f"'{op.field}' must be a list, or an object whose keys are taken; it is {_kind(found)}")
    items = cast("list[Any]", found)
    if len(items) > MAX_ITEMS:
        raise StepError(f"'{op.field}' has {len(items):,} items; at most {MAX_ITEMS:,} can be")
    return items


def reduced(op: GatherOp, outputs: Sequence[Any]) -> Any:
    """What ``reduce`` makes of the outputs, in their order; without one, the list of them behind ``initial``.

    Raises:
        StepError: The expression failed.
    """
    initial: Any = op.initial
    if op.reduce is None or (op.reduce.strip() in _APPENDS and isinstance(initial, list)):
        if not isinstance(initial, list):
            raise StepError("'initial' must be a list where there is no 'reduce'")
        return [*cast("list[Any]", initial), *outputs]
    expression = compile_value(op.reduce, _REDUCE_NAMES)
    results: object = initial
    for output in outputs:
        results = expression.evaluate_raw({"results": results, "_": output})
    return compile_value("$ _", _REDUCE_NAMES).evaluate({"_": results})


def pages(items: Sequence[Any], most: int) -> Iterator[tuple[int, Sequence[Any]]]:
    """Items in lists of at most so many characters of JSON (or one item), each with the number of its first item."""
    first, size = 0, 0
    for number, item in enumerate(items):
        length = len(values.dumps(item))
        if number > first and size + length > most:
            yield first, items[first:number]
            first, size = number, 0
        size += length + 1
    yield first, items[first:]


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return "a number" if isinstance(value, int | float) else "a text"
