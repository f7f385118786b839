"""The fields of a request that a definition or a call gives: what each may be, and as what it is sent.

``*_problem`` says what is wrong with a field, if anything, as it goes on after the field's name; what has no problem can be sent.
"""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import urlencode

from silvercup.tools.outgoing import METHODS
from silvercup.values import JsonObject, kind_of

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A place of a URL that an argument fills."""
REFUSED = frozenset({"files", "auth"})
"""Fields of v1 that this version does not send."""
_COOKIE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def method_problem(method: object) -> str | None:
    """What is wrong with a request's method; its case does not count."""
    if isinstance(method, str) and method.upper() in METHODS:
        return None
    return f"{method!r} is not one of {', '.join(sorted(METHODS))}"


def text_problem(value: object) -> str | None:
    """What is wrong with what is sent as a text."""
    if isinstance(value, str | int | float):
        return None
    return f"must be a string, a number or a boolean; it is {kind_of(value)}"


def text(value: Any) -> str:
    """A string, a number or a boolean as a text."""
    return str(value).lower() if isinstance(value, bool) else str(value).encode("utf-8", "replace").decode()


def pair_problem(value: object) -> str | None:
    """What is wrong with what stands under a name of a query or a form; null leaves it out, and a list gives the name several times."""
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    return next((why for one in several if value is not None and (why := text_problem(one))), None)


def encoded(pairs: JsonObject) -> str:
    """A query or a form whose values have no problem."""
    found: list[tuple[str, str]] = []
    for key, value in pairs.items():
        several = cast("list[Any]", value) if isinstance(value, list) else [value]
        found += [(key, text(item)) for item in several if value is not None]
    return urlencode(found)


def cookie_problem(name: str, value: object) -> str | None:
    """What is wrong with a cookie."""
    why = text_problem(value)
    if why is None and not (_COOKIE_NAME.fullmatch(name) and _COOKIE.fullmatch(text(value))):
        why = "has characters that no cookie can hold"
    return why


def timeout_problem(seconds: object) -> str | None:
    """What is wrong with a timeout."""
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return None
    return f"must be a number of seconds above 0; it is {seconds!r}"
