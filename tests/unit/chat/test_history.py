"""A history: read in pages, added to, and deleted, entry by entry or as a whole; what deletions leave."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.chat.history import SHOWN, SOURCES, HistoryQuery
from silvercup.chat.window import TAIL
from silvercup.deletions import Deletion
from silvercup.errors import InvalidRequest, NotFound
from silvercup.ids import uuid7
from silvercup.storage import Key
from tests.support.chats import API_CALL, ChatWorld, Says
from tests.support.docs import TENANT

LARGE = "x" * 100_000


@pytest.fixture
def world() -> ChatWorld:
    return ChatWorld()


def pages(world: ChatWorld, session: str, **query: Any) -> list[str]:
    """The texts of all pages, by their cursors."""
    texts: list[str] = []
    cursor = None
    while True:
        page = world.history.list(TENANT, session, HistoryQuery(**query, cursor=cursor))
        assert len(page["entries"]) <= query["limit"]
        texts += [one["content"][0]["text"] for one in page["entries"]]
        if "next_cursor" not in page:
            return texts
        cursor = page["next_cursor"]


def added(world: ChatWorld, session: str, *texts: str) -> list[str]:
    """Entries of the user, one turn; their ids."""
    messages = [{"role": "user", "content": text} for text in texts]
    answer = world.history.append(TENANT, session, messages, turn_id=uuid7())
    return [one["id"] for one in answer["entries"]]


@pytest.mark.parametrize("limit", [1, 3, 7, 10_000])
def test_pages_have_everything_once_both_ways(world: ChatWorld, limit: int):
    session = world.session()
    for number in range(TAIL + 20):
        added(world, session, *(f"{number}.{part}" for part in range(number % 3 + 1)))
    wanted = [f"{number}.{part}" for number in range(TAIL + 20) for part in range(number % 3 + 1)]
    assert pages(world, session, limit=limit) == wanted
    assert pages(world, session, limit=limit, newest_first=True) == wanted[::-1]
    page = world.history.list(TENANT, session, HistoryQuery(limit=5, offset=4))
    assert [one["content"][0]["text"] for one in page["entries"]] == wanted[4:9]


def test_an_entry_is_shown_as_v1_did(world: ChatWorld):
    session = world.session()
    world.say(session, {"role": "user", "content": "Hi", "name": "Bob"})
    answer = world.history.list(TENANT, session, HistoryQuery())
    assert answer["session_id"] == session
    assert answer["relations"] == []
    hi, echo = answer["entries"]
    assert (hi["role"], hi["name"], hi["source"]) == ("user", "Bob", "api_request")
    assert hi["content"] == [{"type": "text", "text": "Hi"}]
    assert hi["created_at"] < echo["created_at"]
    assert hi["id"] < echo["id"]
    assert echo["token_count"] > 0
    assert "name" not in world.sent[-1], "it is kept, not sent"


def test_the_traffic_of_tools_is_there_for_who_asks(world: ChatWorld):
    agent = world.agent()
    world.tool(agent, API_CALL)
    world.tools.runs["lookup"] = lambda _: "found"
    session = world.session(agent=agent, auto_run_tools=True)
    world.model.script(Says(calls=[("lookup", {})]), "Done.")
    world.say(session, "look")
    assert [one["source"] for one in world.entries(session, sources=SHOWN)] == ["api_request", "api_response"]
    of_tools = world.entries(session, sources=SOURCES - SHOWN)
    assert [one["source"] for one in of_tools] == ["tool_request", "tool_response"]
    assert of_tools[1]["tool_call_id"] == of_tools[0]["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 10_001}, {"offset": -1}, {"sources": frozenset({"api_request", "nonsense"})}],
)
def test_what_can_not_be_listed_is_told(wrong: dict[str, Any]):
    with pytest.raises(InvalidRequest, match=r"Limit|Offset|nonsense"):
        HistoryQuery(**wrong)


def test_a_cursor_of_another_list_is_refused(world: ChatWorld):
    one, two = world.session(), world.session()
    for session in (one, two):
        added(world, session, "a", "b")
    cursor = world.history.list(TENANT, one, HistoryQuery(limit=1))["next_cursor"]
    with pytest.raises(InvalidRequest, match="cursor"):
        world.history.list(TENANT, two, HistoryQuery(cursor=cursor))


def test_what_is_added_is_sent(world: ChatWorld):
    session = world.session()
    messages = [{"role": "user", "content": "I am Ada."}, {"role": "assistant", "content": "Hello, Ada."}]
    shown = world.history.append(TENANT, session, messages, turn_id=uuid7())["entries"]
    assert [one["source"] for one in shown] == ["api_request", "api_response"]
    assert world.entries(session) == shown
    world.say(session, "Who am I?")
    assert [one["content"] for one in world.sent[1:]] == ["I am Ada.", "Hello, Ada.", "Who am I?"]


def test_the_same_added_twice_is_there_twice_and_a_retry_once(world: ChatWorld):
    session = world.session()
    message = [{"role": "user", "content": "again"}]
    for again in (False, False, True):
        shown = world.history.append(TENANT, session, message, turn_id=uuid7(), once="same", again=again)
        assert len(shown["entries"]) == 1
    assert world.said(session) == [("user", "again")] * 2


def test_a_deleted_entry_is_gone_from_what_is_shown_and_sent(world: ChatWorld):
    session = world.session()
    for text in ("one", "two", "three"):
        world.say(session, text)
    two = world.entries(session)[2]
    told = world.history.delete(TENANT, session, two["id"])
    assert (told["id"], told["jobs"]) == (two["id"], [])
    assert ("user", "two") not in world.said(session)
    assert len(world.said(session)) == 5
    world.say(session, "four")
    assert [one["content"] for one in world.sent[1:]] == [
        "one",
        "Echo: one",
        "Echo: two",
        "three",
        "Echo: three",
        "four",
    ]
    with pytest.raises(NotFound, match=two["id"]):
        world.history.delete(TENANT, session, two["id"])


@pytest.mark.parametrize("text", ["old", LARGE])
def test_a_deleted_entry_is_gone_where_it_was_packed(world: ChatWorld, text: str):
    session = world.session(context_overflow="truncate", token_budget=100_000)
    (first,) = added(world, session, text)
    for number in range(2 * TAIL):
        world.say(session, str(number))
    assert world.window(session).packs
    world.history.delete(TENANT, session, first)
    world.say(session, "now")
    assert all(one["content"] != text for one in world.sent)
    assert [one["content"] for one in world.sent[1:4]] == ["0", "Echo: 0", "1"]
    assert len(world.sent) == 4 * TAIL + 2
    assert all("x" * 50 not in str(item) for item in world.tables.items.values())
    assert all(b"x" * 50 not in body for body in world.blobs.bodies.values())


def test_a_deleted_entry_takes_no_tokens(world: ChatWorld):
    session = world.session(token_budget=2_000)
    (first,) = added(world, session, "x" * 4_000)
    added(world, session, "x" * 5_000)
    with pytest.raises(Exception, match="token_budget"):
        world.say(session, "hi")
    world.history.delete(TENANT, session, first)
    assert world.say(session, "hi") == "Echo: hi"


def test_with_a_call_its_result_goes(world: ChatWorld):
    agent = world.agent()
    world.tool(agent, API_CALL)
    world.tools.runs["lookup"] = lambda _: "found"
    session = world.session(agent=agent, auto_run_tools=True)
    world.model.script(Says(calls=[("lookup", {})]), "Done.")
    world.say(session, "look")
    call = world.entries(session)[1]
    world.history.delete(TENANT, session, call["id"])
    assert world.said(session) == [("user", "look"), ("assistant", "Done.")]


def test_without_its_result_a_call_is_sent_with_a_word_on_that(world: ChatWorld):
    agent = world.agent()
    world.tool(agent, API_CALL)
    world.tools.runs["lookup"] = lambda _: "found"
    session = world.session(agent=agent, auto_run_tools=True)
    world.model.script(Says(calls=[("lookup", {})]), "Done.")
    world.say(session, "look")
    world.history.delete(TENANT, session, world.entries(session)[2]["id"])
    world.say(session, "and?")
    assert world.sent[3]["role"] == "tool"
    assert "no result" in world.sent[3]["content"]


def test_another_session_s_entry_can_not_be_deleted(world: ChatWorld):
    one, two = world.session(), world.session()
    (entry,) = added(world, one, "a")
    added(world, two, "b")
    for wrong in (entry, uuid7()):
        with pytest.raises(NotFound):
            world.history.delete(TENANT, two, wrong)
    assert world.said(one) == [("user", "a")]


def worked_off(world: ChatWorld, *, limit: int = 500) -> int:
    """Work the queue of deletions off, as far as histories and sessions go; how many slices it took."""
    slices = 0
    for message in [*world.queue.messages]:
        grave = world.tables.items[Key("core", Deletion.of(message).pk)]
        session = grave.get("session") or message["id"]
        while world.remains().remove(TENANT, session, grave, limit) >= limit:
            slices += 1
            grave = world.tables.items[Key("core", Deletion.of(message).pk)]
        slices += 1
    return slices


def talked(world: ChatWorld) -> str:
    """A session with everything: turns, packs, a large one, summaries."""
    session = world.session(context_overflow="adaptive", token_budget=4_000)
    world.history.append(TENANT, session, [{"role": "user", "content": "x" * 70_000}], turn_id=uuid7())
    world.history.delete(TENANT, session, world.entries(session)[0]["id"])
    for number in range(TAIL + 10):
        world.say(session, f"{number} {'y' * 200}")
    assert any("#summary#" in pk for pk in world.left(session))
    assert any("#pack#" in pk for pk in world.left(session))
    return session


def test_a_cleared_history_is_gone_at_once_and_the_session_goes_on(world: ChatWorld):
    session = talked(world)
    world.history.clear(TENANT, session)
    assert world.entries(session) == []
    assert world.sessions.get(TENANT, session)["summary"] is None
    world.say(session, "afresh")
    assert [one["content"] for one in world.sent[1:]] == ["afresh"]
    worked_off(world)
    assert world.said(session) == [("user", "afresh"), ("assistant", "Echo: afresh")]
    assert [pk for pk in world.left(session) if "#history#" not in pk] == [world.place(session).turn(TAIL + 11).pk]
    assert world.blobs.bodies == {}


def test_what_was_said_after_a_history_was_cleared_stays(world: ChatWorld):
    session = talked(world)
    world.history.clear(TENANT, session)
    for number in range(2 * TAIL):
        world.say(session, f"{number} {'z' * 200}")
    before, left = world.entries(session), world.left(session)
    asked = len(world.model.requests)
    worked_off(world, limit=30)
    worked_off(world)
    assert world.entries(session) == before
    assert {pk for pk in left if "#turn#" not in pk} >= {pk for pk in world.left(session) if "#turn#" not in pk}
    world.say(session, "last")
    assert world.sent[1]["content"].startswith("Summary of the conversation")
    assert len(world.model.requests) == asked + 1


@pytest.mark.parametrize("limit", [7, 500])
def test_a_deleted_session_leaves_what_was_used(world: ChatWorld, limit: int):
    session = talked(world)
    spent = sorted(item["spent_at"] for item in world.tables.items.values() if "spent" in item)
    assert len(spent) == TAIL + 10
    world.sessions.delete(TENANT, session)
    with pytest.raises(NotFound):
        world.entries(session)
    slices = worked_off(world, limit=limit)
    assert slices == 1 if limit == 500 else slices > 5
    assert world.left(session) == []
    assert world.blobs.bodies == {}
    kept = [item for item in world.tables.items.values() if "spent" in item]
    assert sorted(item["spent_at"] for item in kept) == spent
    assert all(item["kind"] == "usage" and "body" not in item for item in kept)


def test_a_turn_that_a_killed_writer_left_goes_with_its_session(world: ChatWorld):
    session = world.session()
    world.say(session, "known")
    window = world.item(session)["window"]
    world.say(session, "left behind")
    world.tables.items[world.place(session).key]["window"] = window
    world.sessions.delete(TENANT, session)
    worked_off(world)
    assert world.left(session) == []
