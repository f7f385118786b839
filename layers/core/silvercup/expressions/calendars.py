"""The modules ``datetime`` and ``time``."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.views import Function, Namespace, plain

_MAX_FORMAT = 100
_MAX_SUBJECT = 1000
_MAX_STRFTIME = 1000


def _reading(name: str, parse: Callable[[str, str], Any]) -> Function:
    def call(text: str, form: str) -> Any:
        if len(form) > _MAX_FORMAT or len(text) > _MAX_SUBJECT:
            raise ExpressionError(
                f"{name}() takes a format of at most {_MAX_FORMAT} and a text of at most {_MAX_SUBJECT:,} characters"
            )
        return parse(text, form)

    return plain(name, call)


def _strftime(form: str, *moment: Any) -> str:
    if len(form) > _MAX_STRFTIME:
        raise ExpressionError(f"time.strftime() takes a format of at most {_MAX_STRFTIME:,} characters")
    return time.strftime(form, *moment)


def _now(tz: timezone | None = None) -> datetime:
    return datetime.now(tz)


def _utcnow() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _class(
    name: str, kind: Callable[..., Any], members: dict[str, Callable[..., Any]], constants: dict[str, object]
) -> Namespace:
    made = {method: plain(f"{name}.{method}", call) for method, call in members.items()}
    return Namespace(name, {**made, **constants}, plain(name, kind))


_TIMEZONE: Final = _class("datetime.timezone", timezone, {}, {"utc": UTC})
_DELTA: Final = _class(
    "datetime.timedelta",
    timedelta,
    {},
    {"min": timedelta.min, "max": timedelta.max, "resolution": timedelta.resolution},
)
_DATE: Final = _class(
    "datetime.date",
    date,
    {
        "today": date.today,
        "fromisoformat": date.fromisoformat,
        "fromtimestamp": date.fromtimestamp,
        "fromordinal": date.fromordinal,
    },
    {"min": date.min, "max": date.max},
)
_TIME: Final = _class(
    "datetime.time", clock, {"fromisoformat": clock.fromisoformat}, {"min": clock.min, "max": clock.max}
)
_READING: Final = _reading("datetime.strptime", datetime.strptime)

_MOMENTS: Final[dict[str, Callable[..., Any]]] = {
    "now": _now,
    "utcnow": _utcnow,
    "today": datetime.today,
    "fromisoformat": datetime.fromisoformat,
    "fromtimestamp": datetime.fromtimestamp,
    "fromordinal": datetime.fromordinal,
    "combine": datetime.combine,
}
_TYPES: Final[dict[str, object]] = {
    "date": _DATE,
    "time": _TIME,
    "timedelta": _DELTA,
    "timezone": _TIMEZONE,
    "UTC": UTC,
}
_CONSTANTS: Final[dict[str, object]] = {"strptime": _READING, **_TYPES}

_INNER: Final = _class(
    "datetime.datetime", datetime, _MOMENTS, {**_CONSTANTS, "datetime": plain("datetime.datetime", datetime)}
)
DATETIME: Final = Namespace("datetime", {**_INNER.members, "datetime": _INNER}, _INNER.constructor)
"""Both ``datetime.datetime.now()`` and, as v1's documents wrote it, ``datetime.now()``."""

TIME: Final = Namespace(
    "time",
    {
        "time": plain("time.time", time.time),
        "strftime": plain("time.strftime", _strftime),
        "strptime": _reading("time.strptime", time.strptime),
    },
)
