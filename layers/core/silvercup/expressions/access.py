"""Attributes and subscripts: what may be taken from which value."""

from __future__ import annotations

import keyword
import re
from typing import Any, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import Meter
from silvercup.expressions.methods import METHODS, PLACES, PROPERTIES
from silvercup.expressions.operators import charge_built
from silvercup.expressions.sizes import check_key
from silvercup.expressions.views import Namespace, View, bound, kind, missing, plain

_OUTSIDE = re.compile(r"[^A-Za-z0-9_]+")


def attribute(meter: Meter, value: Any, name: str) -> Any:
    """``value.name``. On a dict a method's name wins, then the key.

    Raises:
        ExpressionError: There is no such attribute, or it can't be reached.
    """
    if name.startswith("_"):
        raise ExpressionError(f"attributes that begin with '_' can't be reached: .{name} (for a key write ['{name}'])")
    if isinstance(value, dict):
        return _of_dict(meter, cast("dict[object, Any]", value), name)
    if isinstance(value, View):
        return plain("get", value.view_get) if name == "get" else _of_view(value, name)
    if isinstance(value, Namespace):
        if name not in value.members:
            raise missing(f"attribute in {value.name}:", name, value.members.keys())
        return value.members[name]
    return _of_type(value, name)


def _of_view(view: View, name: str) -> Any:
    try:
        return view.view_getattr(name)
    except (LookupError, AttributeError) as error:
        raise _absent(error, f"{view!r} has no attribute {name!r}") from None


def _absent(error: Exception, otherwise: str) -> ExpressionError:
    """What a view said, unless it was Python's own message."""
    text = error.args[0] if error.args and isinstance(error.args[0], str) else ""
    own = " " in text and not isinstance(error, IndexError) and getattr(error, "obj", None) is None
    return ExpressionError(text if own else otherwise)


def _of_dict(meter: Meter, value: dict[object, Any], name: str) -> Any:
    method = METHODS["dict"].get(name)
    if method is not None:
        return bound(name, method, value)
    if name in value:
        return value[name]
    for key, item in value.items():
        meter.tick()
        if isinstance(key, str) and len(key) <= 200 and safe_name(key) == name:
            return item
    raise missing("key", name, _keys(value))


def _keys(value: dict[object, Any]) -> list[str]:
    return [str(key) for key in list(value)[:500] if isinstance(key, str | int)]


def safe_name(key: str) -> str:
    """The attribute under which a key that is no identifier is found: ``a b`` as ``a_b``, ``1st`` as ``x1st``."""
    name = _OUTSIDE.sub("_", key).strip("_")
    return f"x{name}" if name[:1].isdigit() or keyword.iskeyword(name) else name


def _type_name(value: object) -> str | None:
    kind_of = type(value)
    return kind_of.__name__ if kind_of.__module__ in PLACES else None


def _of_type(value: Any, name: str) -> Any:
    of = _type_name(value)
    if of is not None and name in METHODS.get(of, {}):
        return bound(name, METHODS[of][name], value)
    if of is not None and name in PROPERTIES.get(of, ()):
        return getattr(value, name)
    if of == "timezone" and name == "utc":
        return value
    if value is None:
        raise ExpressionError(f"there is nothing to take '.{name}' of: the value is null")
    there = {*METHODS.get(of or "", {}), *PROPERTIES.get(of or "", ())} - {"format"}
    if isinstance(value, list):
        raise ExpressionError(f"a list has no attribute {name!r}: take an element first, as in x[0].{name}")
    raise missing(f"attribute of {kind(value)}:", name, sorted(there))


def subscript(meter: Meter, value: Any, key: Any) -> Any:
    """``value[key]``.

    Raises:
        ExpressionError: There is no such item.
    """
    if isinstance(value, dict):
        return _item(meter, cast("dict[object, Any]", value), key)
    if isinstance(value, View):
        try:
            return value.view_getitem(key)
        except (LookupError, AttributeError) as error:
            raise _absent(error, f"{value!r} has no item {_shown(key)}") from None
    if value is None:
        raise ExpressionError(f"there is nothing to take [{_shown(key)}] of: the value is null")
    if not isinstance(value, (str, bytes, list, tuple, range)):
        raise ExpressionError(f"{kind(value)} can't be indexed with [{_shown(key)}]")
    items = cast("list[Any]", value)
    if isinstance(key, slice):
        return charge_built(meter, items[key])
    if not isinstance(key, int):
        raise ExpressionError(f"{kind(items)} is indexed by numbers, not by {_shown(key)}")
    if not -len(items) <= key < len(items):
        raise ExpressionError(f"index {_shown(key)} is out of range: the length is {len(items)}")
    return items[key]


def _item(meter: Meter, value: dict[object, Any], key: Any) -> Any:
    if isinstance(key, slice):
        raise ExpressionError("a dict can't be sliced")
    check_key(meter, key)
    if key in value:
        return value[key]
    raise missing("key", key if isinstance(key, str) else _shown(key), _keys(value))


def _shown(key: object) -> str:
    if isinstance(key, str):
        return repr(key[:100])
    if isinstance(key, int) and key.bit_length() < 64:
        return str(key)
    return f"a {type(key).__name__}"


def has(meter: Meter, value: object, name: str) -> bool:
    """``hasattr(value, name)`` by the same rules."""
    try:
        attribute(meter, value, name)
    except ExpressionError:
        return False
    return True
