"""Items as DynamoDB sends them: each value with the name of its type.

========= ==================================================
ours      DynamoDB's
========= ==================================================
``str``   ``S``
``bool``  ``BOOL``
``int``   ``N``, at most 38 digits
``bytes`` ``B``
``set``   ``SS``, of strings; an empty one does not exist
``list``  ``L``
``dict``  ``M``
``None``  left out of an item; ``NULL`` inside a list or dict
========= ==================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from silvercup.errors import InternalError
from silvercup.storage import Item

LARGEST = 10**38
"""DynamoDB keeps 38 significant digits."""

type Wire = dict[str, Any]


def encode(item: Mapping[str, Any]) -> dict[str, Wire]:
    """An item in DynamoDB's form; ``None`` and empty sets are left out.

    Raises:
        InternalError: A value is of another type (a float, say); the message names the attribute.
    """
    wire: dict[str, Wire] = {}
    for name, value in item.items():
        if not absent(value):
            try:
                wire[name] = encode_value(value)
            except TypeError as error:
                raise InternalError(f"The attribute {name!r} can't be stored: {error}") from None
    return wire


def absent(value: Any) -> bool:
    """Whether a value means that there is no such attribute."""
    return value is None or (isinstance(value, set) and not value)


def encode_value(value: Any) -> Wire:
    """One value in DynamoDB's form.

    Raises:
        TypeError: It is not of a type of the table above.
    """
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            if not -LARGEST < value < LARGEST:
                raise TypeError("an integer of more than 38 digits")
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case list():
            return {"L": [encode_value(one) for one in cast("list[Any]", value)]}
        case dict():
            return {"M": {name: encode_value(one) for name, one in cast("dict[str, Any]", value).items()}}
        case bytes():
            return {"B": value}
        case set() if value and all(isinstance(one, str) for one in cast("set[Any]", value)):
            return {"SS": sorted(cast("set[str]", value))}
        case _:
            raise TypeError(f"a value of type {type(value).__name__} in it")


def decode(wire: Mapping[str, Any]) -> Item:
    """The item that DynamoDB sent."""
    return {name: decode_value(value) for name, value in wire.items()}


def decode_value(wire: Mapping[str, Any]) -> Any:
    """The value that DynamoDB sent; a number that is no integer is an error, since we never write one."""
    ((kind, value),) = wire.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value)
        case "B":
            return bytes(value)
        case "SS":
            return set(value)
        case "L":
            return [decode_value(one) for one in value]
        case "M":
            return decode(value)
        case "NULL":
            return None
        case _:
            raise InternalError(f"An item holds a value of DynamoDB's type {kind}, which Silvercup never writes")
