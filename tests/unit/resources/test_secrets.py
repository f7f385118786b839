"""Secrets over tables in memory: what is shown, what is stored, retries, names, moves that break off anywhere."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import Conflict, InvalidRequest, NotFound, TooLarge, TransientError
from silvercup.ids import uuid7
from silvercup.paging import ListQuery
from silvercup.resources.idempotency import Claim
from silvercup.resources.secret_items import MAX_BYTES, MAX_VALUE
from silvercup.resources.secret_moves import HOLD_US
from silvercup.resources.secret_values import ProviderKeys, SecretReader
from silvercup.resources.secrets import SecretService
from silvercup.storage import Key
from tests.support.secrets import MemoryVault, found_in
from tests.support.tables import MemoryTables

TENANT, OTHER = "tenant", "other"
AGENT = "00000000-0000-7000-8000-00000000000a"
VALUE = "planted-value/1"
WRITES = {"put", "update", "delete"}


class FlakyTables(MemoryTables):
    """Tables whose n-th write from ``break_at`` on fails, before or after it is carried out."""

    def __init__(self) -> None:
        super().__init__()
        self._left = -1
        self._after = False

    def break_at(self, number: int, *, after: bool) -> None:
        self._left, self._after = number, after

    def heal(self) -> bool:
        """Whether the failure has come to pass."""
        broke, self._left = self._left < 0, -1
        return broke

    def _write(self, act: Any) -> Any:
        self._left -= 1
        if self._left != -1:
            return act()
        if self._after:
            act()
        raise TransientError("injected")

    def put(self, *args: Any, **named: Any) -> None:
        self._write(lambda: MemoryTables.put(self, *args, **named))

    def update(self, *args: Any, **named: Any) -> Any:
        return self._write(lambda: MemoryTables.update(self, *args, **named))

    def delete(self, *args: Any, **named: Any) -> None:
        self._write(lambda: MemoryTables.delete(self, *args, **named))


class Secrets:
    """The service, its reader, and short words for what tests do."""

    def __init__(self) -> None:
        self.tables = FlakyTables()
        self.vault = MemoryVault()
        self.service = SecretService(self.tables, lambda: self.vault)
        self.reader = SecretReader(self.tables, lambda: self.vault)
        self.tables.put("core", {"pk": f"{TENANT}#agent#{AGENT}", "id": AGENT, "body": "{}"})

    def make(self, name: str, value: str = VALUE, *, agent: str | None = None, **more: Any) -> dict[str, Any]:
        fields = {"name": name, "value": value, **more.pop("fields", {})}
        claim = more.pop("claim", None) or Claim(uuid7(), repeated=False, **more)
        return self.service.create(TENANT, fields, claimed=claim, agent_id=agent)

    def value(self, *names: str, agent: str | None = None) -> dict[str, str]:
        return self.reader.values(TENANT, names, agent)

    def names(self, agent: str | None = None) -> list[str]:
        return [one["name"] for one in self.service.list(TENANT, ListQuery(), agent).items]

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for key, item in self.tables.items.items() if "#secret" in key.pk]


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


def test_a_secret_goes_round_and_its_value_is_never_shown_nor_stored(secrets: Secrets):
    made = secrets.make("A", fields={"description": "d", "metadata": {"a": 1}})
    assert made["value"] == "ENCRYPTED"
    assert (made["name"], made["description"], made["metadata"]) == ("A", "d", {"a": 1})
    assert secrets.service.get(TENANT, made["id"]) == made
    assert secrets.service.list(TENANT, ListQuery()).items == [made]
    assert secrets.value("A", "B") == {"A": VALUE}
    changed = secrets.service.update(TENANT, made["id"], {"value": "planted-value/2", "metadata": {"b": 2}})
    assert (changed["metadata"], changed["created_at"]) == ({"b": 2}, made["created_at"])
    assert changed["updated_at"] > made["updated_at"]
    merged = secrets.service.update(TENANT, made["id"], {"metadata": {"c": 3}}, merge=True)
    assert merged["metadata"] == {"b": 2, "c": 3}
    assert secrets.value("A") == {"A": "planted-value/2"}
    assert not found_in(repr(secrets.items), [VALUE, "planted-value/2"])
    assert secrets.service.delete(TENANT, made["id"])["id"] == made["id"]
    assert not secrets.items
    with pytest.raises(NotFound):
        secrets.service.get(TENANT, made["id"])


def test_lists_are_newest_first_and_filter(secrets: Secrets):
    for number in range(3):
        secrets.make(f"S{number}", fields={"metadata": {"n": number}})
    assert secrets.names() == ["S2", "S1", "S0"]
    found = secrets.service.list(TENANT, ListQuery(limit=1, offset=1)).items
    assert [one["name"] for one in found] == ["S1"]
    found = secrets.service.list(TENANT, ListQuery(metadata_filter={"n": "0"})).items
    assert [one["name"] for one in found] == ["S0"]


def test_an_agents_secret_goes_before_the_developers_and_only_for_that_agent(secrets: Secrets):
    secrets.make("A", "developer's")
    own = secrets.make("A", "agent's", agent=AGENT)
    assert own["agent_id"] == AGENT
    assert secrets.value("A") == {"A": "developer's"}
    assert secrets.value("A", agent=AGENT) == {"A": "agent's"}
    assert secrets.value("A", agent="another") == {"A": "developer's"}
    assert (secrets.names(), secrets.names(AGENT)) == (["A"], ["A"])
    for whose in (None, "another"):
        with pytest.raises(NotFound):
            secrets.service.get(TENANT, own["id"], whose)
        with pytest.raises(NotFound):
            secrets.service.delete(TENANT, own["id"], whose)
    secrets.service.delete(TENANT, own["id"], AGENT)
    assert secrets.value("A", agent=AGENT) == {"A": "developer's"}


def test_another_tenant_has_no_part_in_it(secrets: Secrets):
    made = secrets.make("A")
    for act in (
        lambda: secrets.service.get(OTHER, made["id"]),
        lambda: secrets.service.update(OTHER, made["id"], {"value": "x"}),
        lambda: secrets.service.delete(OTHER, made["id"]),
    ):
        with pytest.raises(NotFound):
            act()
    assert secrets.reader.values(OTHER, ["A"]) == {}
    assert secrets.service.list(OTHER, ListQuery()).items == []


def test_there_are_no_secrets_of_an_agent_that_is_not_there(secrets: Secrets):
    nobody = "00000000-0000-7000-8000-00000000000b"
    with pytest.raises(NotFound, match="Agent"):
        secrets.make("A", agent=nobody)
    with pytest.raises(NotFound, match="Agent"):
        secrets.service.list(TENANT, ListQuery(), nobody)


def test_names_are_there_once_and_their_case_counts(secrets: Secrets):
    secrets.make("A")
    secrets.make("a")
    before = len(secrets.items)
    for again in (False, True):
        with pytest.raises(Conflict, match="'A'"):
            secrets.make("A", "another value", again=again)
    other = secrets.make("B")
    with pytest.raises(Conflict, match="'A'"):
        secrets.service.update(TENANT, other["id"], {"name": "A"})
    assert secrets.service.get(TENANT, other["id"]) == other
    secrets.service.delete(TENANT, other["id"])
    assert len(secrets.items) == before


def test_a_retry_is_told_by_what_it_would_make(secrets: Secrets):
    made = secrets.make("A", fields={"description": "d"})
    assert secrets.make("A", fields={"description": "d"}, again=True) == made
    with pytest.raises(Conflict):
        secrets.make("A", fields={"description": "d"})
    for fields, value in (({"description": "e"}, VALUE), ({"description": "d"}, "planted-value/2")):
        with pytest.raises(Conflict):
            secrets.make("A", value, fields=fields, again=True)
    secrets.service.update(TENANT, made["id"], {"metadata": {}})
    with pytest.raises(Conflict):
        secrets.make("A", fields={"description": "d"}, again=True)


def test_an_idempotency_key_gives_what_the_first_request_made(secrets: Secrets):
    made = secrets.make("A")
    again = Claim(made["id"], repeated=True)
    assert secrets.make("A", claim=again) == made
    with pytest.raises(Conflict, match="already"):
        secrets.make("A", "planted-value/2", claim=again)
    with pytest.raises(Conflict, match="Idempotency-Key"):
        secrets.make("B", claim=again)
    moved = secrets.service.update(TENANT, made["id"], {"name": "C"})
    assert secrets.make("A", claim=again) == moved


def test_what_is_too_large_or_empty_is_refused(secrets: Secrets):
    with pytest.raises(InvalidRequest, match="empty"):
        secrets.make("A", "")
    with pytest.raises(TooLarge, match="4,096"):
        secrets.make("A", "ü" * (MAX_VALUE // 2) + "x")
    with pytest.raises(TooLarge, match="5,000"):
        secrets.make("A", fields={"metadata": {"a": "x" * MAX_BYTES}})
    assert not secrets.items
    made = secrets.make("A", "x" * MAX_VALUE)
    for fields in ({"value": ""}, {"value": "x" * (MAX_VALUE + 1)}, {"metadata": {"a": "x" * MAX_BYTES}}):
        with pytest.raises((InvalidRequest, TooLarge)):
            secrets.service.update(TENANT, made["id"], fields)
    assert secrets.service.get(TENANT, made["id"]) == made


def test_a_new_name_is_a_move(secrets: Secrets):
    made = secrets.make("A", fields={"metadata": {"a": 1}})
    moved = secrets.service.update(TENANT, made["id"], {"name": "B"})
    assert (moved["id"], moved["name"], moved["metadata"]) == (made["id"], "B", {"a": 1})
    assert secrets.value("A", "B") == {"B": VALUE}
    assert secrets.names() == ["B"]
    secrets.make("A", "another's value")
    back = secrets.service.update(TENANT, made["id"], {"name": "C", "value": "planted-value/2"})
    assert secrets.service.get(TENANT, made["id"]) == back
    assert secrets.value("A", "B", "C") == {"A": "another's value", "C": "planted-value/2"}


@given(number=st.integers(0, 5), after=st.booleans(), value=st.none() | st.just("new"), then=st.sampled_from("ABCX"))
def test_a_move_that_breaks_off_anywhere_loses_nothing_and_goes_on(number: int, after: bool, value: str, then: str):
    secrets = Secrets()
    made = secrets.make("A", "old")
    wanted = {"name": "B", "value": value}
    secrets.tables.break_at(number, after=after)
    try:
        secrets.service.update(TENANT, made["id"], wanted)
    except TransientError:
        there = secrets.service.get(TENANT, made["id"])
        assert there["name"] in {"A", "B"}
        assert secrets.value(there["name"])[there["name"]] in {"old", value or "old"}
    secrets.tables.heal()
    if then == "X":
        secrets.service.delete(TENANT, made["id"])
        assert not secrets.items
        return
    done = secrets.service.update(TENANT, made["id"], {"name": then, "value": value})
    assert secrets.service.get(TENANT, made["id"]) == done
    assert secrets.names() == [then]
    assert secrets.value("A", "B", "C") == {then: value or "old"}
    assert secrets.make("A" if then != "A" else "B", "another")["name"] in secrets.names()


@given(number=st.integers(0, 2), after=st.booleans())
def test_a_create_or_delete_that_breaks_off_can_be_repeated(number: int, after: bool):
    secrets = Secrets()
    secrets.tables.break_at(number, after=after)
    try:
        made = secrets.make("A")
    except TransientError:
        secrets.tables.heal()
        made = secrets.make("A", again=True)
    assert secrets.value("A") == {"A": VALUE}
    assert secrets.service.get(TENANT, made["id"]) == made
    secrets.tables.break_at(number, after=after)
    try:
        secrets.service.delete(TENANT, made["id"])
    except TransientError:
        secrets.tables.heal()
        with suppress(NotFound):
            secrets.service.delete(TENANT, made["id"])
    assert secrets.value("A") == {}
    assert secrets.names() == []


def test_who_moves_a_secret_keeps_others_away_for_a_time(secrets: Secrets):
    made = secrets.make("A")
    pointer = Key("core", f"{TENANT}#secret_id#{made['id']}")
    secrets.tables.items[pointer] |= {"next": "B", "held": 10**18}
    with pytest.raises(Conflict) as caught:
        secrets.service.update(TENANT, made["id"], {"name": "C"})
    assert caught.value.should_retry
    secrets.service.update(TENANT, made["id"], {"value": "planted-value/2"})
    secrets.service._moves._clock = lambda: 10**18 + HOLD_US
    assert secrets.service.update(TENANT, made["id"], {"name": "C"})["name"] == "C"
    assert secrets.value("A", "B", "C") == {"C": "planted-value/2"}


@pytest.mark.parametrize("name", ["", "1A", "A-B", "a" * 256, "A#B", "ä"])
def test_what_can_be_no_name_is_not_looked_for(secrets: Secrets, name: str):
    secrets.tables.requests.clear()
    assert secrets.value(name, agent=AGENT) == {}
    assert secrets.tables.requests == []


def test_one_batch_and_one_call_of_the_vault_for_each_secret(secrets: Secrets):
    secrets.make("A")
    secrets.make("B")
    secrets.make("C")
    secrets.tables.requests.clear()
    secrets.vault.calls.clear()
    assert secrets.value("A", "B", "A", "D", agent=AGENT) == {"A": VALUE, "B": VALUE}
    assert secrets.tables.requests == ["get_many"]
    assert secrets.vault.calls == ["open", "open"]


def test_a_providers_key_is_the_first_secret_that_there_is(secrets: Secrets):
    keys = ProviderKeys(secrets.reader, ("ONE", "TWO"))
    where = keys.keys(TENANT, AGENT)
    assert len(where) == 4
    secrets.make("TWO", "  two \n")
    found = secrets.tables.get_many(where)
    assert keys.choose(found, TENANT, AGENT, ("ONE", "TWO")) == "two"
    assert keys.choose(found, TENANT, AGENT, ("ONE",)) is None
    secrets.make("ONE", "one", agent=AGENT)
    found = secrets.tables.get_many(where)
    assert keys.choose(found, TENANT, AGENT, ("ONE", "TWO")) == "one"
    assert keys.choose(found, TENANT, None, ("ONE", "TWO")) == "two"


@pytest.mark.parametrize("value", [" ", "two words", "line\nbreak", "kêy", "a\x07b"])
def test_what_can_be_no_key_is_told_by_its_name(secrets: Secrets, value: str):
    secrets.make("ONE", value)
    keys = ProviderKeys(secrets.reader, ("ONE",))
    found = secrets.tables.get_many(keys.keys(TENANT, None))
    with pytest.raises(InvalidRequest, match="ONE") as caught:
        keys.choose(found, TENANT, None, ("ONE",))
    assert value.strip() == "" or value not in caught.value.message
