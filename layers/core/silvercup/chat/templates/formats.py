"""``'{} and {name:>8}'.format(...)``, field by field, without the attributes and items that Python's own would reach."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.formatting import format_field
from silvercup.expressions.limits import Meter

_PARSER: Final = string.Formatter()


def format_text(meter: Meter, template: str, /, *args: Any, **named: Any) -> str:
    """``template.format(*args, **named)``.

    Raises:
        ExpressionError: A field is not given, or is more than a name or number.
    """
    pieces: list[str] = []
    length = 0
    counted = 0
    for literal, field, spec, conversion in _PARSER.parse(template):
        meter.tick()
        pieces.append(literal)
        if field is not None:
            if not field:
                field, counted = str(counted), counted + 1  # noqa: PLW2901
            if spec and "{" in spec:
                raise ExpressionError("format() takes no field within a field")
            if conversion and conversion not in "sra":
                raise ExpressionError(f"format() knows the conversions !s, !r and !a, not !{conversion}")
            value = _field(field, args, named)
            pieces.append(format_field(meter, value, ord(conversion) if conversion else -1, spec or ""))
            length += len(pieces[-1])
        length += len(literal)
        meter.text(length)
    return "".join(pieces)


def _field(field: str, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
    if "." in field or "[" in field:
        raise ExpressionError(f"format() takes plain names: give it the value of {field[:100]!r}")
    if field.isdecimal() and len(field) < 6:
        if int(field) >= len(args):
            raise ExpressionError(f"format() was given {len(args)} values, the text has a field {field}")
        return args[int(field)]
    if field not in named:
        raise ExpressionError(f"format() was not given {field[:100]!r}")
    return named[field]
