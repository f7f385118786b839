"""Turns are kept whole, in one order, whoever writes at the same time and wherever a writer is killed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from silvercup.chat.window import TAIL
from silvercup.errors import TransientError
from silvercup.llm.model import ModelRequest
from silvercup.storage import Change, Item, Key
from tests.support.chats import ChatWorld
from tests.support.docs import TENANT


class Killed(BaseException):
    """The process ends here."""


def kill_at(world: ChatWorld, monkeypatch: pytest.MonkeyPatch, nth: int, error: Callable[[], BaseException]) -> None:
    """The nth write of a turn is not done: the process is killed before it."""
    left = nth
    put, update = world.tables.put, world.tables.update

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise error()

    def putting(table: str, item: Item, **options: Any) -> None:
        count()
        put(table, item, **options)

    def updating(key: Key, change: Change) -> Item:
        count()
        return update(key, change)

    monkeypatch.setattr(world.tables, "put", putting)
    monkeypatch.setattr(world.tables, "update", updating)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("nth", [0, 1])
@pytest.mark.parametrize("error", [Killed, lambda: TransientError("throttled")])
def test_a_turn_is_kept_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, nth: int, error: Callable[[], BaseException], *, again: bool
):
    world = ChatWorld()
    session = world.session()
    world.say(session, "before")
    with monkeypatch.context() as patch:
        kill_at(world, patch, nth, error)
        with pytest.raises((Killed, TransientError)):
            world.say(session, "now", once="now")
    kept = [("user", "now"), ("assistant", "Echo: now")] if nth else []
    before = [("user", "before"), ("assistant", "Echo: before")]
    assert world.said(session) == [*before, *kept]
    asked = len(world.model.requests)
    if again:
        assert world.say(session, "now", once="now", again=True) == "Echo: now"
        assert len(world.model.requests) == asked + (not nth)
        kept = [("user", "now"), ("assistant", "Echo: now")]
    world.say(session, "after")
    assert world.said(session) == [*before, *kept, ("user", "after"), ("assistant", "Echo: after")]
    assert [one["content"] for one in world.sent[1:-1]] == [text for _, text in [*before, *kept]]
    assert world.window(session).turns == len(world.said(session)) // 2


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_the_turn_that_packs_may_be_killed_anywhere(monkeypatch: pytest.MonkeyPatch, nth: int):
    world = ChatWorld()
    session = world.session()
    for number in range(TAIL - 1):
        world.say(session, str(number))
    with monkeypatch.context() as patch:
        kill_at(world, patch, nth, Killed)
        with pytest.raises(Killed):
            world.say(session, "packs")
    world.say(session, "after")
    world.say(session, "and after")
    assert world.window(session).packs
    wanted = [*map(str, range(TAIL - 1)), *(["packs"] if nth else []), "after", "and after"]
    assert [text for role, text in world.said(session) if role == "user"] == wanted
    assert [one["content"] for one in world.sent if one["role"] == "user"] == wanted


@pytest.mark.parametrize("chats", [2, 10])
def test_chats_at_once_are_all_kept(chats: int):
    world = ChatWorld()
    session = world.session()
    rounds = 12
    met = threading.Barrier(chats, timeout=30)

    def answer(request: ModelRequest) -> str:
        met.wait()
        return f"answer to {request.messages[-1]['content']}"

    world.model.always = answer
    with ThreadPoolExecutor(chats) as threads:
        list(threads.map(lambda n: [world.say(session, f"{n}.{one}") for one in range(rounds)], range(chats)))
    said = world.said(session)
    asked = [text for _, text in said[::2]]
    assert [text for _, text in said[1::2]] == [f"answer to {text}" for text in asked]
    assert sorted(asked) == sorted(f"{n}.{one}" for n in range(chats) for one in range(rounds))
    assert world.window(session).turns == chats * rounds
    world.model.always = None
    world.say(session, "last")
    assert [one["content"] for one in world.sent if one["role"] == "user"] == [*asked, "last"]


def test_a_history_that_is_cleared_while_a_chat_is_at_work_keeps_that_turn():
    world = ChatWorld()
    session = world.session()
    world.say(session, "before")

    def meanwhile(_: ModelRequest) -> str:
        world.history.clear(TENANT, session)
        return "late"

    world.model.script(meanwhile)
    world.say(session, "now")
    assert world.said(session) == [("user", "now"), ("assistant", "late")]
    assert world.window(session).tokens < 20, "what was cleared is not counted"


def test_an_entry_that_is_deleted_while_a_chat_is_at_work_stays_deleted():
    world = ChatWorld()
    session = world.session()
    for number in range(TAIL - 1):
        world.say(session, str(number))

    def meanwhile(_: ModelRequest) -> str:
        world.history.delete(TENANT, session, world.entries(session)[0]["id"])
        return "packs now"

    world.model.script(meanwhile)
    world.say(session, "now")
    world.say(session, "after")
    assert world.window(session).packs
    assert "0" not in [one["content"] for one in world.sent]
    assert world.sent[1]["content"] == "Echo: 0"


def test_the_session_is_touched_by_each_turn():
    world = ChatWorld()
    session = world.session()
    before = world.sessions.get(TENANT, session)["updated_at"]
    world.say(session, "x")
    between = world.sessions.get(TENANT, session)["updated_at"]
    world.say(session, "y")
    assert before < between < world.sessions.get(TENANT, session)["updated_at"]


def test_a_session_that_is_changed_while_a_chat_is_at_work_keeps_both():
    world = ChatWorld()
    session = world.session()

    def meanwhile(_: ModelRequest) -> str:
        world.sessions.update(TENANT, session, {"situation": "Changed."})
        return "late"

    world.model.script(meanwhile)
    world.say(session, "now")
    assert world.sessions.get(TENANT, session)["situation"] == "Changed."
    assert len(world.said(session)) == 2
