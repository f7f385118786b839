"""Users, projects and tools of agents, down to items in tables."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.deletions import Graves
from silvercup.errors import Conflict, InvalidRequest, NotFound, TooLarge
from silvercup.ids import uuid7
from silvercup.paging import ListQuery
from silvercup.resources.agents import AgentService
from silvercup.resources.idempotency import Attempt, Claim, IdempotencyService
from silvercup.resources.projects import ProjectService, default_id
from silvercup.resources.tools import ToolService, tools_of
from silvercup.resources.users import UserService
from silvercup.storage import Key
from silvercup.tools.definitions import problems_of
from statemachines.tools import any_tool
from tests.support.tables import MemoryQueue, MemoryTables

TENANT = uuid7()
OTHER = uuid7()


class Parts:
    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.queue = MemoryQueue()
        self.projects = ProjectService(self.tables)
        graves = Graves(self.tables, self.queue)
        self.users = UserService(self.tables, self.projects, graves)
        self.tools = ToolService(self.tables, problems_of)
        self.agents = AgentService(self.tables, lambda: pytest.fail("no model is named"), self.projects, graves)

    def user(self, **fields: Any) -> dict[str, Any]:
        return self.users.create(TENANT, fields, user_id=uuid7())

    def agent(self, **fields: Any) -> str:
        return self.agents.create(TENANT, {"name": "A", **fields}, agent_id=uuid7())["id"]

    def tool(self, agent_id: str, **fields: Any) -> dict[str, Any]:
        body = {"name": "look", "type": "function", "function": {"parameters": {"a": 1}}, **fields}
        return self.tools.create(TENANT, agent_id, body, claimed=Claim(uuid7(), repeated=False))


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_a_patch_merges_metadata_and_moves_nothing(parts: Parts):
    parts.projects.create(TENANT, {"name": "P", "canonical_name": "Mine"}, project_id=uuid7())
    user = parts.user(name="U", project="mine", metadata={"a": 1, "b": 2})
    assert user["project"] == "Mine"
    changed = parts.users.update(TENANT, user["id"], {"metadata": {"b": 3}, "about": "x"})
    assert (changed["project"], changed["metadata"], changed["name"]) == ("Mine", {"a": 1, "b": 3}, "U")
    anew = parts.users.replace(TENANT, user["id"], {"name": "V"})
    assert (anew["project"], anew["metadata"], anew["about"]) == ("default", {}, "")
    assert anew["created_at"] == user["created_at"]


def test_another_tenants_user_is_not_there(parts: Parts):
    user = parts.user()
    for call in (parts.users.get, parts.users.delete):
        with pytest.raises(NotFound):
            call(OTHER, user["id"])
    assert parts.users.list(OTHER, ListQuery()).items == []
    parts.users.delete(TENANT, user["id"])
    with pytest.raises(NotFound):
        parts.users.delete(TENANT, user["id"])
    with pytest.raises(Conflict, match="still being deleted") as caught:
        parts.users.create_or_update(TENANT, user["id"], {"name": "again"})
    assert caught.value.should_retry


def test_an_unknown_project_is_404(parts: Parts):
    with pytest.raises(NotFound, match="nowhere"):
        parts.user(project="nowhere")
    with pytest.raises(NotFound, match="nowhere"):
        parts.agent(project="nowhere")


def test_default_is_always_there_and_stays(parts: Parts):
    (project,) = parts.projects.list(TENANT, ListQuery()).items
    assert (project["canonical_name"], project["metadata"]) == ("default", {"is_default": True})
    assert parts.projects.get(TENANT, project["id"]) == project
    assert not parts.tables.items
    with pytest.raises(InvalidRequest, match="can't be deleted"):
        parts.projects.delete(TENANT, project["id"])
    with pytest.raises(InvalidRequest, match="keeps"):
        parts.projects.update(TENANT, project["id"], {"canonical_name": "other"})
    with pytest.raises(Conflict):
        parts.projects.create(TENANT, {"name": "x", "canonical_name": "Default"}, project_id=uuid7())
    assert parts.projects.update(TENANT, default_id(TENANT), {"name": "Mine"})["name"] == "Mine"
    assert [one["name"] for one in parts.projects.list(TENANT, ListQuery()).items] == ["Mine"]


def test_a_project_gives_its_name_back(parts: Parts):
    project = parts.projects.create(TENANT, {"name": "P", "canonical_name": "p"}, project_id=uuid7())
    assert parts.projects.create_or_update(TENANT, project["id"], {"name": "Q"})["canonical_name"] == "p"
    parts.projects.delete(TENANT, project["id"])
    parts.projects.create(TENANT, {"name": "P", "canonical_name": "P"}, project_id=uuid7())


def test_agents_and_users_follow_their_project(parts: Parts):
    project = parts.projects.create(TENANT, {"name": "P", "canonical_name": "old"}, project_id=uuid7())["id"]
    user, agent = parts.user(project="old")["id"], parts.agent(project="OLD")
    elsewhere = parts.user()["id"]

    def names() -> set[str]:
        users = {one["id"]: one for one in parts.users.list(TENANT, ListQuery()).items}
        assert users[user] == parts.users.get(TENANT, user)
        assert users[elsewhere]["project"] == "default"
        agents = parts.agents.list(TENANT, ListQuery()).items
        assert agents == [parts.agents.get(TENANT, agent)]
        agents += parts.agents.list(TENANT, ListQuery(), canonical_name=agents[0]["canonical_name"]).items
        changed = (
            parts.users.update(TENANT, user, {"about": uuid7()}),
            parts.agents.update(TENANT, agent, {"about": "x"}),
        )
        shown = [users[user], *agents, *changed]
        assert not [one for one in shown if "project_id" in one]
        return {one["project"] for one in shown}

    assert names() == {"old"}
    parts.projects.update(TENANT, project, {"canonical_name": "new"})
    assert names() == {"new"}
    parts.projects.update(TENANT, project, {"canonical_name": "NEW"})
    assert names() == {"NEW"}
    assert parts.user(project="new")["project"] == "NEW"
    parts.projects.create(TENANT, {"name": "Q", "canonical_name": "old"}, project_id=uuid7())
    assert names() == {"NEW"}
    parts.projects.delete(TENANT, project)
    assert names() == {"default"}
    with pytest.raises(NotFound):
        parts.user(project="new")
    parts.users.update(TENANT, user, {"project": "old"})
    parts.agents.update(TENANT, agent, {"project": "old"})
    assert names() == {"old"}
    parts.users.replace(TENANT, user, {"project": "default"})
    assert parts.agents.replace(TENANT, agent, {"name": "A"})["project"] == "default"
    assert names() == {"default"}


def test_a_project_costs_one_request_more_and_default_none(parts: Parts):
    parts.projects.create(TENANT, {"name": "P", "canonical_name": "p"}, project_id=uuid7())
    for project, more in (("default", []), ("p", ["get_many"])):
        user = parts.user(project=project)["id"]
        parts.tables.requests.clear()
        parts.users.get(TENANT, user)
        assert parts.tables.requests == ["get", *more]
        parts.tables.requests.clear()
        parts.users.list(TENANT, ListQuery(limit=1))
        assert parts.tables.requests == ["query", "get_many", *more]


def test_tools_are_unique_by_name_inside_an_agent(parts: Parts):
    first, second = parts.agent(), parts.agent()
    tool = parts.tool(first)
    assert (tool["agent_id"], tool["function"]) == (first, {"parameters": {"a": 1}})
    with pytest.raises(Conflict, match="name 'look'"):
        parts.tool(first)
    parts.tool(first, name="Look")
    parts.tool(second)
    with pytest.raises(NotFound):
        parts.tools.get(TENANT, second, tool["id"])
    with pytest.raises(NotFound):
        parts.tools.delete(TENANT, second, tool["id"])
    with pytest.raises(NotFound):
        parts.tool(uuid7())
    assert {one["name"] for one in parts.tools.list(TENANT, first, ListQuery()).items} == {"look", "Look"}


def test_a_retry_finds_the_tool_by_its_name(parts: Parts):
    agent = parts.agent()
    service = IdempotencyService(parts.tables)

    def post(retries: int, body: bytes = b"{}", key: str | None = None) -> dict[str, Any]:
        claimed = service.claim(Attempt(TENANT, "POST", f"/agents/{agent}/tools", body, key, retries), by_name=True)
        tool = {"name": "look", "type": "function", "function": {"parameters": {"b": 2}}}
        return parts.tools.create(TENANT, agent, tool, claimed=claimed)

    parts.tables.requests.clear()
    made = post(0)
    assert parts.tables.requests == ["update", "put", "put"]
    assert post(1) == post(2) == made
    for retries, body, key in ((0, b"{}", None), (1, b"[]", None), (1, b"{}", "key")):
        with pytest.raises(Conflict):
            post(retries, body, key)
    item = parts.tables.items[Key("core", f"{TENANT}#agent#{agent}")]
    item["tools"] &= {made["id"]}
    tool = Key("core", f"{TENANT}#tool#{made['id']}")
    del parts.tables.items[tool]
    assert post(1)["id"] == made["id"]
    assert parts.tables.items[Key("core", f"{TENANT}#agent#{agent}")]["tools"] == {made["id"]}


def test_a_retry_that_comes_while_the_first_attempt_is_at_work_finds_it_too(parts: Parts):
    agent = parts.agent()
    body = {"name": "look", "type": "function"}
    parts.tools.create(TENANT, agent, body, claimed=Claim("first", repeated=False, once="x"))
    real, seen = parts.tables.get, [None]

    def late(key: Key) -> Any:
        return seen.pop() if seen else real(key)

    parts.tables.get = late
    again = parts.tools.create(TENANT, agent, body, claimed=Claim("second", repeated=False, once="x", again=True))
    assert again["id"] == "first"


def test_an_agents_tools_are_found_by_key_through_its_changes(parts: Parts):
    agent = parts.agent()
    tool = parts.tool(agent)
    parts.agents.update(TENANT, agent, {"about": "x"})
    item = parts.tables.items[Key("core", f"{TENANT}#agent#{agent}")]
    assert set(tools_of(parts.tables, TENANT, item)) == {"look"}
    parts.tools.delete(TENANT, agent, tool["id"])
    item = parts.tables.items[Key("core", f"{TENANT}#agent#{agent}")]
    assert tools_of(parts.tables, TENANT, item) == {}
    parts.tool(agent)


LISTS: dict[str, Any] = {"resource": "agent", "operation": "list"}
BRAVE: dict[str, Any] = {"provider": "brave", "setup": {"brave_api_key": "k"}}


def test_a_patch_of_a_tool_merges_its_definition_and_may_change_its_type(parts: Parts):
    agent = parts.agent()
    tool = parts.tool(agent)
    changed = parts.tools.update(TENANT, agent, tool["id"], {"function": {"description": "d"}, "name": "see"})
    assert changed["function"] == {"parameters": {"a": 1}, "description": "d"}
    parts.tool(agent)
    other = parts.tools.update(TENANT, agent, tool["id"], {"type": "system", "system": LISTS})
    assert "function" not in other
    with pytest.raises(InvalidRequest, match=r"api_call.* is missing"):
        parts.tools.update(TENANT, agent, tool["id"], {"type": "api_call"})
    anew = parts.tools.replace(TENANT, agent, tool["id"], {"name": "n", "type": "function"})
    assert set(anew) == {"id", "agent_id", "name", "type", "created_at", "updated_at"}


@pytest.mark.parametrize(
    ("fields", "loc"),
    [({"name": "1st"}, "name"), ({"type": "functoin"}, "type"), ({"type": "system"}, "system")],
)
def test_a_wrong_tool_is_told_with_its_place(parts: Parts, fields: dict[str, Any], loc: str):
    with pytest.raises(InvalidRequest) as told:
        parts.tool(parts.agent(), **fields)
    assert told.value.details[0].loc == loc


@pytest.mark.parametrize(
    ("kind", "spec", "locs"),
    [
        (
            "integration",
            {"provider": "email", "setup": {"hots": "x"}},
            [f"setup.{key}" for key in ("host", "port", "user", "password", "hots")],
        ),
        ("system", {"resource": "agent", "operation": "fly"}, ["operation"]),
        ("api_call", {"method": "GET", "url": "x", "headers": {"Host": "x"}}, ["url", "headers.Host"]),
        ("api_call", {"method": "GET", "url": "https://x.example", "json": "$ secrets"}, ["json"]),
        ("function", {"parameters": {"type": "array"}}, ["parameters.type"]),
    ],
)
def test_a_definition_is_checked_whenever_it_is_written(parts: Parts, kind: str, spec: dict[str, Any], locs: list[str]):
    agent = parts.agent()
    tool = parts.tool(agent, name="first")
    fields = {"name": "second", "type": kind, kind: spec}
    for write in (
        lambda: parts.tool(agent, **fields),
        lambda: parts.tools.replace(TENANT, agent, tool["id"], fields),
        lambda: parts.tools.update(TENANT, agent, tool["id"], fields),
    ):
        with pytest.raises(InvalidRequest, match="The tool is not well defined: ") as told:
            write()
        assert [problem.loc for problem in told.value.details] == [f"{kind}.{loc}" for loc in locs]
    assert parts.tools.list(TENANT, agent, ListQuery()).items == [tool]


def test_a_patch_is_checked_as_what_it_makes(parts: Parts):
    agent = parts.agent()
    tool = parts.tool(agent, type="integration", integration=BRAVE)
    with pytest.raises(InvalidRequest, match=r"integration\.setup\.brave_api_key is missing; brave needs it"):
        parts.tools.update(TENANT, agent, tool["id"], {"integration": {"setup": {}}})
    with pytest.raises(InvalidRequest, match=r"integration\.setup\.brave_api_key is not known; wikipedia has no setup"):
        parts.tools.update(TENANT, agent, tool["id"], {"integration": {"provider": "wikipedia"}})
    changed = parts.tools.update(TENANT, agent, tool["id"], {"integration": {"arguments": {"query": "cats"}}})
    assert changed["integration"] == {**BRAVE, "arguments": {"query": "cats"}}


def test_a_tool_that_was_written_before_it_was_checked_can_be_seen_mended_and_deleted(parts: Parts):
    agent = parts.agent()
    unchecked = ToolService(parts.tables, any_tool)
    fields = {"name": "look", "type": "integration", "integration": {"provider": "brave"}}
    old, other = (
        unchecked.create(TENANT, agent, {**fields, "name": name}, claimed=Claim(uuid7(), repeated=False))
        for name in ("look", "see")
    )
    assert parts.tools.get(TENANT, agent, old["id"]) == old
    assert len(parts.tools.list(TENANT, agent, ListQuery()).items) == 2
    with pytest.raises(InvalidRequest):
        parts.tools.update(TENANT, agent, old["id"], {"description": "d"})
    assert parts.tools.update(TENANT, agent, old["id"], {"integration": BRAVE})["integration"] == BRAVE
    assert parts.tools.delete(TENANT, agent, other["id"])["id"] == other["id"]


def test_what_is_too_large_is_refused(parts: Parts):
    with pytest.raises(TooLarge, match="A user is at most"):
        parts.user(metadata={"x": "y" * 180_000})


def test_requests_are_few(parts: Parts):
    agent = parts.agent()
    parts.tables.requests.clear()
    parts.tool(agent)
    assert parts.tables.requests == ["update", "put", "put"]
    parts.tables.requests.clear()
    assert len(parts.tools.list(TENANT, agent, ListQuery()).items) == 1
    assert parts.tables.requests == ["query", "get_many"]
    for missing in (uuid7(), parts.agent()):
        parts.tables.delete(Key("core", f"{TENANT}#agent#{missing}"))
        with pytest.raises(NotFound, match=missing):
            parts.tools.list(TENANT, missing, ListQuery())
    parts.tables.requests.clear()
    parts.user()
    assert parts.tables.requests == ["put"]
    parts.tables.requests.clear()
    parts.agents.delete(TENANT, agent)
    assert parts.tables.requests == ["get", "put", "delete"]
    assert [message["kind"] for message in parts.queue.messages] == ["agent"]
