"""Tools in a turn: run here, run by the caller, both at once; and the same while the answer is streamed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from silvercup.errors import ToolFailed
from silvercup.llm.model import ModelRequest
from silvercup.tool_types import MOST_ROUNDS
from silvercup.tools.calls import ToolCall
from tests.support.chats import API_CALL, FUNCTION, ChatWorld, Says
from tests.support.docs import TENANT

SYSTEM: dict[str, Any] = {
    "name": "docs",
    "type": "system",
    "system": {"resource": "agent", "subresource": "doc", "operation": "list"},
}


class Tooled(ChatWorld):
    """An agent with a tool of each kind, and a session that runs what runs here."""

    def __init__(self) -> None:
        super().__init__()
        self.speaker = self.agent()
        for tool in (API_CALL, FUNCTION, SYSTEM):
            self.tool(self.speaker, tool)
        self.tools.runs["lookup"] = lambda call: {"found": call.arguments}
        self.tools.runs["docs"] = lambda _: []
        self.talk = self.session(agent=self.speaker, auto_run_tools=True)

    def answer(self, stream: bool, *said: Any, **more: Any) -> tuple[dict[str, Any], str]:
        """(message, finish_reason) of a turn."""
        if not stream:
            choice = self.chat(self.talk, *said, **more)["choices"][0]
            return choice["message"], choice["finish_reason"]
        parts = self.stream(self.talk, *said, **more)
        assert [part["choices"][0]["finish_reason"] for part in parts[:-1]] == [None] * (len(parts) - 1)
        assert all(part["usage"] is None for part in parts[:-1])
        assert parts[-1]["usage"]["prompt_tokens"] > 0
        deltas = [part["choices"][0]["delta"] for part in parts]
        calls: dict[int, dict[str, Any]] = {}
        for one in (call for delta in deltas for call in delta.get("tool_calls") or ()):
            call = calls.setdefault(one["index"], {**one, "function": {"name": "", "arguments": ""}})
            call["function"]["name"] += one["function"].get("name") or ""
            call["function"]["arguments"] += one["function"].get("arguments") or ""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(delta["content"] or "" for delta in deltas).strip() or None,
        }
        if calls:
            message["tool_calls"] = [
                {name: value for name, value in call.items() if name != "index"} for call in calls.values()
            ]
        return message, parts[-1]["choices"][0]["finish_reason"]


@pytest.fixture
def world() -> Tooled:
    return Tooled()


both = pytest.mark.parametrize("stream", [False, True])


@both
def test_two_calls_run_at_once_and_their_results_are_in_order(world: Tooled, stream: bool):
    met = threading.Barrier(2, timeout=10)

    def run(call: ToolCall) -> Any:
        met.wait()
        return {"n": call.arguments["n"]}

    world.tools.runs["lookup"] = run
    world.model.script(Says("Let me see.", calls=[("lookup", {"n": 1}), ("lookup", {"n": 2})]), "Both.")
    message, finish = world.answer(stream, "look twice")
    assert finish == "stop"
    assert message["content"] == ("Both." if not stream else "Let me see. Both.")
    call, one, two = world.sent[-3:]
    assert [found["id"] for found in call["tool_calls"]] == [one["tool_call_id"], two["tool_call_id"]]
    assert (one["content"], two["content"]) == ('{"n":1}', '{"n":2}')
    assert [entry["source"] for entry in world.entries(world.talk)] == [
        "api_request",
        "tool_request",
        "tool_response",
        "tool_response",
        "api_response",
    ]


@both
def test_the_caller_s_call_comes_back_when_the_others_have_run(world: Tooled, stream: bool):
    world.model.script(Says(calls=[("weather", {"city": "Oslo"}), ("lookup", {"q": 1})]), "Rain, and found.")
    message, finish = world.answer(stream, "both")
    assert finish == "tool_calls"
    (call,) = message["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert [ran.tool["name"] for ran in world.tools.ran] == ["lookup"]
    message, finish = world.answer(stream, {"role": "tool", "tool_call_id": call["id"], "content": "rain"})
    assert (message["content"], finish) == ("Rain, and found.", "stop")
    asked, *results = world.sent[-3:]
    assert [found["function"]["name"] for found in asked["tool_calls"]] == ["weather", "lookup"]
    assert [found["content"] for found in results] == ["rain", '{"found":{"q":1}}'], "in the order of the calls"


@both
def test_a_call_of_the_caller_s_is_streamed_where_nothing_runs_here(world: Tooled, stream: bool):
    world.model.script(Says("Hm.", calls=[("weather", {"city": "Oslo"}), ("lookup", {})]))
    message, finish = world.answer(stream, "both", auto_run_tools=False)
    assert finish == "tool_calls"
    assert message["content"] == "Hm."
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ['{"city":"Oslo"}', "{}"]
    assert world.tools.ran == []


@both
def test_what_a_tool_has_to_say_against_a_call_is_its_result(world: Tooled, stream: bool):
    def run(_: ToolCall) -> Any:
        raise ToolFailed("the server said 500")

    world.tools.runs["lookup"] = run
    calls = [("lookup", {}), ("nonsense", {}), ("docs", "no JSON"), ("docs", "[1]")]
    world.model.script(Says(calls=calls), "I could not.")
    assert world.answer(stream, "look")[0]["content"] == "I could not."
    failed, unknown, broken, listed = (one["content"] for one in world.sent[-4:])
    assert "the server said 500" in failed
    assert "'nonsense' not found" in unknown
    assert "lookup" in unknown
    assert "no JSON object" in broken
    assert "it is list" in listed


@both
def test_a_bug_in_a_tool_leaves_nothing_but_what_was_used(world: Tooled, stream: bool):
    world.tools.runs["lookup"] = lambda _: 1 / 0
    world.model.script(Says(calls=[("lookup", {})]))
    with pytest.raises(ZeroDivisionError):
        world.answer(stream, "look")
    assert world.left(world.talk) == []
    assert sum(item.get("kind") == "usage" for item in world.tables.items.values()) == 1
    assert world.answer(stream, "again")[1] == "stop"


@both
def test_rounds_end(world: Tooled, stream: bool):
    def answer(request: ModelRequest) -> Says:
        return Says("Enough.") if request.tool_choice == "none" else Says(calls=[("lookup", {})])

    world.model.always = answer
    assert world.answer(stream, "look")[0]["content"] == "Enough."
    assert len(world.tools.ran) == MOST_ROUNDS
    assert len(world.model.requests) == MOST_ROUNDS + 1
    assert world.window(world.talk).turns == 1


def test_the_usage_is_that_of_all_rounds(world: Tooled):
    world.model.script(Says(calls=[("lookup", {})], prompt_tokens=10), Says("Done.", prompt_tokens=20))
    answer = world.chat(world.talk, "look")
    assert answer["usage"]["prompt_tokens"] == 30
    assert world.used(world.talk) == 2


def test_a_tool_knows_for_whom_it_runs(world: Tooled):
    world.model.script(Says(calls=[("lookup", {"n": 1}), ("lookup", {"n": 2})]), "Done.")
    world.chat(world.talk, "look")
    one, two = world.tools.ran
    assert (one.agent_id, one.session_id, one.by_model) == (world.speaker, world.talk, True)
    assert one.made_id != two.made_id
    assert 0 < one.seconds <= 14 * 60


def test_an_unanswered_call_is_sent_with_a_word_on_that(world: Tooled):
    world.model.script(Says(calls=[("weather", {})]), "As you like.")
    world.chat(world.talk, "weather?")
    assert world.say(world.talk, "never mind") == "As you like."
    assert [one["role"] for one in world.sent[-4:]] == ["user", "assistant", "tool", "user"]
    assert "no result" in world.sent[-2]["content"]


def test_one_of_two_results_is_enough_to_go_on(world: Tooled):
    world.model.script(Says(calls=[("weather", {"n": 1}), ("weather", {"n": 2})]), "Half.")
    calls = world.chat(world.talk, "weather?")["choices"][0]["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": calls[1]["id"], "content": "sun"}
    assert world.say(world.talk, result) == "Half."
    assert [one["content"] for one in world.sent[-2:]] == ["(no result was given)", "sun"]


class Heard:
    """Takes the parts of an answer, and says when so many words have come."""

    def __init__(self, words: int) -> None:
        self.parts: list[dict[str, Any]] = []
        self.enough = threading.Event()
        self._left = words

    def __call__(self, part: dict[str, Any]) -> None:
        self.parts.append(part)
        self._left -= bool(part["choices"][0]["delta"]["content"])
        if not self._left:
            self.enough.set()


def test_a_client_that_goes_away_stops_the_model_and_what_was_said_is_kept(world: Tooled):
    world.model.script(Says("Once upon a", hang=threading.Event()))
    heard = Heard(3)
    chat = world.chats.stream(TENANT, world.talk, world.request("tell"))
    thread = threading.Thread(target=chat.run, args=(heard,))
    thread.start()
    assert heard.enough.wait(10)
    chat.close()
    assert world.model.closed.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    *_, said = world.entries(world.talk)
    assert said["interrupted"] is True
    assert said["content"] == [{"type": "text", "text": "Once upon a "}]
    assert heard.parts[-1]["choices"][0]["finish_reason"] is None
    (turn,) = [item for item in world.tables.items.values() if item.get("kind") == "turn"]
    assert "spent" in turn, "what it used is counted, about"
    assert world.say(world.talk, "go on") == "Echo: go on"
    assert [one["content"] for one in world.sent[-3:]] == ["tell", "Once upon a ", "go on"]


def test_a_client_that_went_away_before_the_first_word_leaves_what_it_said(world: Tooled):
    chat = world.chats.stream(TENANT, world.talk, world.request("tell"))
    chat.close()
    chat.run(lambda _: None)
    assert world.said(world.talk) == [("user", "tell"), ("assistant", "")]
    world.say(world.talk, "go on")
    assert [one["content"] for one in world.sent[-2:]] == ["tell", "go on"], "an answer of nothing is not sent"


@both
def test_a_stream_that_breaks_off_leaves_nothing(world: Tooled, stream: bool):
    world.model.script(Says("Once upon", error=ToolFailed("cut")))
    with pytest.raises(ToolFailed, match="cut"):
        world.answer(stream, "tell")
    assert world.left(world.talk) == []


def test_the_docs_and_the_id_are_in_the_first_and_the_last_part(world: Tooled):
    parts = world.stream(world.talk, "hi")
    assert len({part["id"] for part in parts}) == len({part["created_at"] for part in parts}) == 1
    assert {part["id"] for part in parts} == {
        item["id"] for item in world.tables.items.values() if item.get("kind") == "turn"
    }
    assert all(part["jobs"] == [] for part in parts)
