"""``GET /usage``: what it asks for, whose it is, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from silvercup.ids import now_us, uuid7
from silvercup.settings import DEFAULT_TENANT
from silvercup.times import microseconds
from silvercup.usage.spending import Call, remains, spent
from tests.unit.http.conftest import Api

NOTHING = {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "own_key_calls": 0}


def use(api: Api, tenant: str = DEFAULT_TENANT, at: date | None = None, ids: dict[str, Any] | None = None) -> None:
    moment = now_us() if at is None else microseconds(datetime(at.year, at.month, at.day, 12, tzinfo=UTC))
    fields: dict[str, Any] = {"agent": None, **(ids or {})}
    kept = remains(spent(tenant, [Call("m", 10, 5)], at=moment, id_=uuid7(), **fields))
    assert kept
    api.container.tables.put("core", kept)


def test_thirty_days_up_to_the_last_one_are_summed(api: Api):
    last = datetime.now(UTC).date()
    for days_ago in (0, 0, 1, 29, 30, 31):
        use(api, at=last - timedelta(days_ago))
    use(api, at=last, tenant="another")
    found: dict[str, Any] = api("GET", f"/usage?end={last}").json()
    assert (found["start"], found["end"]) == (str(last - timedelta(29)), str(last))
    row = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "own_key_calls": 0}
    assert found["items"] == [
        {"date": str(last), "model": "m", "calls": 2, **{name: count * 2 for name, count in row.items()}},
        {"date": str(last - timedelta(1)), "model": "m", "calls": 1, **row},
        {"date": str(last - timedelta(29)), "model": "m", "calls": 1, **row},
    ]
    assert found["totals"] == {"calls": 4, **{name: count * 4 for name, count in row.items()}}


def test_the_last_day_is_today_unless_given(api: Api):
    before = datetime.now(UTC).date()
    found = api("GET", "/usage").json()
    assert str(before) <= found["end"] <= str(datetime.now(UTC).date())
    assert found["totals"] == NOTHING


@pytest.mark.parametrize("name", ["agent", "session", "execution", "task"])
def test_it_is_narrowed_by_id_in_any_form_of_a_uuid(api: Api, name: str):
    wanted = uuid7()
    use(api, ids={name: wanted})
    use(api, ids={name: uuid7()})
    use(api)
    for text in (wanted, wanted.upper(), wanted.replace("-", "")):
        assert api("GET", f"/usage?{name}={text}").json()["totals"]["calls"] == 1
    assert api("GET", f"/usage?{name}={uuid7()}").json()["totals"] == NOTHING


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("start=2026-13-01", "start must be a day as YYYY-MM-DD"),
        ("end=now", "end must be a day as YYYY-MM-DD"),
        ("start=2026-02-02&end=2026-02-01", "start must be a day before end"),
        ("start=2025-01-01&end=2026-01-01", "there may be 92 days"),
        ("agent=me", "agent must be an id, which is a UUID; it is 'me'"),
        ("session=1", "session must be an id"),
        ("execution=", "execution must be an id"),
        ("task=x", "task must be an id"),
    ],
)
def test_what_it_can_not_sum_is_400_and_says_what_would_be_right(api: Api, query: str, says: str):
    answer = api("GET", f"/usage?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert says in answer.json()["error"]["message"]
    assert "query" not in api.container.tables.requests


def test_it_needs_a_key(api: Api):
    assert api("GET", "/usage", headers={"authorization": ""}).status_code == 401
