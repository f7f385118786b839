"""JSON values: the type, compact text, and a hash that does not depend on key order."""

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
