"""JSON Schemas of arguments that several operations have."""

from __future__ import annotations

from silvercup.paging import MAX_LIMIT, MAX_OFFSET
from silvercup.values import JsonObject

_NAME_PATTERN = "^[a-zA-Z][a-zA-Z0-9_]*$"


def text(says: str, longest: int | None = None, *, shortest: int = 0) -> JsonObject:
    """A string."""
    schema: JsonObject = {"type": "string", "description": says}
    if longest is not None:
        schema["maxLength"] = longest
    return {**schema, "minLength": shortest} if shortest else schema


def uuid(says: str) -> JsonObject:
    """An id."""
    return {"type": "string", "format": "uuid", "description": says}


def obj(says: str) -> JsonObject:
    """An object."""
    return {"type": "object", "description": says}


def flag(says: str) -> JsonObject:
    """A boolean."""
    return {"type": "boolean", "description": says}


def number(says: str, least: float, most: float, *, whole: bool = False) -> JsonObject:
    """A number, or a whole one."""
    return {"type": "integer" if whole else "number", "minimum": least, "maximum": most, "description": says}


def choice(says: str, *values: str) -> JsonObject:
    """One of some strings."""
    return {"type": "string", "enum": list(values), "description": says}


def texts(says: str, most: int | None = None) -> JsonObject:
    """A string, or a list of them."""
    several: JsonObject = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    if most is not None:
        several["maxItems"] = most
    return {"anyOf": [{"type": "string"}, several], "description": says}


def canonical(says: str) -> JsonObject:
    """A canonical name."""
    return {"type": "string", "pattern": _NAME_PATTERN, "maxLength": 255, "description": says}


METADATA = obj("Any data of your own")
PROJECT = canonical("The canonical name of the project it belongs to")
LISTING: JsonObject = {
    "limit": number("How many at most; 100 when absent", 1, MAX_LIMIT, whole=True),
    "offset": number("How many to pass over", 0, MAX_OFFSET, whole=True),
    "sort_by": choice("Which time gives the order", "created_at", "updated_at"),
    "direction": choice("desc: the newest first, as when absent", "asc", "desc"),
    "metadata_filter": {
        "type": "object",
        "additionalProperties": {"type": ["string", "number", "boolean"]},
        "description": "Keys of metadata and what they must be; all must match",
    },
}
"""What every list takes."""
