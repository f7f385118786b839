"""JSON values: the type, its words, compact text, and a hash that does not depend on key order."""

from __future__ import annotations

import hashlib
import json
from typing import Any

type Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
type JsonObject = dict[str, Any]


def dumps(value: Any) -> str:
    """Compact JSON text.

    Raises:
        ValueError: The value holds NaN or an infinity, which JSON has no word for.
        TypeError: The value holds something that is not JSON.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def loads(text: str | bytes) -> Any:
    """The value of a JSON text that we wrote ourselves."""
    return json.loads(text)


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON text: keys sorted, no white space."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def kind_of(value: object) -> str:
    """JSON's word for a value's type, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string" if value else "an empty string"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "an object" if value else "an empty object"
