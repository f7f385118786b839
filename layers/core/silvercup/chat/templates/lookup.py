"""Attributes and items, by Jinja2's rules: ``a.b`` looks for an attribute first, ``a['b']`` for an item; neither fails.

What has which attributes is the language's of expressions, less what changes a value in place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, cast

from silvercup.chat.templates.formats import format_text
from silvercup.chat.templates.values import Undefined
from silvercup.errors import ExpressionError
from silvercup.expressions.access import subscript
from silvercup.expressions.limits import Meter
from silvercup.expressions.methods import METHODS, MUTATORS, PLACES, PROPERTIES
from silvercup.expressions.sizes import check_key, kinds
from silvercup.expressions.views import Namespace, View, bound, plain

MISSING: Final = object()
_MAX_PATH: Final = 1_000
_UNHASHABLE: Final = kinds(dict, list, set)
_SEQUENCES: Final = kinds(str, bytes, list, tuple, range)


def attribute(meter: Meter, value: Any, name: str) -> Any:
    """``value.name``, or ``MISSING``.

    Raises:
        ExpressionError: The name can't be reached from a template.
    """
    if isinstance(value, dict):
        return _of_dict(cast("dict[object, Any]", value), name)
    return _attribute(meter, value, name)


def item(meter: Meter, value: Any, key: Any) -> Any:
    """``value[key]``, or ``MISSING``.

    Raises:
        ExpressionError: The key can't be one, or the name can't be reached from a template.
    """
    if isinstance(key, slice):
        return subscript(meter, value, key)
    if isinstance(value, dict):
        if isinstance(key, _UNHASHABLE):
            return MISSING
        check_key(meter, key)
        pairs = cast("dict[object, Any]", value)
        if key in pairs:
            return pairs[key]
        return _of_dict(pairs, key) if isinstance(key, str) else MISSING
    if isinstance(value, View):
        found = _of_view(value.view_getitem, key)
        return _attribute(meter, value, key) if found is MISSING and isinstance(key, str) else found
    if isinstance(value, _SEQUENCES) and isinstance(key, int):
        items = cast("list[Any]", value)
        return items[key] if -len(items) <= key < len(items) else MISSING
    return _attribute(meter, value, key) if isinstance(key, str) else MISSING


def _of_dict(value: dict[object, Any], name: str) -> Any:
    method = METHODS["dict"].get(name)
    if method is not None and name not in MUTATORS:
        return bound(name, method, value)
    if name in value:
        return value[name]
    if method is not None:
        raise _changes(name)
    return MISSING


def _attribute(meter: Meter, value: Any, name: str) -> Any:
    if name.startswith("_"):
        raise ExpressionError(f"names that begin with '_' can't be reached: .{name[:100]}")
    if isinstance(value, View):
        return plain("get", value.view_get) if name == "get" else _of_view(value.view_getattr, name)
    if isinstance(value, Namespace):
        return value.members.get(name, MISSING)
    return _of_type(meter, value, name)


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ in PLACES else ""


def _of_type(meter: Meter, value: Any, name: str) -> Any:
    of = _type_name(value)
    if of == "str" and name == "format":
        return bound(name, format_text, value)
    method = METHODS.get(of, {}).get(name)
    if method is not None:
        if name in MUTATORS:
            raise _changes(name)
        return bound(name, method, value)
    if name in PROPERTIES.get(of, ()):
        meter.tick()
        return getattr(value, name)
    return MISSING


def _of_view(get: Callable[[Any], object], key: Any) -> Any:
    try:
        return get(key)
    except (LookupError, AttributeError, TypeError):
        return MISSING


def _changes(name: str) -> ExpressionError:
    return ExpressionError(
        f"{name}() changes a value in place, which a template can't: make a new one, as in"
        " {% set xs = xs + [x] %}, and keep it in a namespace() to set it from within a loop"
    )


def names_in(value: object) -> Collection[Any]:
    """The names that can be taken from a value, for messages."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).keys()
    if isinstance(value, Namespace):
        return value.members.keys()
    of = _type_name(value)
    return [*(name for name in METHODS.get(of, ()) if name not in MUTATORS), *PROPERTIES.get(of, ())]


def getter(dotted: str | int | None, default: Any = None) -> Callable[[Meter, Any], Any]:
    """A function from a value to what a filter's ``attribute="a.b.0"`` names in it.

    Args:
        dotted: Names and numbers with dots between, or one number; None is the value itself.
        default: What stands for something missing, where it is not None.
    """
    if dotted is None:
        return lambda _meter, value: value
    if not isinstance(dotted, str | int) or (isinstance(dotted, str) and len(dotted) > _MAX_PATH):
        raise ExpressionError(f"an attribute is a name or a number, of at most {_MAX_PATH} characters")
    parts: list[str | int] = [dotted]
    if isinstance(dotted, str):
        parts = [int(part) if part.isdecimal() else part for part in dotted.split(".")]

    def get(meter: Meter, value: Any) -> Any:
        for part in parts:
            meter.tick()
            if isinstance(value, Undefined):
                raise value.failure()
            found = item(meter, value, part)
            if found is MISSING:
                found = Undefined(str(dotted), names_in(value)) if default is None else default
            value = found
        return value

    return get
