"""Objects that an expression sees and that are not plain JSON."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import Meter

_MISSING: Final = object()


class View:
    """A value made on demand, such as ``steps``: an expression may subscript it and take its attributes.

    A subclass may also define ``__len__``, ``__iter__`` and ``__contains__``. Missing things are told by ``LookupError`` or
    ``AttributeError`` (a message of several words is shown as it is), or by ``ExpressionError``. ``view.get(key, default)``
    answers the default for the first two. What a view hands out is not changed by an expression: one that calls a
    mutating method works on a copy.
    """

    __slots__ = ()

    def view_getitem(self, key: object) -> object:
        """``view[key]``; a slice comes as a ``slice``."""
        raise ExpressionError(f"{self!r} can't be indexed with {type(key).__name__}")

    def view_getattr(self, name: str) -> object:
        """``view.name``; never called for a name that begins with an underscore, nor for ``get``."""
        raise AttributeError(name)

    def view_json(self) -> object:
        """The plain value, for results and ``str()``."""
        raise ExpressionError(f"{self!r} can't be used as a value")

    def view_get(self, key: object, default: object = None) -> object:
        """``view.get(key, default)``."""
        try:
            return self.view_getitem(key)
        except (LookupError, AttributeError):
            return default

    def view_contains(self, key: object) -> bool:
        """``key in view``, where the subclass has no ``__contains__`` or ``__iter__``."""
        return self.view_get(key, _MISSING) is not _MISSING


class Keyed(View):
    """A view whose attributes are its items: ``view.name`` is ``view['name']``."""

    __slots__ = ()

    def view_getattr(self, name: str) -> object:
        """As ``view_getitem``."""
        try:
            return self.view_getitem(name)
        except KeyError as error:
            raise AttributeError(str(error.args[0])) from None


class Function:
    """A function or bound method of the language. Only these, and callable namespaces, can be called.

    Attributes:
        name: As the user writes it, for messages.
        call: The implementation; its first argument is the evaluation's meter.
    """

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call

    def __repr__(self) -> str:
        return f"<function {self.name}>"


class Namespace:
    """A module, or a class such as ``datetime.datetime``: members, and perhaps a constructor.

    Attributes:
        name: As the user writes it.
        members: Everything that can be taken from it.
        constructor: What calling it does, where it can be called.
    """

    __slots__ = ("constructor", "members", "name")

    def __init__(self, name: str, members: Mapping[str, object], constructor: Function | None = None) -> None:
        self.name = name
        self.members = members
        self.constructor = constructor

    def __repr__(self) -> str:
        return f"<module {self.name}>"


def plain(name: str, function: Callable[..., Any]) -> Function:
    """A function that needs no meter: it can't build more than it is given."""

    def call(meter: Meter, /, *args: Any, **kwargs: Any) -> Any:
        meter.tick()
        return function(*args, **kwargs)

    return Function(name, call)


def bound(name: str, method: Callable[..., Any], value: object) -> Function:
    """The method of a value, as a function: ``method`` takes the meter, the value and the arguments."""

    def call(meter: Meter, /, *args: Any, **named: Any) -> Any:
        return method(meter, value, *args, **named)

    return Function(name, call)


def invoke(meter: Meter, function: object, /, *args: Any, **kwargs: Any) -> Any:
    """Call what an expression calls.

    Raises:
        ExpressionError: It can't be called, or not with these arguments.
    """
    target = function.constructor if isinstance(function, Namespace) else function
    if not isinstance(target, Function):
        raise ExpressionError(f"{kind(function)} can't be called like a function")
    meter.tick()
    try:
        return target.call(meter, *args, **kwargs)
    except TypeError as error:
        text = str(error)
        if "argument" in text and ("positional" in text or "keyword" in text or "multiple values" in text):
            raise ExpressionError(f"{target.name}() was called with the wrong arguments") from None
        raise


def kind(value: object) -> str:
    """The type of a value, in words for a message; never the value."""
    if value is None:
        return "null"
    if isinstance(value, (View, Function, Namespace)):
        return repr(value)
    return f"a value of type {type(value).__name__}"


def suggest(name: str, choices: Iterable[str]) -> str | None:
    """``Did you mean 'x'?`` for the closest choice, if one is close."""
    if len(name) > 60:
        return None
    short = [choice for choice in itertools.islice(choices, 500) if len(choice) <= 60]
    from difflib import get_close_matches

    close = get_close_matches(name, short, n=1, cutoff=0.7)
    return f"Did you mean '{close[0]}'?" if close else None


def missing(what: str, name: str, choices: Collection[str]) -> ExpressionError:
    """The error for a name that is not among the choices: lists some of them and the closest."""
    shown = [repr(choice[:40]) for choice in itertools.islice(choices, 12)]
    there = f"; there are: {', '.join(shown)}{', ...' if len(choices) > len(shown) else ''}" if shown else ""
    hint = suggest(name, choices)
    return ExpressionError(f"no {what} {name[:100]!r}{there}{'. ' + hint if hint else ''}")
