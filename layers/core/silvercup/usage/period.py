"""The days that a sum is over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from silvercup.errors import InvalidRequest
from silvercup.times import microseconds

MAX_DAYS = 92
USUAL_DAYS = 30
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAY_US = 86_400_000_000
_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Period:
    """Days in UTC, both ends in it.

    Attributes:
        start: The first day.
        end: The last day.

    Raises:
        InvalidRequest: It ends before it starts, is longer than ``MAX_DAYS``, or is not between the years 2000 and 2999.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if not (_FIRST <= self.start <= _LAST and _FIRST <= self.end <= _LAST):
            raise InvalidRequest(f"start and end must be days from {_FIRST} to {_LAST}; they are {self._said}")
        if self.end < self.start:
            raise InvalidRequest(f"start must be a day before end, or the same; they are {self._said}")
        if self.days > MAX_DAYS:
            raise InvalidRequest(
                f"From start to end there may be {MAX_DAYS} days; {self._said} are {self.days:,}: ask for parts of them"
            )

    @classmethod
    def of(cls, start: str | None, end: str | None, today: date) -> Period:
        """The period of a request.

        Args:
            start: The first day, ``YYYY-MM-DD``; ``USUAL_DAYS`` days up to ``end`` when absent.
            end: The last day; today when absent.
            today: In UTC.

        Raises:
            InvalidRequest: See ``Period``; or one of them is no date.
        """
        last = today if end is None else _day("end", end)
        if start is not None:
            return cls(_day("start", start), last)
        earlier = min(USUAL_DAYS - 1, max((last - _FIRST).days, 0))
        return cls(last - timedelta(earlier), last)

    @property
    def days(self) -> int:
        """How many days."""
        return (self.end - self.start).days + 1

    @property
    def months(self) -> Iterator[str]:
        """The months that the days are in, ``YYYY-MM``."""
        first, last = (day.year * 12 + day.month - 1 for day in (self.start, self.end))
        return (f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(first, last + 1))

    @property
    def bounds(self) -> tuple[str, str]:
        """Range keys of the index before and behind all of the days'."""
        after = microseconds(_midnight(self.start))
        return f"{after:017d}", f"{microseconds(_midnight(self.end)) + _DAY_US:017d}"

    @property
    def _said(self) -> str:
        return f"{self.start} to {self.end}"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(name: str, text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidRequest(f"{name} must be a day as YYYY-MM-DD (2026-01-31), in UTC; it is {text[:40]!r}")
