"""Canonical names under races and crashes."""

from __future__ import annotations

import re

import pytest

from silvercup.deletions import Graves
from silvercup.errors import ConditionFailed, Conflict, NotFound
from silvercup.ids import uuid7
from silvercup.resources import names
from silvercup.resources.agents import AgentService
from silvercup.resources.projects import ProjectService
from silvercup.storage import Key
from tests.support.tables import MemoryQueue, MemoryTables

TENANT = uuid7()


class Anything:
    def resolve(self, name: str, /):
        raise AssertionError(name)


def service(tables: MemoryTables) -> AgentService:
    return AgentService(tables, Anything, ProjectService(tables), Graves(tables, MemoryQueue()))


def test_generated_names_are_stable_and_well_formed():
    made = [names.generated(f"id-{number}") for number in range(200)]
    assert len(set(made)) == 200
    assert all(re.fullmatch(r"[a-z]+_[a-z]+_[a-z0-9]{3}", name) for name in made)
    assert names.generated("same") == names.generated("same") != names.generated("same", 1)


def test_a_taken_generated_name_gives_way_to_the_next():
    tables = MemoryTables()
    agent_id = uuid7()
    service(tables).create(TENANT, {"name": "A", "canonical_name": names.generated(agent_id)}, agent_id=uuid7())
    made = service(tables).create(TENANT, {"name": "B"}, agent_id=agent_id)
    assert made["canonical_name"] == names.generated(agent_id, 1)
    again = service(tables).create(TENANT, {"name": "B"}, agent_id=agent_id, repeated=True)
    assert again == made


def test_a_name_whose_maker_died_is_free_after_a_minute(monkeypatch: pytest.MonkeyPatch):
    tables = MemoryTables()
    names.Names(tables, "agent", lambda *_: False).take(TENANT, "Lost", uuid7())
    with pytest.raises(Conflict, match="Lost"):
        service(tables).create(TENANT, {"name": "A", "canonical_name": "Lost"}, agent_id=uuid7())
    now = names.now_us()
    monkeypatch.setattr(names, "now_us", lambda: now + 61_000_000)
    made = service(tables).create(TENANT, {"name": "A", "canonical_name": "lost"}, agent_id=uuid7())
    assert made["canonical_name"] == "lost"
    monkeypatch.setattr(names, "now_us", lambda: now + 200_000_000)
    with pytest.raises(Conflict):
        service(tables).create(TENANT, {"name": "B", "canonical_name": "Lost"}, agent_id=uuid7())


def test_a_repeated_create_returns_what_the_first_made():
    tables = MemoryTables()
    agent_id = uuid7()
    first = service(tables).create(TENANT, {"name": "A", "canonical_name": "x"}, agent_id=agent_id)
    assert (
        service(tables).create(TENANT, {"name": "A", "canonical_name": "x"}, agent_id=agent_id, repeated=True) == first
    )
    with pytest.raises(Conflict):
        service(tables).create(TENANT, {"name": "other"}, agent_id=agent_id)


class Racing(MemoryTables):
    """Runs something once, just before the next conditional change of an agent."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[object] = []

    def update(self, key, change):
        if change.condition and "#agent#" in key.pk and self.before:
            self.before.pop()()  # pyright: ignore[reportCallIssue]
        return super().update(key, change)


def test_two_changes_at_once_both_count():
    tables = Racing()
    agents = service(tables)
    agent_id = agents.create(TENANT, {"name": "A", "metadata": {}}, agent_id=uuid7())["id"]
    tables.before.append(lambda: agents.update(TENANT, agent_id, {"metadata": {"theirs": 1}}))
    new = agents.update(TENANT, agent_id, {"metadata": {"mine": 2}})
    assert new["metadata"] == {"theirs": 1, "mine": 2}


def test_two_same_renames_at_once_keep_the_name():
    tables = Racing()
    agents = service(tables)
    agent_id = agents.create(TENANT, {"name": "A", "canonical_name": "old"}, agent_id=uuid7())["id"]
    tables.before.append(lambda: agents.update(TENANT, agent_id, {"canonical_name": "new"}))
    assert agents.update(TENANT, agent_id, {"canonical_name": "new"})["canonical_name"] == "new"
    with pytest.raises(Conflict):
        agents.create(TENANT, {"name": "B", "canonical_name": "new"}, agent_id=uuid7())
    agents.create(TENANT, {"name": "C", "canonical_name": "old"}, agent_id=uuid7())


def test_a_change_of_what_was_deleted_meanwhile_is_404():
    tables = Racing()
    agents = service(tables)
    agent_id = agents.create(TENANT, {"name": "A"}, agent_id=uuid7())["id"]
    tables.before.append(lambda: agents.delete(TENANT, agent_id))
    with pytest.raises(NotFound):
        agents.update(TENANT, agent_id, {"about": "x"})
    assert [item["gone"] for key, item in tables.items.items() if "#agent#" in key.pk and "#name#" not in key.pk]


def test_changes_that_never_end_are_a_conflict_to_retry():
    tables = Racing()
    agents = service(tables)
    agent_id = agents.create(TENANT, {"name": "A"}, agent_id=uuid7())["id"]

    def interfere() -> None:
        key = Key("core", f"{TENANT}#agent#{agent_id}")
        tables.items[key]["updated_at"] += 1
        tables.before.append(interfere)

    tables.before.append(interfere)
    with pytest.raises(Conflict) as told:
        agents.update(TENANT, agent_id, {"about": "x"})
    assert told.value.should_retry


def test_a_write_that_was_sent_twice_finds_itself():
    """The client library sends a put again when its answer was lost; the condition then fails on its own item."""
    tables = MemoryTables()
    real = tables.put

    def twice(table, item, **options):
        real(table, item, **options)
        if "condition" in options or item.get("kind") == "agent":
            raise ConditionFailed(dict(item))

    tables.put = twice
    agents = service(tables)
    made = agents.create(TENANT, {"name": "A"}, agent_id=uuid7())
    changed = agents.update(TENANT, made["id"], {"about": "new"})
    assert agents.get(TENANT, made["id"]) == changed
