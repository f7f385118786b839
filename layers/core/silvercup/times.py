"""Times: microseconds since the epoch inside, ISO 8601 in UTC outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(t_us: int) -> str:
    """The API's text for a time: always six decimals, always ``Z`` (``2025-05-23T12:54:24.565424Z``)."""
    return (_EPOCH + timedelta(microseconds=t_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def microseconds(time: datetime) -> int:
    """Microseconds since the epoch; a time without an offset is UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
