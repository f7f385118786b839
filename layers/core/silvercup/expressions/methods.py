"""The methods and attributes that values of each type have; what is not named here can't be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions import iteration
from silvercup.expressions.iteration import collect, iterate, make_set, update_dict
from silvercup.expressions.limits import MAX_ITEMS, Meter
from silvercup.expressions.methods_text import TEXT
from silvercup.expressions.operators import charge_built
from silvercup.expressions.sizes import check_key

type Method = Callable[..., Any]
_NONE: Final = object()


def simple(name: str) -> Method:
    """A method that builds nothing larger than what it is given."""

    def call(meter: Meter, value: Any, *args: Any, **kwargs: Any) -> Any:
        result = getattr(value, name)(*args, **kwargs)
        return result if result is value else charge_built(meter, result)

    return call


def _append(meter: Meter, value: list[Any], item: object) -> None:
    _grow(meter, len(value) + 1, 1)
    value.append(item)


def _insert(meter: Meter, value: list[Any], index: int, item: object) -> None:
    _grow(meter, len(value) + 1, 1)
    value.insert(index, item)


def _extend(meter: Meter, value: list[Any], items: object) -> None:
    more = collect(meter, items)
    _grow(meter, len(value) + len(more), len(more))
    value.extend(more)


def _grow(meter: Meter, size: int, by: int) -> None:
    if size > MAX_ITEMS:
        meter.items(size)
    meter.charge(16 * by)


def _remove(meter: Meter, value: list[Any], item: object) -> None:
    del value[iteration.position(meter, value, item)]


def _sort(meter: Meter, value: list[Any], *, key: object = None, reverse: object = False) -> None:
    value[:] = iteration.order(meter, value, key, reverse=reverse)


def _get(meter: Meter, value: dict[Any, Any], key: object, default: object = None) -> Any:
    check_key(meter, key)
    return value.get(key, default)


def _pop(meter: Meter, value: dict[Any, Any], key: object, default: object = _NONE) -> Any:
    check_key(meter, key)
    if default is not _NONE:
        return value.pop(key, default)
    if key not in value:
        raise ExpressionError("pop(): no such key; give a default")
    return value.pop(key)


def _setdefault(meter: Meter, value: dict[Any, Any], key: object, default: object = None) -> Any:
    check_key(meter, key)
    _grow(meter, len(value) + 1, 8)
    return value.setdefault(key, default)


def _update(meter: Meter, value: dict[Any, Any], items: object = (), **named: Any) -> None:
    update_dict(meter, value, items, named)


def _set_add(meter: Meter, value: set[Any], item: object) -> None:
    check_key(meter, item)
    _grow(meter, len(value) + 1, 8)
    value.add(item)


def _set_update(meter: Meter, value: set[Any], *others: object) -> None:
    for other in others:
        for item in iterate(meter, other):
            _set_add(meter, value, item)


def _set_discard(meter: Meter, value: set[Any], item: object) -> None:
    check_key(meter, item)
    value.discard(item)


def _set_remove(meter: Meter, value: set[Any], item: object) -> None:
    check_key(meter, item)
    if item not in value:
        raise ExpressionError("remove(): the value is not in the set")
    value.remove(item)


def _set_method(name: str) -> Method:
    def call(meter: Meter, value: set[Any], *others: object) -> Any:
        return charge_built(meter, getattr(value, name)(*(make_set(meter, other) for other in others)))

    return call


_LIST: Final[dict[str, Method]] = {
    "append": _append,
    "clear": simple("clear"),
    "copy": simple("copy"),
    "count": iteration.occurrences,
    "extend": _extend,
    "index": iteration.position,
    "insert": _insert,
    "pop": simple("pop"),
    "remove": _remove,
    "reverse": simple("reverse"),
    "sort": _sort,
}
_DICT: Final[dict[str, Method]] = {
    "clear": simple("clear"),
    "copy": simple("copy"),
    "get": _get,
    "items": simple("items"),
    "keys": simple("keys"),
    "pop": _pop,
    "popitem": simple("popitem"),
    "setdefault": _setdefault,
    "update": _update,
    "values": simple("values"),
}
_SET: Final[dict[str, Method]] = {
    "add": _set_add,
    "clear": simple("clear"),
    "copy": simple("copy"),
    "difference": _set_method("difference"),
    "discard": _set_discard,
    "intersection": _set_method("intersection"),
    "isdisjoint": _set_method("isdisjoint"),
    "issubset": _set_method("issubset"),
    "issuperset": _set_method("issuperset"),
    "pop": simple("pop"),
    "remove": _set_remove,
    "symmetric_difference": _set_method("symmetric_difference"),
    "union": _set_method("union"),
    "update": _set_update,
}


def _encoding(name: str) -> Method:
    def call(meter: Meter, value: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
        if not isinstance(encoding, str) or encoding.lower() not in {"utf-8", "utf8", "ascii", "latin-1", "utf-16"}:
            raise ExpressionError(f"{name}(): the encoding must be utf-8, ascii, latin-1 or utf-16")
        if errors not in {"strict", "ignore", "replace"}:
            raise ExpressionError(f"{name}(): errors must be strict, ignore or replace")
        return charge_built(meter, getattr(value, name)(encoding, errors))

    return call


def _strftime(_meter: Meter, value: Any, form: str) -> str:
    if not isinstance(form, str) or len(form) > 1000:
        raise ExpressionError("strftime() takes a format of at most 1,000 characters")
    return value.strftime(form)


def _simple(names: str) -> dict[str, Method]:
    return {name: simple(name) for name in names.split()}


_DATE: Final = {
    "strftime": _strftime,
    **_simple("replace isoformat weekday isoweekday isocalendar toordinal timetuple ctime"),
}
_DATETIME: Final = {
    **_DATE,
    **_simple("date time timetz timestamp astimezone utcoffset tzname dst utctimetuple"),
}

METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    "str": {**TEXT, "encode": _encoding("encode")},
    "bytes": {"decode": _encoding("decode"), "hex": simple("hex")},
    "list": _LIST,
    "dict": _DICT,
    "set": _SET,
    "frozenset": {
        name: method
        for name, method in _SET.items()
        if name[:2] in {"is", "di", "in", "un", "sy", "co"} and name != "discard"
    },
    "tuple": {"count": iteration.occurrences, "index": iteration.position},
    "range": {"count": iteration.occurrences, "index": simple("index")},
    "int": _simple("bit_length bit_count conjugate as_integer_ratio is_integer"),
    "bool": _simple("bit_length bit_count conjugate as_integer_ratio is_integer"),
    "float": _simple("is_integer hex as_integer_ratio conjugate"),
    "datetime": _DATETIME,
    "date": _DATE,
    "time": {"strftime": _strftime, **_simple("replace isoformat utcoffset tzname dst")},
    "timedelta": _simple("total_seconds"),
    "timezone": _simple("utcoffset tzname"),
    "ParseResult": _simple("geturl"),
    "SplitResult": _simple("geturl"),
}
"""By the name of the type; the types of one name are told apart by ``PLACES``."""

_CALENDAR: Final = "year month day"
_CLOCK: Final = "hour minute second microsecond tzinfo fold"
_ADDRESS: Final = "scheme netloc path query fragment hostname port username password"

PROPERTIES: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(text.split())
    for name, text in {
        "int": "real imag numerator denominator",
        "bool": "real imag numerator denominator",
        "float": "real imag",
        "range": "start stop step",
        "datetime": f"{_CALENDAR} {_CLOCK}",
        "date": _CALENDAR,
        "time": _CLOCK,
        "timedelta": "days seconds microseconds",
        "IsoCalendarDate": "year week weekday",
        "struct_time": "tm_year tm_mon tm_mday tm_hour tm_min tm_sec tm_wday tm_yday tm_isdst tm_zone tm_gmtoff",
        "ParseResult": f"{_ADDRESS} params",
        "SplitResult": _ADDRESS,
    }.items()
}

PLACES: Final = frozenset({"builtins", "datetime", "time", "urllib.parse"})
"""The modules of those types."""

MUTATORS: Final = frozenset(
    "append extend insert remove pop popitem clear update setdefault sort reverse add discard writerow writerows".split()
)
ANY_METHOD: Final = frozenset(name for table in METHODS.values() for name in table)
