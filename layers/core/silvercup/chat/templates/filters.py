"""Filters on lists and dicts, and the table of all filters.

They differ from Jinja2's in one thing: where Jinja2's answer an iterator, these answer a list. Left out is what makes HTML
(``urlize``, ``xmlattr``) or shows Python (``pprint``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from silvercup.chat.templates.checks import TESTS, required
from silvercup.chat.templates.filters_numbers import NUMBER_FILTERS
from silvercup.chat.templates.filters_text import TEXT_FILTERS
from silvercup.chat.templates.lookup import MISSING, attribute, getter, names_in
from silvercup.chat.templates.values import Group, Undefined
from silvercup.errors import ExpressionError
from silvercup.expressions.formatting import text_of
from silvercup.expressions.functions import FUNCTIONS
from silvercup.expressions.iteration import collect, extreme, iterate, make_set, order
from silvercup.expressions.limits import Meter
from silvercup.expressions.methods import METHODS
from silvercup.expressions.numbers import RANDOM
from silvercup.expressions.sizes import check_key, equal, kinds, less
from silvercup.expressions.views import Function, invoke, kind, suggest

_SEQUENCES: Final = kinds(str, list, tuple, range)


def _folded(meter: Meter, value: Any) -> Any:
    return METHODS["str"]["lower"](meter, value) if isinstance(value, str) else value


def _key(dotted: str | int | None, case_sensitive: object, default: Any = None) -> Function:
    """A function from an item to what it is compared by."""
    get = getter(dotted, default)

    def call(meter: Meter, item: Any) -> Any:
        found = get(meter, item)
        return found if case_sensitive else _folded(meter, found)

    return Function("attribute", call)


def _keys(dotted: str | int | None, case_sensitive: object) -> Function:
    """The same for several attributes with commas between, as a tuple: equal ones need no order."""
    parts = dotted.split(",") if isinstance(dotted, str) else [dotted]
    keys = [_key(part, case_sensitive) for part in parts]

    def call(meter: Meter, item: Any) -> Any:
        return tuple(invoke(meter, key, item) for key in keys)

    return Function("attribute", call)


def _batch(meter: Meter, value: Any, linecount: int, fill_with: Any = None) -> list[list[Any]]:
    items = collect(meter, value)
    if linecount < 1:
        raise ExpressionError("batch() needs a size of at least 1")
    meter.items(len(items) // linecount + 1, 80)
    meter.items(len(items))
    made = [items[at : at + linecount] for at in range(0, len(items), linecount)]
    if made and fill_with is not None:
        missing = linecount - len(made[-1])
        meter.items(missing)
        made[-1] += [fill_with] * missing
    return made


def _slice(meter: Meter, value: Any, slices: int, fill_with: Any = None) -> list[list[Any]]:
    items = collect(meter, value)
    if slices < 1:
        raise ExpressionError("slice() needs a number of at least 1")
    meter.items(slices, 120)
    meter.items(len(items))
    each, longer = divmod(len(items), slices)
    made: list[list[Any]] = []
    at = 0
    for index in range(slices):
        size = each + (index < longer)
        made.append(items[at : at + size])
        if fill_with is not None and index >= longer:
            made[-1].append(fill_with)
        at += size
    return made


def _default(_meter: Meter, value: Any, default_value: Any = "", boolean: object = False) -> Any:
    return default_value if isinstance(value, Undefined) or (boolean and not value) else value


def _pairs(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ExpressionError(f"a dict is needed, not {kind(value)}")
    return cast("dict[Any, Any]", value).items()


def _items(meter: Meter, value: Any) -> list[Any]:
    return [] if isinstance(value, Undefined) else collect(meter, _pairs(value))


def _dictsort(
    meter: Meter, value: Any, case_sensitive: object = False, by: str = "key", reverse: object = False
) -> list[Any]:
    required(value)
    if by not in {"key", "value"}:
        raise ExpressionError("dictsort() sorts by 'key' or by 'value'")
    return order(meter, _pairs(value), _key(0 if by == "key" else 1, case_sensitive), reverse=reverse)


def _sort(
    meter: Meter,
    value: Any,
    reverse: object = False,
    case_sensitive: object = False,
    attribute: str | int | None = None,
) -> list[Any]:
    return order(meter, value, _keys(attribute, case_sensitive), reverse=reverse)


def _unique(meter: Meter, value: Any, case_sensitive: object = False, attribute: str | int | None = None) -> list[Any]:
    key = _key(attribute, case_sensitive)
    seen = make_set(meter, ())
    made: list[Any] = []
    for item in iterate(meter, value):
        found = invoke(meter, key, item)
        check_key(meter, found)
        if found not in seen:
            meter.charge(100)
            seen.add(found)
            made.append(item)
    return made


def _groupby(
    meter: Meter, value: Any, attribute: str | int, default: Any = None, case_sensitive: object = False
) -> list[Group]:
    key = _key(attribute, case_sensitive, default)
    groups: list[tuple[Any, list[Any]]] = []
    for item in order(meter, value, key):
        found = invoke(meter, key, item)
        meter.charge(100)
        if groups and equal(meter, groups[-1][0], found):
            groups[-1][1].append(item)
        else:
            groups.append((found, [item]))
    get = getter(attribute, default)
    return [Group(get(meter, items[0]), items) for _, items in groups]


def _choose(name: str) -> Function:
    def better(meter: Meter) -> Callable[[Any, Any], bool]:
        return lambda left, right: less(meter, right, left) if name == "max" else less(meter, left, right)

    def call(meter: Meter, value: Any, case_sensitive: object = False, attribute: str | int | None = None) -> Any:
        items = collect(meter, value)
        if not items:
            return Undefined(f"{name} of an empty list")
        return extreme(meter, items, _key(attribute, case_sensitive), better(meter))

    return Function(name, call)


def _join(meter: Meter, value: Any, d: Any = "", attribute: str | int | None = None) -> str:
    get = getter(attribute)
    parts = (text_of(meter, get(meter, item)) for item in iterate(meter, value))
    return METHODS["str"]["join"](meter, text_of(meter, d), parts)


def _length(_meter: Meter, value: Any) -> int:
    return FUNCTIONS["len"].call(_meter, value)


def _first(meter: Meter, value: Any) -> Any:
    for item in iterate(meter, value):
        return item
    return Undefined("first item of an empty list")


def _last(meter: Meter, value: Any) -> Any:
    items = value if isinstance(value, _SEQUENCES) else collect(meter, value)
    return items[-1] if items else Undefined("last item of an empty list")


def _random(meter: Meter, value: Any) -> Any:
    items = value if isinstance(value, _SEQUENCES) else collect(meter, value)
    return invoke(meter, RANDOM.members["choice"], items) if items else Undefined("random item of an empty list")


def _list(meter: Meter, value: Any) -> list[Any]:
    return collect(meter, value)


def _reverse(meter: Meter, value: Any) -> Any:
    if isinstance(value, str):
        meter.text(len(value))
        return value[::-1]
    return collect(meter, value)[::-1]


def _map(meter: Meter, value: Any, *args: Any, **named: Any) -> list[Any]:
    if args:
        call = _named(FILTERS, "filter", args[0])
        return _collected(meter, (invoke(meter, call, item, *args[1:], **named) for item in iterate(meter, value)))
    if "attribute" not in named or set(named) - {"attribute", "default"}:
        raise ExpressionError("map() needs the name of a filter, or attribute='...' and perhaps default=...")
    key = _key(named["attribute"], case_sensitive=True, default=named.get("default"))
    return _collected(meter, (invoke(meter, key, item) for item in iterate(meter, value)))


def _collected(meter: Meter, items: Iterator[Any]) -> list[Any]:
    made: list[Any] = []
    for item in items:
        meter.charge(16)
        made.append(item)
    return made


def _named(table: dict[str, Function], what: str, name: Any) -> Function:
    if not isinstance(name, str) or name not in table:
        hint = suggest(name, table) if isinstance(name, str) else None
        raise ExpressionError(f"No {what} named {str(name)[:60]!r}.{' ' + hint if hint else ''}")
    return table[name]


def _selecting(name: str, *, wanted: bool, by_attribute: bool) -> Function:
    def call(meter: Meter, value: Any, *args: Any, **named: Any) -> list[Any]:
        if by_attribute and not args:
            raise ExpressionError(f"{name}() needs the name of an attribute")
        dotted, rest = (args[0], args[1:]) if by_attribute else (None, args)
        get = getter(dotted)
        test = _named(TESTS, "test", rest[0]) if rest else None

        def holds(item: Any) -> bool:
            found = get(meter, item)
            return bool(found if test is None else invoke(meter, test, found, *rest[1:], **named)) is wanted

        return _collected(meter, (item for item in iterate(meter, value) if holds(item)))

    return Function(name, call)


def _sum(meter: Meter, value: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    get = getter(attribute)
    values = (get(meter, item) for item in iterate(meter, value))
    return FUNCTIONS["sum"].call(meter, _collected(meter, values), start)


def _attr(meter: Meter, value: Any, name: Any) -> Any:
    required(value)
    found = attribute(meter, value, text_of(meter, name))
    return Undefined(text_of(meter, name), names_in(value)) if found is MISSING else found


_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "attr": _attr,
    "batch": _batch,
    "count": _length,
    "d": _default,
    "default": _default,
    "dictsort": _dictsort,
    "first": _first,
    "groupby": _groupby,
    "items": _items,
    "join": _join,
    "last": _last,
    "length": _length,
    "list": _list,
    "map": _map,
    "random": _random,
    "reverse": _reverse,
    "slice": _slice,
    "sort": _sort,
    "sum": _sum,
    "unique": _unique,
}

FILTERS: Final[dict[str, Function]] = {
    **TEXT_FILTERS,
    **NUMBER_FILTERS,
    **{name: Function(name, call) for name, call in _CALLS.items()},
    "max": _choose("max"),
    "min": _choose("min"),
    "select": _selecting("select", wanted=True, by_attribute=False),
    "selectattr": _selecting("selectattr", wanted=True, by_attribute=True),
    "reject": _selecting("reject", wanted=False, by_attribute=False),
    "rejectattr": _selecting("rejectattr", wanted=False, by_attribute=True),
}
