"""API keys: made, looked up, revoked; nothing of their text is stored."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from silvercup.errors import Forbidden, InvalidRequest, NotFound, TransientError, Unauthenticated
from silvercup.ids import uuid7
from silvercup.resources import keys
from silvercup.resources.keys import KeyService
from silvercup.settings import DEFAULT_TENANT, Settings
from silvercup.times import iso
from tests.support.tables import MemoryTables

NOBODY = "01912345-6789-7abc-8def-0123456789ab"


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


def test_a_key_gives_its_tenant_and_is_not_stored(tables: MemoryTables):
    service, tenant = KeyService(tables, Settings()), uuid7()
    info, text = service.create(tenant, "laptop")
    assert text.startswith(f"sc_{tenant.replace('-', '')}_")
    assert service.tenant_of(text) == tenant
    assert (info.tenant, info.name) == (tenant, "laptop")
    assert text not in repr(tables.items)
    assert text.split("_", 2)[2] not in repr(tables.items)
    assert service.list(tenant).items == [replace(info, used_at=service.list(tenant).items[0].used_at)]
    assert service.list(uuid7()).items == []


def test_a_look_up_is_one_request_and_then_none_for_a_minute(tables: MemoryTables, monkeypatch: pytest.MonkeyPatch):
    service = KeyService(tables, Settings())
    _, text = service.create(uuid7(), "k")
    tables.requests.clear()
    service.tenant_of(text)
    service.tenant_of(text)
    assert tables.requests == ["get", "update"]
    start = time.monotonic()
    monkeypatch.setattr(keys.time, "monotonic", lambda: start + 61)
    service.tenant_of(text)
    assert tables.requests == ["get", "update", "get"]


def test_a_revoked_key_is_forbidden(tables: MemoryTables):
    service, tenant = KeyService(tables, Settings()), uuid7()
    info, text = service.create(tenant, "k")
    service.tenant_of(text)
    service.revoke(tenant, info.id)
    with pytest.raises(Forbidden, match="revoked"):
        service.tenant_of(text)
    with pytest.raises(NotFound):
        service.revoke(tenant, info.id)


def test_a_key_with_another_tenants_name_is_forbidden(tables: MemoryTables):
    service = KeyService(tables, Settings(allow_any_key=True))
    _, text = service.create(uuid7(), "k")
    forged = f"sc_{uuid7().replace('-', '')}_{text.split('_', 2)[2]}"
    with pytest.raises(Forbidden):
        service.tenant_of(forged)
    with pytest.raises(Forbidden):
        service.tenant_of(f"{text[:-1]}{'A' if text[-1] != 'A' else 'B'}")


def test_the_fixed_key_and_any_key_are_the_default_tenants(tables: MemoryTables):
    fixed = KeyService(tables, Settings(api_key="s3cret"))
    assert fixed.tenant_of("s3cret") == DEFAULT_TENANT
    for wrong in ("s3cre", "s3cret ", "S3CRET", "é"):
        with pytest.raises(Forbidden):
            fixed.tenant_of(wrong)
    with pytest.raises(Unauthenticated):
        fixed.tenant_of("")
    lenient = KeyService(tables, Settings(allow_any_key=True))
    assert lenient.tenant_of("whatever") == DEFAULT_TENANT
    tenant = uuid7()
    assert lenient.tenant_of(lenient.create(tenant, "k")[1]) == tenant
    with pytest.raises(Unauthenticated):
        lenient.tenant_of("")
    assert tables.requests.count("get") == 1


@pytest.mark.parametrize(
    ("tenant", "name"), [("nobody", "k"), (NOBODY.upper(), "k"), (NOBODY, ""), (NOBODY, "x" * 256)]
)
def test_a_key_needs_a_tenant_and_a_name(tables: MemoryTables, tenant: str, name: str):
    with pytest.raises(InvalidRequest):
        KeyService(tables, Settings()).create(tenant, name)


def test_the_last_use_is_written_once_an_hour(tables: MemoryTables, monkeypatch: pytest.MonkeyPatch):
    service, tenant = KeyService(tables, Settings()), uuid7()
    info, text = service.create(tenant, "k")
    assert info.used_at is None
    start, now = time.monotonic(), keys.now_us()
    written = []
    for minutes in (0, 1, 30, 59, 61, 62, 130):
        monkeypatch.setattr(keys.time, "monotonic", lambda minutes=minutes: start + minutes * 60 + 1)
        monkeypatch.setattr(keys, "now_us", lambda minutes=minutes: now + minutes * 60_000_000)
        tables.requests.clear()
        service.tenant_of(text)
        written.append("update" in tables.requests)
    assert written == [True, False, False, False, True, False, True]
    assert service.list(tenant).items[0].used_at == iso(now + 130 * 60_000_000)


def test_a_key_works_where_its_last_use_cannot_be_written(tables: MemoryTables, monkeypatch: pytest.MonkeyPatch):
    service, tenant = KeyService(tables, Settings()), uuid7()
    _, text = service.create(tenant, "k")

    def refuse(*_: object) -> None:
        raise TransientError("no")

    monkeypatch.setattr(tables, "update", refuse)
    assert service.tenant_of(text) == tenant
