"""What a turn costs does not depend on how long the conversation is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from silvercup.chat.window import PACKED, TAIL, Window
from silvercup.docs.documents import DocOwner
from silvercup.llm.model import ModelRequest
from silvercup.llm.tokens import estimate
from silvercup.storage import Item, Key
from silvercup.values import dumps
from tests.support.chats import API_CALL, FUNCTION, SESSION, ChatWorld, Says, written

MOST = 6


def long(world: ChatWorld, entries: int, **fields: Any) -> str:
    """A session with so many entries."""
    session = world.session(session_id=SESSION, **fields)
    items, mine = written(entries)
    world.tables.items |= items
    world.tables.items[world.place(session).key] |= mine
    return session


@pytest.mark.parametrize("mode", ["truncate", "adaptive"])
@pytest.mark.parametrize("entries", [10, 10_000])
def test_a_turn_takes_few_requests_at_any_length(entries: int, mode: str):
    world = ChatWorld(context=4_000)
    agent = world.agent()
    for number in range(3):
        world.tool(agent, {**API_CALL, "name": f"lookup{number}"})
        world.tools.runs[f"lookup{number}"] = lambda _: "found"
    world.tool(agent, FUNCTION)
    users = [world.user(), world.user()]
    session = long(world, entries, agent=agent, users=users, auto_run_tools=True, context_overflow=mode)
    calls = Says(calls=[("lookup0", {}), ("lookup1", {})])
    world.model.always = lambda request: calls if request.messages[-1]["content"] == "hi" else "They spoke."
    for _ in range(3):
        world.say(session, "warm")
    counted: list[int] = []
    for number in range(TAIL + 1):
        before = world.window(session)
        requests = world.requests_of(lambda: world.say(session, "hi"))
        after = world.window(session)
        assert len(requests) <= MOST + 2 * (after.summary != before.summary), requests
        assert requests[:2] == ["get", "get_many"]
        if (after.packs, after.summary) == (before.packs, before.summary):
            counted.append(len(requests))
        assert world.window(session).turns == entries // 2 + 4 + number
    assert world.window(session).packs
    assert len(counted) > TAIL // 2
    assert set(counted) == {4}


@pytest.mark.parametrize("entries", [10, 10_000])
def test_a_turn_with_docs_takes_few_requests_at_any_length(entries: int):
    world = ChatWorld(context=4_000)
    agent = world.agent()
    session = long(world, entries, agent=agent, context_overflow="truncate")
    world.create("abc abc", owner=DocOwner("agent", agent))
    world.settle()
    for _ in range(TAIL // 2):
        requests = world.requests_of(lambda: world.say(session, "abcabc", settings={"max_tokens": 10}))
        assert len(requests) <= MOST, requests
    assert "abc abc" in world.sent[0]["content"]


@pytest.mark.parametrize("entries", [400, 10_000])
def test_only_what_is_sent_is_read(entries: int):
    world = ChatWorld()
    session = long(world, entries, context_overflow="truncate", token_budget=1_000)
    world.say(session, "warm")
    while len(world.window(session).tail) != TAIL - PACKED // 2:
        world.say(session, "w" * 80)
    read: list[Item] = []
    get_many = world.tables.get_many

    def watched(keys: Iterable[Key]) -> dict[Key, Item]:
        found = get_many(keys)
        read.extend(item for key, item in found.items() if f"#{SESSION}#" in key.pk)
        return found

    world.tables.get_many = watched
    world.say(session, "now")
    assert {item["kind"] for item in read} == {"turn"}
    assert 10 <= len(read) <= 1.3 * len(world.sent) / 2
    assert sum(len(item["body"]) for item in read) < 2 * len(dumps(world.sent))


def test_the_window_of_a_long_session_stays_small():
    world = ChatWorld()
    text: str = world.item(long(world, 10_000))["window"]
    assert len(text) < 2_000
    assert Window.decode(text).turns == 5_000


def test_a_conversation_at_its_limit_has_its_prompts_counted_once_and_learns_the_rest_from_the_answers():
    world = ChatWorld(context=2_000)
    session = world.session(context_overflow="truncate")
    counted: list[int] = []

    def count(request: ModelRequest) -> int:
        counted.append(len(request.messages))
        return 2 * estimate(request.messages)

    world.model.counts = count
    world.model.always = lambda request: Says("a " * 20, prompt_tokens=2 * estimate(request.messages))
    for number in range(30):
        world.say(session, f"question {number} " + "w" * 40)
        assert 2 * estimate(world.sent) <= 1_000
    assert len(counted) <= 1
    assert world.window(session).turns == 30
