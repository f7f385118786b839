"""Which docs a chat recalls, by what, and what of it templates see."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.chat.recall import DEFAULTS, search_request, spoken
from silvercup.docs.documents import DocOwner
from silvercup.errors import ModelUnavailable
from tests.support.chats import API_CALL, ChatWorld, Says
from tests.support.docs import TENANT


class Recalling(ChatWorld):
    """A session of an agent and two users, each with a doc; and another agent's doc."""

    def __init__(self) -> None:
        super().__init__()
        self.speaker, self.silent = self.agent(name="Ann"), self.agent(name="Cid")
        self.humans = [self.user(name="Bob"), self.user(name="Eve")]
        owners = [
            *(DocOwner("agent", one) for one in (self.speaker, self.silent)),
            *(DocOwner("user", one) for one in self.humans),
        ]
        for owner, text in zip(owners, ("aaab", "aaac", "aaad", "zzzz"), strict=True):
            self.create(text, title=f"of {text}", owner=owner, metadata={"text": text})
        self.settle()
        self.talk = self.session(agents=[self.speaker, self.silent], users=self.humans)

    def found(self, *said: Any, **more: Any) -> list[str]:
        return [doc["title"] for doc in self.chat(self.talk, *said, **more)["docs"]]


@pytest.fixture
def world() -> Recalling:
    return Recalling()


def test_docs_of_the_speaking_agent_and_of_all_users_are_found_the_nearest_first(world: Recalling):
    assert world.found("aaad") == ["of aaad", "of aaab"]
    assert set(world.found("aaac", agent=world.silent)) == {"of aaac", "of aaad"}
    assert "of zzzz" in world.found("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")


def test_what_is_found_is_shown_and_told_to_the_model(world: Recalling):
    answer = world.chat(world.talk, "aaad")
    doc = answer["docs"][0]
    assert doc["owner"] == {"id": world.humans[0], "role": "user"}
    assert doc["snippet"]["content"] == "aaad"
    assert doc["metadata"] == {"text": "aaad"}
    assert doc["distance"] < 0.5
    system = world.sent[0]["content"]
    assert "Relevant documents:\nof aaad\naaad\n---" in system
    assert system.index("of aaad") < system.index("of aaab")


def test_without_recall_nothing_is_looked_for(world: Recalling):
    asked = len(world.embedder.asked)
    assert world.found("aaad", recall=False) == []
    assert "Relevant documents" not in world.sent[0]["content"]
    assert len(world.embedder.asked) == asked


def test_the_query_is_embedded_once_with_the_last_messages(world: Recalling):
    world.chat(world.talk, "one")
    world.embedder.asked.clear()
    world.chat(world.talk, {"role": "user", "content": "two", "name": "Bob"}, "three")
    assert world.embedder.asked == [["user: one\n\nassistant: Echo: one\n\nBob: two\n\nuser: three"]]


def test_the_traffic_of_tools_is_not_looked_for(world: Recalling):
    world.tool(world.speaker, API_CALL)
    world.tools.runs["lookup"] = lambda _: "zzzz zzzz"
    world.model.script(Says(calls=[("lookup", {})]), "")
    world.chat(world.talk, "look", auto_run_tools=True)
    world.embedder.asked.clear()
    world.chat(world.talk, "now")
    assert world.embedder.asked == [["user: look\n\nuser: now"]]


def test_a_retry_shows_the_same_docs(world: Recalling):
    first = world.chat(world.talk, "aaad", once="a")
    assert first["docs"]
    assert world.chat(world.talk, "aaad", once="a", again=True) == first


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"limit": 1}, ["of aaad"]),
        ({"metadata_filter": {"text": "aaab"}}, ["of aaab"]),
        ({"confidence": 0.9999}, []),
        ({"mode": "text"}, ["of aaad"]),
        ({"mode": "hybrid", "alpha": 0.9}, ["of aaad", "of aaab"]),
    ],
)
def test_the_session_s_options_count(world: Recalling, options: dict[str, Any], found: list[str]):
    mode = options.get("mode", "vector")
    world.sessions.update(TENANT, world.talk, {"recall_options": {"mode": mode, "num_search_messages": 1, **options}})
    got = world.found({"role": "user", "content": "aaad", "name": "aaad"})
    assert got[: len(found)] == found
    assert len(got) == len(found) or mode == "hybrid"


def test_an_embedder_that_is_down_is_told_and_nothing_is_kept(world: Recalling):
    world.embedder.down = True
    with pytest.raises(ModelUnavailable, match="embedder is down"):
        world.chat(world.talk, "aaad")
    assert world.left(world.talk) == []
    assert world.found("aaad", recall=False) == []


def test_where_there_are_no_docs_nothing_is_embedded():
    world = ChatWorld()
    session = world.session()
    assert world.chat(session, "hi")["docs"] == []
    assert world.embedder.asked == []


def test_only_what_users_and_agents_say_in_text_counts():
    said = spoken([
        {"role": "system", "content": "x"},
        {"role": "tool", "content": "x"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "  "},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
    ])  # fmt: skip
    assert [one["content"] for one in said] == ["a\nb", "c"]


def test_v1_s_ends_of_long_messages():
    said = [{"role": "user", "content": "x" * 150}, {"role": "user", "content": "y" * 150 + "z"}]
    options = {**DEFAULTS, "max_query_length": 100}
    vector = search_request(options, said)
    assert vector is not None
    assert vector.embed == "y" * 99 + "z", "the last characters of all"
    hybrid = search_request({**options, "mode": "hybrid"}, said)
    assert hybrid is not None
    assert hybrid.text == "y" * 100, "the first of the last message"


def test_words_alone_that_say_nothing_find_nothing():
    assert search_request({**DEFAULTS, "mode": "text"}, [{"role": "user", "content": "and the of"}]) is None
    hybrid = search_request({**DEFAULTS, "mode": "hybrid"}, [{"role": "user", "content": "and the of"}])
    assert hybrid is not None
