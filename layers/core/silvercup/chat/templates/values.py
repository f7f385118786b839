"""What a template sees beside the values of its context: undefined names, namespaces, groups and small helpers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, override

from silvercup.errors import ExpressionError
from silvercup.expressions.iteration import update_dict
from silvercup.expressions.limits import Meter
from silvercup.expressions.views import Function, View, suggest

_MAX_SHOWN: Final = 12
_MAX_NAME: Final = 60


class UndefinedVariable(ExpressionError):
    """A template used something that is not there.

    Attributes:
        hint: What names there are.
    """

    def __init__(self, name: str, hint: str | None) -> None:
        super().__init__(name)
        self.hint = hint


class Undefined(View):
    """What a name means that is not there: an empty text, an empty list, false. Anything else done with it is an error.

    Args:
        name: As the template writes it, with what it was taken from.
        choices: The names that are there.
    """

    __slots__ = ("_choices", "_name")

    def __init__(self, name: str, choices: Collection[Any] = ()) -> None:
        self._name = name
        self._choices = choices

    def failure(self) -> UndefinedVariable:
        """The error for using it."""
        own = self._name.rpartition(".")[2]
        names = [name for name in list(self._choices)[:500] if isinstance(name, str) and len(name) <= _MAX_NAME]
        shown = ", ".join([*names[:_MAX_SHOWN], *(["..."] if len(names) > _MAX_SHOWN else [])])
        hints = [suggest(own, names), f"There are: {shown}." if shown else None]
        return UndefinedVariable(self._name[:200], " ".join(hint for hint in hints if hint) or None)

    @override
    def view_getitem(self, key: object) -> object:
        raise self.failure()

    @override
    def view_getattr(self, name: str) -> object:
        raise self.failure()

    @override
    def view_get(self, key: object, default: object = None) -> object:
        raise self.failure()

    @override
    def view_json(self) -> object:
        return ""

    def __repr__(self) -> str:
        return f"the undefined name {self._name[:_MAX_NAME]!r}"

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Undefined)

    def __hash__(self) -> int:
        return hash(Undefined)

    def __lt__(self, other: object) -> bool:
        raise self.failure()

    __gt__ = __le__ = __ge__ = __lt__


class Variables(View):
    """``namespace(...)``: the one thing whose attributes a template can set.

    Attributes:
        names: The attributes.
    """

    __slots__ = ("names",)

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def __repr__(self) -> str:
        return "a namespace"

    @override
    def view_getattr(self, name: str) -> object:
        return self.names[name]

    @override
    def view_getitem(self, key: object) -> object:
        return self.names[key]  # type: ignore[index]

    @override
    def view_json(self) -> object:
        return self.names


class Group(View):
    """One group of ``groupby``: unpacks to (grouper, list).

    Args:
        grouper: The value that its items share.
        items: Its items.
    """

    __slots__ = ("_pair",)

    def __init__(self, grouper: Any, items: list[Any]) -> None:
        self._pair = (grouper, items)

    def __repr__(self) -> str:
        return "a group"

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Any]:
        return iter(self._pair)

    @override
    def view_getattr(self, name: str) -> object:
        return self._pair[("grouper", "list").index(name)] if name in {"grouper", "list"} else _none_such(name)

    @override
    def view_getitem(self, key: object) -> object:
        return self._pair[key]  # type: ignore[index]

    @override
    def view_json(self) -> object:
        return self._pair


def _none_such(name: str) -> object:
    raise AttributeError(name)


class Cycler(View):
    """``cycler(a, b)``: ``next()`` gives one value after the other, ``current``, ``reset()``."""

    __slots__ = ("_at", "_values")

    def __init__(self, values: tuple[Any, ...]) -> None:
        if not values:
            raise ExpressionError("cycler() needs at least one value")
        self._values = values
        self._at = 0

    def __repr__(self) -> str:
        return "a cycler"

    @override
    def view_getattr(self, name: str) -> object:
        if name == "current":
            return self._values[self._at]
        if name in {"next", "reset"}:
            return Function(name, self._next if name == "next" else self._reset)
        raise AttributeError(name)

    def _next(self, _meter: Meter) -> Any:
        value = self._values[self._at]
        self._at = (self._at + 1) % len(self._values)
        return value

    def _reset(self, _meter: Meter) -> None:
        self._at = 0


def _namespace(meter: Meter, values: object = (), /, **named: Any) -> Variables:
    made: dict[str, Any] = {}
    update_dict(meter, made, values, named)
    return Variables(made)


def _cycler(_meter: Meter, /, *values: Any) -> Cycler:
    return Cycler(values)


def _joiner(meter: Meter, sep: Any = ", ") -> Function:
    meter.charge(200)
    used: list[bool] = []

    def call(meter: Meter) -> Any:
        meter.tick()
        if used:
            return sep
        used.append(True)
        return ""

    return Function("joiner", call)


HELPERS: Final[dict[str, Function]] = {
    "namespace": Function("namespace", _namespace),
    "cycler": Function("cycler", _cycler),
    "joiner": Function("joiner", _joiner),
}
"""The globals of Jinja2 that the language of expressions lacks."""
