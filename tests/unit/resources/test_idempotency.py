"""Claims: which id a POST makes its thing under."""

from __future__ import annotations

import time

import pytest

from silvercup.errors import ConditionFailed, Conflict
from silvercup.ids import uuid7
from silvercup.resources import idempotency
from silvercup.resources.idempotency import Attempt, IdempotencyService
from tests.support.tables import MemoryTables

TENANT = uuid7()


def attempt(
    body: bytes = b"{}", *, path: str = "/agents", key: str | None = None, retries: int = 0, tenant: str = TENANT
) -> Attempt:
    return Attempt(tenant, "POST", path, body, key, retries)


def test_a_claim_is_one_request():
    tables = MemoryTables()
    service = IdempotencyService(tables)
    for one in (attempt(), attempt(retries=1), attempt(key="k"), attempt(key="k")):
        tables.requests.clear()
        service.claim(one)
        assert tables.requests == ["put"]


def test_a_retry_finds_the_first_and_a_new_request_does_not():
    service = IdempotencyService(MemoryTables())
    first = service.claim(attempt())
    assert not first.repeated
    again = service.claim(attempt(retries=1))
    assert (again.id, again.repeated) == (first.id, True)
    assert service.claim(attempt(retries=5)).id == first.id
    fresh = service.claim(attempt())
    assert (fresh.id == first.id, fresh.repeated) == (False, False)


@pytest.mark.parametrize(
    "other", [attempt(b"[]", retries=1), attempt(path="/x", retries=1), attempt(tenant=uuid7(), retries=1)]
)
def test_a_retry_of_something_else_is_new(other: Attempt):
    service = IdempotencyService(MemoryTables())
    first = service.claim(attempt())
    claimed = service.claim(other)
    assert (claimed.id == first.id, claimed.repeated) == (False, False)


def test_a_first_attempt_that_never_arrived_is_made_by_the_retry():
    service = IdempotencyService(MemoryTables())
    late = service.claim(attempt(retries=1))
    assert not late.repeated
    assert service.claim(attempt(retries=2)).id == late.id


def test_memory_ends(monkeypatch: pytest.MonkeyPatch):
    service = IdempotencyService(MemoryTables())
    plain, keyed = service.claim(attempt()), service.claim(attempt(key="k"))
    now = time.time()
    monkeypatch.setattr(idempotency.time, "time", lambda: now + 301)
    assert not service.claim(attempt(retries=1)).repeated
    assert service.claim(attempt(key="k")).id == keyed.id
    monkeypatch.setattr(idempotency.time, "time", lambda: now + 86_401)
    assert service.claim(attempt(b"another", key="k")).id not in {plain.id, keyed.id}


def test_a_key_with_another_body_is_a_conflict():
    service = IdempotencyService(MemoryTables())
    service.claim(attempt(key="k"))
    with pytest.raises(Conflict, match="another body"):
        service.claim(attempt(b"[]", key="k"))


def test_a_claim_that_was_sent_twice_finds_itself():
    tables = MemoryTables()
    real = tables.put

    def twice(table, item, **options):
        real(table, item, **options)
        raise ConditionFailed(dict(item))

    tables.put = twice
    claimed = IdempotencyService(tables).claim(attempt(key="k"))
    assert not claimed.repeated
