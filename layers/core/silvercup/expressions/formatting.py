"""Text from values: ``str()``, f-string fields and ``%``, each measured before it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import GeneratorType
from typing import Any, Final, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.iteration import collect
from silvercup.expressions.limits import MAX_TEXT, Meter
from silvercup.expressions.sizes import CONTAINERS, kinds, weigh
from silvercup.expressions.views import View

_DIGITS = re.compile(r"\d+")
_DIRECTIVE = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?(?P<flags>[#0\- +]*)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+)?)?[hlL]?(?P<type>.|$)",
    re.DOTALL,
)
_MAX_TIME_FORMAT = 1000
_OBJECTS: Final = kinds(View, GeneratorType, *CONTAINERS)


def text_of(meter: Meter, value: object) -> str:
    """``str(value)``."""
    if isinstance(value, str):
        return value
    if isinstance(value, View):
        return text_of(meter, value.view_json())
    if isinstance(value, GeneratorType):
        return text_of(meter, collect(meter, cast("object", value)))
    if isinstance(value, CONTAINERS):
        weigh(meter, value, MAX_TEXT)
        plain = materialised(meter, value)
        if plain is not value:
            weigh(meter, plain, MAX_TEXT)
        return _checked(meter, str(plain))
    return _checked(meter, str(value))


def repr_of(meter: Meter, value: object) -> str:
    """``repr(value)``."""
    if isinstance(value, str):
        meter.text(len(value))
        return _checked(meter, repr(value))
    return text_of(meter, value) if isinstance(value, CONTAINERS) else _checked(meter, repr(value))


def materialised(meter: Meter, value: object) -> object:
    """The value with the views and generators in it replaced by what they stand for. Measure it first."""
    if isinstance(value, View):
        return materialised(meter, value.view_json())
    if isinstance(value, GeneratorType):
        return [materialised(meter, item) for item in collect(meter, cast("object", value))]
    if not isinstance(value, CONTAINERS) or not _holds_objects(value):
        return value
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value)
        return {key: materialised(meter, item) for key, item in pairs.items()}
    items = [materialised(meter, item) for item in collect(meter, value)]
    return tuple(items) if isinstance(value, tuple) else items


def _holds_objects(value: object) -> bool:
    members = (
        cast("dict[object, object]", value).values() if isinstance(value, dict) else cast("Iterator[object]", value)
    )
    return any(isinstance(member, _OBJECTS) for member in members)


def _checked(meter: Meter, text: str) -> str:
    meter.text(len(text))
    return text


def format_field(meter: Meter, value: Any, conversion: int, spec: str) -> str:
    """One field of an f-string.

    Args:
        meter: The evaluation's.
        value: What to write.
        conversion: As in ``ast.FormattedValue``: -1, or the code of ``s``, ``r`` or ``a``.
        spec: The evaluated format specification, without the colon.
    """
    if conversion == ord("s"):
        value = text_of(meter, value)
    elif conversion == ord("r"):
        value = repr_of(meter, value)
    elif conversion == ord("a"):
        value = _checked(meter, ascii(repr_of(meter, value)) if not isinstance(value, str) else ascii(value))
    if not spec:
        return text_of(meter, value)
    if isinstance(value, _OBJECTS):
        raise ExpressionError("a list, dict or set takes no format specification")
    size = sum(int(digits[:10]) for digits in _DIGITS.findall(spec))
    if not isinstance(value, str | int | float) and len(spec) > _MAX_TIME_FORMAT:
        raise ExpressionError("the format specification is too long")
    meter.text(size + len(spec))
    return _checked(meter, format(value, spec))


def percent(meter: Meter, template: str, values: Any) -> str:
    """``template % values``, directive by directive."""
    mapping = cast("dict[str, Any]", values) if isinstance(values, dict) else None
    several = cast("tuple[Any, ...]", values if isinstance(values, tuple) else (values,))
    waiting = iter(several)
    pieces: list[str] = []
    length = end = used = 0
    for found in _DIRECTIVE.finditer(template):
        meter.tick()
        piece, taken = _directive(meter, found, mapping, waiting)
        used += taken
        pieces += [template[end : found.start()], piece]
        end = found.end()
        length += len(piece)
        meter.text(length + end)
    if mapping is None and used < len(several):
        raise ExpressionError("not all arguments of `%` were used by the format")
    return "".join([*pieces, template[end:]])


def _directive(
    meter: Meter, found: re.Match[str], mapping: dict[str, Any] | None, waiting: Iterator[Any]
) -> tuple[str, int]:
    key, flags, width, precision, kind = found.group("key", "flags", "width", "precision", "type")
    if kind == "%":
        return "%", 0
    if "*" in {width, precision}:
        raise ExpressionError("`*` as a width is not supported: write the number, or an f-string")
    if not kind or kind not in "sradiouxXeEfFgGc":
        raise ExpressionError(f"`%{kind}` is not a format directive (write `%%` for a percent sign)")
    if key is not None:
        if mapping is None:
            raise ExpressionError("a format with `%(name)s` needs a dict")
        if key not in mapping:
            raise ExpressionError(f"the format names {key[:100]!r}, which is not in the dict")
        value: Any = mapping[key]
    elif mapping is not None:
        value = mapping
    else:
        value = next(waiting, waiting)
        if value is waiting:
            raise ExpressionError("not enough arguments for the format")
    meter.text(int((width or "0")[:10]) + int((precision or "0")[:10]))
    if kind == "s":
        value = text_of(meter, value)
    elif kind in "ra":
        value = repr_of(meter, value) if kind == "r" else _checked(meter, ascii(repr_of(meter, value)))
    shape = f"%{flags}{width or ''}{'.' + (precision or '') if '.' in found.group() else ''}{'s' if kind in 'sra' else kind}"
    return shape % (value,), 1
