"""Sessions, down to items in tables: participants, links, rewrites beside a chat, deletion."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.deletions import Graves
from silvercup.errors import Conflict, InvalidRequest, NotFound, TooLarge
from silvercup.ids import now_us, uuid7
from silvercup.paging import ListQuery
from silvercup.resources.agents import AgentService
from silvercup.resources.projects import ProjectService
from silvercup.resources.session_fields import MAX_PARTICIPANTS, RECALL_KEYS, recall_options
from silvercup.resources.session_links import Participant, link_key, partition, session_key
from silvercup.resources.sessions import SessionService, touched
from silvercup.resources.users import UserService
from silvercup.storage import Change, Item, Key
from silvercup.values import loads
from tests.support.tables import MemoryQueue, MemoryTables

TENANT = uuid7()
OTHER = uuid7()
STORED = {
    "id",
    "agents",
    "users",
    "situation",
    "system_template",
    "render_templates",
    "token_budget",
    "context_overflow",
    "forward_tool_calls",
    "auto_run_tools",
    "recall_options",
    "metadata",
}


class Tables(MemoryTables):
    """Lets another writer come in before the next update, or the next delete."""

    before_update: Any = None
    before_delete: Any = None

    def update(self, key: Key, change: Change) -> Item:
        then, self.before_update = self.before_update, None
        if then is not None:
            then()
        return super().update(key, change)

    def delete(self, key: Key, **options: Any) -> None:
        then, self.before_delete = self.before_delete, None
        if then is not None:
            then()
        super().delete(key, **options)


class Parts:
    def __init__(self) -> None:
        self.tables = Tables()
        self.queue = MemoryQueue()
        projects = ProjectService(self.tables)
        self.graves = Graves(self.tables, self.queue)
        self.users = UserService(self.tables, projects, self.graves)
        self.agents = AgentService(self.tables, lambda: pytest.fail("no model is named"), projects, self.graves)
        self.sessions = SessionService(self.tables, self.graves)

    def agent(self) -> str:
        return self.agents.create(TENANT, {"name": "A"}, agent_id=uuid7())["id"]

    def user(self) -> str:
        return self.users.create(TENANT, {"name": "U"}, user_id=uuid7())["id"]

    def session(self, **fields: Any) -> dict[str, Any]:
        fields = fields if "agent" in fields or "agents" in fields else {"agent": self.agent(), **fields}
        return self.sessions.create(TENANT, fields, session_id=uuid7())

    def item(self, session_id: str) -> Item:
        return self.tables.items[session_key(TENANT, session_id)]

    def chats(self, session_id: str, turns: int = 1) -> None:
        """What a chat does with a session's item."""
        at = max(now_us(), self.item(session_id)["updated_at"] + 1)
        mine = {"turns": turns, "window": '{"from":0}', "summary": "They met.", **touched(session_id, at)}
        MemoryTables.update(self.tables, session_key(TENANT, session_id), Change(set=mine))

    def linked(self, session_id: str) -> set[str]:
        """Names of those in whose lists a session stands."""
        links = [item for key, item in self.tables.items.items() if "#sessionof#" in key.pk]
        return {link["ix"].partition("#sessions#")[2] for link in links if link["id"] == session_id}

    def of(self, *, sort_by: Any = "created_at", **who: Any) -> list[str]:
        return [one["id"] for one in self.sessions.list(TENANT, ListQuery(sort_by=sort_by), **who).items]


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_what_is_stored_is_what_chats_read(parts: Parts):
    agents, users = [parts.agent(), parts.agent()], [parts.user()]
    session = parts.session(agents=agents, user=users[0], situation="x", recall_options={"limit": 3, "lang": None})
    item = parts.item(session["id"])
    body = loads(item["body"])
    assert set(body) == STORED
    assert (body["agents"], body["users"], body["situation"]) == (agents, users, "x")
    assert (body["render_templates"], body["auto_run_tools"], body["forward_tool_calls"]) == (True, False, False)
    assert body["recall_options"] == {"mode": "vector", "limit": 3}
    assert (body["metadata"], body["token_budget"], body["context_overflow"]) == ({}, None, None)
    assert item["kind"] == "session"
    assert parts.linked(session["id"]) == {*(f"agent#{one}" for one in agents), f"user#{users[0]}"}


@pytest.mark.parametrize(
    ("agents", "users", "kind"),
    [
        (1, 0, "single_agent_no_user"),
        (1, 1, "single_agent_single_user"),
        (1, 2, "single_agent_multi_user"),
        (2, 0, "multi_agent_no_user"),
        (2, 1, "multi_agent_single_user"),
        (3, 3, "multi_agent_multi_user"),
    ],
)
def test_a_session_shows_who_takes_part(parts: Parts, agents: int, users: int, kind: str):
    some = [parts.agent() for _ in range(agents)]
    others = [parts.user() for _ in range(users)]
    session = parts.session(agents=some, users=others)
    assert (session["kind"], session["agents"], session["users"]) == (kind, some, others)
    assert session.get("agent") == (some[0] if agents == 1 else None)
    assert session.get("user") == (others[0] if users == 1 else None)
    assert parts.sessions.get(TENANT, session["id"]) == session


def test_a_create_takes_three_requests(parts: Parts):
    agent, user = parts.agent(), parts.user()
    parts.tables.requests.clear()
    parts.session(agent=agent, user=user)
    assert parts.tables.requests == ["get_many", "put_many", "put"]


def test_a_hundred_participants_and_no_more(parts: Parts):
    agent = parts.agent()
    users = [parts.user() for _ in range(MAX_PARTICIPANTS)]
    session = parts.session(agent=agent, users=users[1:] + users[1:])
    assert session["users"] == users[1:]
    assert len(parts.linked(session["id"])) == MAX_PARTICIPANTS
    with pytest.raises(InvalidRequest, match="at most 100") as told:
        parts.session(agent=agent, users=users)
    assert told.value.details[0].loc == "agents"
    with pytest.raises(InvalidRequest, match="it would have 101"):
        parts.sessions.update(TENANT, session["id"], {"users": users})
    parts.sessions.update(TENANT, session["id"], {"users": users[:3]})
    assert len(parts.linked(session["id"])) == 4


@pytest.mark.parametrize(
    ("fields", "loc", "message"),
    [
        ({}, "agent", "At least one agent must be provided"),
        ({"agents": []}, "agent", "At least one agent must be provided"),
        ({"agent": "AGENT", "agents": ["AGENT"]}, "agents", "Only one of agent and agents"),
        ({"agent": "AGENT", "user": "USER", "users": []}, "users", "Only one of user and users"),
        ({"agents": ["AGENT", "USER"]}, "agents", "there is no agent USER"),
        ({"agent": "AGENT", "users": ["USER", "AGENT", "NOBODY"]}, "users", "there is no user AGENT, there is no user"),
        ({"agent": "AGENT", "situation": ""}, "situation", "must not be blank"),
        ({"agent": "AGENT", "system_template": " \n\t"}, "system_template", "must not be blank"),
    ],
)
def test_a_wrong_session_is_refused_and_leaves_nothing(parts: Parts, fields: Any, loc: str, message: str):
    known = {"AGENT": parts.agent(), "USER": parts.user(), "NOBODY": uuid7()}

    def filled(value: Any) -> Any:
        return [filled(one) for one in value] if isinstance(value, list) else known.get(value, value)

    before = dict(parts.tables.items)
    for name, value in known.items():
        message = message.replace(f" {name}", f" {value}")
    for call in (
        parts.sessions.create,
        lambda *args, session_id: parts.sessions.create_or_update(args[0], session_id, args[1]),
    ):
        with pytest.raises(InvalidRequest, match=message) as told:
            call(TENANT, {name: filled(value) for name, value in fields.items()}, session_id=uuid7())
        assert told.value.details[0].loc == loc
    assert parts.tables.items == before


def test_one_that_is_too_large_leaves_nothing(parts: Parts):
    agent, user = parts.agent(), parts.user()
    session = parts.session(agent=agent)
    before = dict(parts.tables.items)
    with pytest.raises(TooLarge, match="100,000 bytes"):
        parts.session(agent=agent, situation="x" * 100_000)
    with pytest.raises(TooLarge):
        parts.sessions.update(TENANT, session["id"], {"situation": "x" * 100_000, "user": user})
    assert parts.tables.items == before


def test_another_tenants_are_not_there(parts: Parts):
    session = parts.session()
    for call in (
        lambda: parts.sessions.get(OTHER, session["id"]),
        lambda: parts.sessions.update(OTHER, session["id"], {}),
        lambda: parts.sessions.replace(OTHER, session["id"], {}),
        lambda: parts.sessions.delete(OTHER, session["id"]),
        lambda: parts.sessions.list(OTHER, ListQuery(), agent=session["agent"]),
    ):
        with pytest.raises(NotFound):
            call()
    assert parts.sessions.list(OTHER, ListQuery()).items == []
    with pytest.raises(InvalidRequest, match="there is no agent"):
        parts.sessions.create(OTHER, {"agent": session["agent"]}, session_id=uuid7())


def test_a_repeated_create_gives_the_first_and_its_place_in_lists(parts: Parts):
    agent, session_id = parts.agent(), uuid7()
    fields = {"agent": agent, "metadata": {"n": 1}}
    first = parts.sessions.create(TENANT, fields, session_id=session_id)
    newer = parts.session(agent=agent)
    again = parts.sessions.create(TENANT, fields, session_id=session_id, repeated=True)
    assert again == first
    assert parts.of(agent=agent) == [newer["id"], session_id]


def test_create_or_update_writes_anew_and_replaces_participants(parts: Parts):
    first, second, user = parts.agent(), parts.agent(), parts.user()
    session_id = uuid7()
    fields = {"agents": [first, second], "user": user, "situation": "x", "metadata": {"a": 1}}
    made = parts.sessions.create_or_update(TENANT, session_id, fields)
    parts.chats(session_id, 7)
    anew = parts.sessions.create_or_update(TENANT, session_id, {"agent": second})
    assert (anew["agents"], anew["users"], anew["situation"], anew["metadata"]) == ([second], [], None, {})
    assert (anew["created_at"], anew["summary"]) == (made["created_at"], "They met.")
    assert (parts.item(session_id)["turns"], parts.item(session_id)["window"]) == (7, '{"from":0}')
    assert parts.linked(session_id) == {f"agent#{second}"}
    assert parts.of(agent=first) == parts.of(user=user) == []


def test_a_put_leaves_participants_of_whom_nothing_is_said(parts: Parts):
    user = parts.user()
    session = parts.session(user=user, situation="x", token_budget=5, metadata={"a": 1})
    anew = parts.sessions.replace(TENANT, session["id"], {"metadata": {"b": 1}})
    assert (anew["agents"], anew["users"]) == (session["agents"], [user])
    assert (anew["situation"], anew["token_budget"], anew["metadata"]) == (None, None, {"b": 1})
    without = parts.sessions.replace(TENANT, session["id"], {"users": []})
    assert (without["agents"], without["users"]) == (session["agents"], [])
    assert parts.linked(session["id"]) == {f"agent#{session['agent']}"}


def test_a_patch_changes_what_is_given(parts: Parts):
    session = parts.session(situation="x", metadata={"a": 1, "b": 2}, auto_run_tools=True)
    parts.chats(session["id"])
    changed = parts.sessions.update(TENANT, session["id"], {"metadata": {"b": 3}, "situation": None, "token_budget": 9})
    assert (changed["metadata"], changed["situation"], changed["token_budget"]) == ({"a": 1, "b": 3}, "x", 9)
    assert (changed["auto_run_tools"], changed["agents"]) == (True, session["agents"])
    assert changed["summary"] == "They met."
    assert (parts.item(session["id"])["turns"], parts.linked(session["id"])) == (1, {f"agent#{session['agent']}"})
    parts.tables.requests.clear()
    parts.sessions.update(TENANT, session["id"], {"situation": "y"})
    assert parts.tables.requests == ["get", "update"]


def test_a_patch_of_participants_replaces_those_of_the_role(parts: Parts):
    session, second, users = parts.session(user=parts.user()), parts.agent(), [parts.user(), parts.user()]
    changed = parts.sessions.update(TENANT, session["id"], {"users": users})
    assert (changed["agents"], changed["users"]) == (session["agents"], users)
    changed = parts.sessions.update(TENANT, session["id"], {"agent": second})
    assert (changed["agents"], changed["users"]) == ([second], users)
    assert parts.linked(session["id"]) == {f"agent#{second}", *(f"user#{user}" for user in users)}
    with pytest.raises(InvalidRequest, match="At least one agent"):
        parts.sessions.update(TENANT, session["id"], {"agents": []})


def test_a_chat_in_between_makes_a_change_wait_and_loses_nothing(parts: Parts):
    session = parts.session()
    parts.tables.before_update = lambda: parts.chats(session["id"], 3)
    changed = parts.sessions.update(TENANT, session["id"], {"situation": "y"})
    item = parts.item(session["id"])
    assert (changed["situation"], item["turns"], changed["summary"]) == ("y", 3, "They met.")


@pytest.mark.parametrize("moment", ["before_update", "before_delete"])
def test_who_comes_back_at_the_same_moment_is_still_found(parts: Parts, moment: str):
    first, second, session_id = parts.agent(), parts.agent(), uuid7()
    parts.sessions.create(TENANT, {"agent": first}, session_id=session_id)
    back = (first, second) if moment == "before_delete" else (second, first)
    setattr(parts.tables, moment, lambda: parts.sessions.update(TENANT, session_id, {"agent": back[0]}))
    parts.sessions.update(TENANT, session_id, {"agent": back[1]})
    assert parts.of(agent=first) == [session_id]
    assert parts.of(agent=second) == []
    links = [key for key in parts.tables.items if "#sessionof#" in key.pk]
    assert links == [link_key(TENANT, Participant("agent", first), session_id)]


def test_lists_by_participant(parts: Parts):
    one, two, user, lonely = parts.agent(), parts.agent(), parts.user(), parts.user()
    both = parts.session(agents=[one, two], user=user)["id"]
    alone = parts.session(agent=one, metadata={"n": 1})["id"]
    late = parts.session(agent=two, users=[user], metadata={"n": 1})["id"]
    for sort_by in ("created_at", "updated_at"):
        assert parts.of(sort_by=sort_by) == [late, alone, both]
        assert parts.of(sort_by=sort_by, agent=one) == [alone, both]
        assert parts.of(sort_by=sort_by, user=user) == [late, both]
        assert parts.of(sort_by=sort_by, agent=one, user=user) == [both]
        assert parts.of(sort_by=sort_by, user=lonely, agent=one) == []
        query = ListQuery(sort_by=sort_by, metadata_filter={"n": "1"})
        assert [found["id"] for found in parts.sessions.list(TENANT, query, agent=two).items] == [late]
        for who in (
            {"agent": uuid7()},
            {"user": uuid7()},
            {"agent": uuid7(), "user": user},
            {"agent": one, "user": one},
        ):
            with pytest.raises(NotFound):
                parts.of(sort_by=sort_by, **who)
    parts.chats(both)
    assert parts.of(sort_by="updated_at", user=user) == [both, late]
    parts.sessions.delete(TENANT, late)
    assert parts.of(user=user) == [both]


@pytest.mark.parametrize("sort_by", ["created_at", "updated_at"])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_participants_list_is_paged(parts: Parts, sort_by: Any, limit: int):
    agent, other = parts.agent(), parts.agent()
    made = [parts.session(agent=(agent, other)[number % 3 == 2])["id"] for number in range(20)]
    wanted = [one for number, one in enumerate(made) if number % 3 != 2]
    for way in ("cursor", "offset"):
        seen: list[str] = []
        cursor = None
        while True:
            place: Any = {"cursor": cursor} if way == "cursor" else {"offset": len(seen)}
            page = parts.sessions.list(
                TENANT, ListQuery(limit=limit, sort_by=sort_by, direction="asc", **place), agent=agent
            )
            seen += [one["id"] for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == wanted
    first = parts.sessions.list(TENANT, ListQuery(limit=1, sort_by=sort_by), agent=agent)
    with pytest.raises(InvalidRequest, match="cursor"):
        parts.sessions.list(TENANT, ListQuery(sort_by=sort_by, cursor=first.next_cursor), agent=other)


def test_a_list_by_agent_reads_only_that_agents_sessions(parts: Parts):
    agent, other = parts.agent(), parts.agent()
    for _ in range(50):
        parts.session(agent=other)
    mine = parts.session(agent=agent)["id"]
    parts.tables.requests.clear()
    assert parts.of(agent=agent) == [mine]
    assert parts.tables.requests == ["query", "get_many"]


def test_a_tombstone_keeps_what_the_removal_needs(parts: Parts):
    user = parts.user()
    session = parts.session(user=user)
    parts.chats(session["id"], 12)
    answer = parts.sessions.delete(TENANT, session["id"])
    assert (answer["id"], answer["jobs"]) == (session["id"], [])
    grave = parts.item(session["id"])
    assert grave["participants"] == [f"agent#{session['agent']}", f"user#{user}"]
    assert (grave["turns"], grave["window"]) == (12, '{"from":0}')
    assert [message["kind"] for message in parts.queue.messages] == ["session"]
    for call in (parts.sessions.get, parts.sessions.delete):
        with pytest.raises(NotFound):
            call(TENANT, session["id"])
    assert parts.of() == parts.of(agent=session["agent"]) == []
    with pytest.raises(Conflict) as told:
        parts.sessions.create_or_update(TENANT, session["id"], {"agent": session["agent"]})
    assert told.value.should_retry


def test_a_chat_while_a_session_is_deleted_is_in_the_tombstone(parts: Parts, monkeypatch: pytest.MonkeyPatch):
    session = parts.session()
    put = parts.tables.put

    def after_a_chat(*args: Any, **options: Any) -> None:
        monkeypatch.undo()
        parts.chats(session["id"], 5)
        put(*args, **options)

    monkeypatch.setattr(parts.tables, "put", after_a_chat)
    parts.sessions.delete(TENANT, session["id"])
    assert parts.item(session["id"])["turns"] == 5


def test_a_deleted_participant_leaves_the_session(parts: Parts):
    session = parts.session(user=parts.user())
    parts.agents.delete(TENANT, session["agent"])
    assert parts.sessions.get(TENANT, session["id"])["agents"] == session["agents"]
    assert parts.sessions.update(TENANT, session["id"], {"situation": "y"})["situation"] == "y"
    with pytest.raises(InvalidRequest, match=f"there is no agent {session['agent']}"):
        parts.sessions.update(TENANT, session["id"], {"agent": session["agent"]})
    with pytest.raises(NotFound):
        parts.of(agent=session["agent"])


OPTIONS = st.dictionaries(
    st.sampled_from(sorted(set().union(*RECALL_KEYS.values()))), st.one_of(st.none(), st.integers(0, 3))
)
MODES = st.sampled_from([*RECALL_KEYS, None])


@given(OPTIONS, MODES, OPTIONS, MODES)
def test_recall_options_keep_what_was_given_and_the_mode_has(old: Any, before: Any, new: Any, after: Any):
    first = recall_options({**old, "mode": before})
    assert first is not None
    assert first["mode"] == (before or "vector")
    merged = recall_options({**new, "mode": after}, first)
    assert merged is not None
    mode = after or first["mode"]
    expected = {
        name: value for name, value in {**first, **new}.items() if value is not None and name in RECALL_KEYS[mode]
    }
    assert merged == {"mode": mode, **expected}
    assert recall_options(None, merged) == merged


def test_participants_of_different_kinds_with_one_id_are_two(parts: Parts):
    same = uuid7()
    parts.agents.create(TENANT, {"name": "A"}, agent_id=same)
    parts.users.create(TENANT, {"name": "U"}, user_id=same)
    session = parts.session(agent=same, user=same)
    assert parts.linked(session["id"]) == {f"agent#{same}", f"user#{same}"}
    parts.sessions.update(TENANT, session["id"], {"users": []})
    assert parts.linked(session["id"]) == {f"agent#{same}"}
    assert partition(TENANT, Participant("agent", same)) != partition(TENANT, Participant("user", same))
