"""The days of a request: usual ones, months, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import InvalidRequest
from silvercup.times import microseconds
from silvercup.usage.period import MAX_DAYS, Period

TODAY = date(2026, 3, 15)
DAYS = st.dates(date(2000, 1, 1), date(2999, 9, 1))


def test_the_usual_days_are_the_last_thirty():
    assert Period.of(None, None, TODAY) == Period(date(2026, 2, 14), TODAY)
    assert Period.of(None, None, TODAY).days == 30
    assert Period.of(None, "2025-12-31", TODAY) == Period(date(2025, 12, 2), date(2025, 12, 31))
    assert Period.of("2026-03-01", None, TODAY) == Period(date(2026, 3, 1), TODAY)
    assert Period.of("2024-02-29", "2024-02-29", TODAY).days == 1
    assert Period.of(None, "2000-01-01", TODAY).days == 1


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("yesterday", None, "start must be a day as YYYY-MM-DD (2026-01-31), in UTC; it is 'yesterday'"),
        (None, "2026-02-30", "end must be a day"),
        ("20260101", None, "start must be a day"),
        ("2026-W01-1", None, "start must be a day"),
        ("2026-1-1", None, "start must be a day"),
        ("٢٠٢٦-01-01", None, "start must be a day"),
        ("", None, "start must be a day"),
        ("2026-01-01T00:00", None, "start must be a day"),
        ("2026-03-02", "2026-03-01", "start must be a day before end, or the same; they are 2026-03-02 to 2026-03-01"),
        ("2026-04-01", None, "start must be a day before end"),
        ("2025-01-01", "2025-04-03", "there may be 92 days; 2025-01-01 to 2025-04-03 are 93: ask for parts"),
        ("2000-01-01", "2999-12-31", "there may be 92 days"),
        ("0001-01-01", "0001-01-02", "from 2000-01-01 to 2999-12-31"),
        (None, "0001-01-01", "from 2000-01-01 to 2999-12-31"),
        ("9999-12-31", "9999-12-31", "from 2000-01-01 to 2999-12-31"),
    ],
)
def test_what_is_no_period_says_what_would_be_one(start: str | None, end: str | None, says: str):
    with pytest.raises(InvalidRequest) as told:
        Period.of(start, end, TODAY)
    assert says in told.value.message


@given(start=DAYS, more=st.integers(0, MAX_DAYS - 1))
def test_months_and_bounds_hold_all_moments_of_the_days_and_no_other(start: date, more: int):
    period = Period(start, start + timedelta(more))
    days = [start + timedelta(number) for number in range(more + 1)]
    assert list(period.months) == sorted({str(day)[:7] for day in days})
    first = microseconds(datetime(start.year, start.month, start.day, tzinfo=UTC))
    behind = first + (more + 1) * 86_400_000_000
    after, before = period.bounds
    for moment in (first, behind - 1):
        assert after < f"{moment:017d}#x" < before
    for moment in (first - 1, behind):
        assert not after < f"{moment:017d}#x" < before
