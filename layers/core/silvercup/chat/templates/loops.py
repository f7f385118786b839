"""``loop``: where a ``for`` is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, override

from silvercup.chat.templates.values import Undefined
from silvercup.errors import ExpressionError
from silvercup.expressions.limits import Meter
from silvercup.expressions.sizes import equal
from silvercup.expressions.views import Function, View


class Loop(View):
    """What ``loop`` is in the body of a ``for``. It takes the items one at a time, and at most one ahead, as Jinja2 does.

    Args:
        meter: The budget.
        items: What is looped over.
        length: How many they are, where that is known beforehand.
        depth0: How many loops of the same recursion this one is within.
        again: Renders the loop's body over other items, for a recursive loop.
    """

    __slots__ = ("_changed", "_depth0", "_length", "_meter", "after", "again", "before", "current", "index0", "items")

    def __init__(
        self,
        meter: Meter,
        items: Iterator[Any],
        length: int | None,
        depth0: int,
        again: Callable[[object, int], str] | None,
    ) -> None:
        self._meter = meter
        self._length = length
        self._depth0 = depth0
        self._changed: tuple[Any, ...] | None = None
        self.items = items
        self.index0 = -1
        self.after: list[Any] = []
        self.before: Any = None
        self.current: Any = None
        self.again = again

    def __repr__(self) -> str:
        return "the loop"

    def advance(self) -> Iterator[Any]:
        """The items, one after the other."""
        while self.peek():
            self.index0 += 1
            self.before, self.current = self.current, self.after.pop()
            yield self.current

    def peek(self) -> bool:
        """Whether there is another item; it is then in ``after``."""
        if not self.after:
            self.after.extend(item for item in (next(self.items, _END),) if item is not _END)
        return bool(self.after)

    def length(self) -> int:
        """How many items there are in all; reads them to the end where that is not known."""
        if self._length is None:
            rest = [*self.after, *self.items]
            self._meter.items(len(rest))
            self.after = []
            self.items = iter(rest)
            self._length = len(rest) + self.index0 + 1
        return self._length

    def deeper(self, items: object) -> str:
        """The loop's body over other items, one level deeper: ``loop(item.children)``.

        Raises:
            ExpressionError: The loop is not recursive.
        """
        if self.again is None:
            raise ExpressionError("only a recursive loop can be called: {% for x in xs recursive %}")
        return self.again(items, self._depth0 + 1)

    @override
    def view_getattr(self, name: str) -> object:
        if name in {"cycle", "changed"}:
            return Function(f"loop.{name}", self._cycle if name == "cycle" else self._has_changed)
        if name in {"depth", "depth0"}:
            return self._depth0 + (name == "depth")
        if name not in _FACTS:
            raise AttributeError(name)
        return _FACTS[name](self)

    def _cycle(self, _meter: Meter, /, *values: Any) -> Any:
        if not values:
            raise ExpressionError("loop.cycle() needs at least one value")
        return values[self.index0 % len(values)]

    def _has_changed(self, meter: Meter, /, *values: Any) -> bool:
        same = self._changed is not None and equal(meter, self._changed, values)
        self._changed = values
        return not same


_END: Final = object()
_FACTS: Final[dict[str, Callable[[Loop], object]]] = {
    "index": lambda loop: loop.index0 + 1,
    "index0": lambda loop: loop.index0,
    "revindex": lambda loop: loop.length() - loop.index0,
    "revindex0": lambda loop: loop.length() - loop.index0 - 1,
    "first": lambda loop: loop.index0 == 0,
    "last": lambda loop: not loop.peek(),
    "length": lambda loop: loop.length(),
    "previtem": lambda loop: loop.before if loop.index0 else Undefined("loop.previtem"),
    "nextitem": lambda loop: loop.after[-1] if loop.peek() else Undefined("loop.nextitem"),
}
