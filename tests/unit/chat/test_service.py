"""A turn from its request to its answer: what the model is sent, what comes back, what is kept."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import InvalidRequest, ModelRejected, ModelUnavailable, NotFound
from silvercup.ids import uuid7
from silvercup.resources.tools import ToolService
from tests.support.chats import API_CALL, FUNCTION, ChatWorld, Says
from tests.support.docs import TENANT


@pytest.fixture
def world() -> ChatWorld:
    return ChatWorld()


def test_a_turn_is_answered_and_kept(world: ChatWorld):
    session = world.session(situation="Before an exam.", user=world.user())
    world.model.script("Hello, Bob.")
    answer = world.chat(session, "Hi")
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "Hello, Bob."}, "finish_reason": "stop"}
    ]
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
    assert world.said(session) == [("user", "Hi"), ("assistant", "Hello, Bob.")]
    system, hi = world.sent
    assert system["role"] == "system"
    assert "Before an exam." in system["content"]
    assert "their name is Bob" in system["content"]
    assert hi == {"role": "user", "content": "Hi"}
    world.say(session, "And?")
    assert [one["content"] for one in world.sent[1:]] == ["Hi", "Hello, Bob.", "And?"]


def test_render_is_what_chat_sends_and_keeps_nothing(world: ChatWorld):
    agent = world.agent(default_settings={"temperature": 0.3})
    world.tool(agent, FUNCTION)
    session = world.session(agent=agent, system_template="You are {{ agent.name }} with {{ settings.temperature }}.")
    world.say(session, "one")
    before = {**world.tables.items}
    asked: dict[str, Any] = {"tool_choice": "auto", "metadata": {"x": 1}}
    said = "Two {{ metadata.x }} of {{ tools[0].name }}"
    rendered = world.chats.render(TENANT, session, world.request(said, **asked))
    assert world.tables.items == before
    assert len(world.model.requests) == 1
    world.say(session, said, **asked)
    request = world.model.requests[-1]
    assert rendered["messages"] == request.messages
    assert [(tool["name"], tool["type"], tool["function"]) for tool in rendered["tools"]] == [
        (tool["function"]["name"], tool["type"], tool["function"]) for tool in request.tools
    ]
    assert rendered["tool_choice"] == request.tool_choice
    assert rendered["messages"][0]["content"] == "You are Ann with 0.3."
    assert rendered["messages"][-1]["content"] == "Two 1 of weather"
    assert world.said(session)[-2] == ("user", "Two 1 of weather"), "what is kept is what was rendered"


def test_without_render_templates_only_the_system_message_is_rendered(world: ChatWorld):
    session = world.session(render_templates=False, system_template="{{ 1 + 1 }}")
    world.say(session, "{{ 1 + 1 }}")
    assert [one["content"] for one in world.sent] == ["2", "{{ 1 + 1 }}"]


def test_a_template_that_is_wrong_says_where(world: ChatWorld):
    session = world.session()
    with pytest.raises(InvalidRequest) as told:
        world.say(session, "fine", {"role": "user", "content": "first\n{{ nothing.at.all }}"})
    assert [problem.loc for problem in told.value.details] == ["messages[1].content"]
    assert "nothing" in told.value.message
    assert "line 2" in told.value.message
    assert world.model.requests == []
    assert world.left(session) == []
    assert world.say(session, "fine") == "Echo: fine"


def test_settings_of_the_request_win_over_the_agent_s(world: ChatWorld):
    agent = world.agent(default_settings={"temperature": 0.3, "max_tokens": 50, "stop": ["a"]}, model="gpt-4o")
    session = world.session(agent=agent)
    world.say(session, "x", settings={"temperature": 0.9, "seed": 3, "model": "claude-sonnet-4-5"})
    request = world.model.requests[-1]
    assert request.settings == {"temperature": 0.9, "max_tokens": 50, "stop": ["a"], "seed": 3}
    assert request.requested_model == "claude-sonnet-4-5"
    world.say(session, "y")
    assert world.model.requests[-1].requested_model == "gpt-4o"


def test_the_agent_that_is_asked_speaks(world: ChatWorld):
    one, two = world.agent(name="One"), world.agent(name="Two", default_settings={"max_tokens": 7})
    world.tool(two, FUNCTION)
    session = world.session(agents=[one, two])
    world.say(session, "x")
    assert "You are One." in world.sent[0]["content"]
    assert world.model.requests[-1].tools == []
    world.say(session, "y", agent=two)
    assert "You are Two." in world.sent[0]["content"]
    assert world.model.requests[-1].settings == {"max_tokens": 7}
    assert [tool["function"]["name"] for tool in world.model.requests[-1].tools] == ["weather"]
    assert len(world.said(session)) == 4, "both have the same history"


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_is_none_of_the_session_can_not_speak(world: ChatWorld, stream: bool):
    session = world.session()
    say = world.stream if stream else world.chat
    with pytest.raises(InvalidRequest, match=r"agent: .*no agent of this session"):
        say(session, "x", agent=world.agent())
    agents: list[str] = world.sessions.get(TENANT, session)["agents"]
    world.agents.delete(TENANT, agents[0])
    with pytest.raises(InvalidRequest, match=f"agent: Agent {agents[0]} .* was deleted"):
        say(session, "x")
    assert world.left(session) == []


def test_a_session_of_another_tenant_is_not_there(world: ChatWorld):
    session = world.session()
    with pytest.raises(NotFound, match=session):
        world.chats.chat("11111111-1111-1111-1111-111111111111", session, world.request("x"))


def test_what_is_not_saved_leaves_nothing_but_its_usage(world: ChatWorld):
    session = world.session()
    answer = world.chat(session, "x", save=False)
    assert answer["choices"][0]["message"]["content"] == "Echo: x"
    assert world.left(session) == []
    assert world.used(session) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("error", [ModelRejected("it is bad"), ModelUnavailable("it is down")])
def test_a_model_that_fails_leaves_nothing(world: ChatWorld, error: ModelRejected, stream: bool):
    session = world.session()
    world.model.script(error)
    with pytest.raises(type(error), match=error.message):
        (world.stream if stream else world.chat)(session, "x")
    assert world.left(session) == []
    assert world.say(session, "y") == "Echo: y"
    assert world.said(session) == [("user", "y"), ("assistant", "Echo: y")]


def test_a_function_s_call_comes_back_and_its_result_is_sent(world: ChatWorld):
    agent = world.agent()
    world.tool(agent, FUNCTION)
    session = world.session(agent=agent)
    world.model.script(Says(calls=[("weather", {"city": "Oslo"})]), "It rains.")
    choice = world.chat(session, "Weather?")["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "rain"}
    assert world.say(session, result) == "It rains."
    assert world.sent[-2:] == [{"role": "assistant", "content": None, "tool_calls": [call]}, result]
    with pytest.raises(InvalidRequest, match=r"messages\[0\]\.tool_call_id: .* no call that waits"):
        world.say(session, result)


def test_a_retry_finds_its_answer_also_of_a_result(world: ChatWorld):
    agent = world.agent()
    world.tool(agent, FUNCTION)
    session = world.session(agent=agent)
    world.model.script(Says(calls=[("weather", {})]), "It rains.")
    first = world.chat(session, "Weather?", once="a")
    assert world.chat(session, "Weather?", once="a", again=True) == first
    call = first["choices"][0]["message"]["tool_calls"][0]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "rain"}
    second = world.chat(session, result, once="b")
    assert world.chat(session, result, once="b", again=True) == second
    parts = world.stream(session, result, once="b", again=True)
    assert "".join(part["choices"][0]["delta"]["content"] for part in parts) == "It rains."
    assert parts[-1]["choices"][0]["finish_reason"] == "stop"
    assert parts[-1]["usage"] == second["usage"]
    assert len(world.model.requests) == 2
    assert world.window(session).turns == 2


def test_a_retry_finds_its_answer_where_the_history_has_grown_too_long_by_it():
    world = ChatWorld(context=1_000)
    session = world.session()
    world.model.script("x" * 3_000)
    first = world.chat(session, "tell me much", once="a")
    assert world.chat(session, "tell me much", once="a", again=True) == first


def test_the_same_said_twice_is_two_turns(world: ChatWorld):
    session = world.session()
    one, two = (world.chat(session, "yes", once="same") for _ in range(2))
    assert one["id"] != two["id"]
    assert world.window(session).turns == 2


def test_the_same_said_twice_at_once_is_two_turns(world: ChatWorld):
    session = world.session()

    def meanwhile(_: Any) -> str:
        world.model.script("second")
        world.say(session, "yes", once="same")
        return "first"

    world.model.script(meanwhile)
    world.say(session, "yes", once="same")
    assert sorted(text for role, text in world.said(session) if role == "assistant") == ["first", "second"]


def test_a_retry_while_the_first_attempt_still_runs_is_one_turn(world: ChatWorld):
    session = world.session()
    answers: list[Any] = []

    def meanwhile(_: Any) -> str:
        world.model.script("of the retry")
        answers.append(world.chat(session, "yes", once="same", again=True))
        return "of the first attempt"

    world.model.script(meanwhile)
    answers.append(world.chat(session, "yes", once="same"))
    assert answers[0] == answers[1]
    assert world.said(session) == [("user", "yes"), ("assistant", "of the retry")]


def test_a_turn_whose_session_is_deleted_meanwhile_leaves_its_usage(world: ChatWorld):
    session = world.session()

    def meanwhile(_: Any) -> str:
        world.sessions.delete(TENANT, session)
        return "too late"

    world.model.script(meanwhile)
    with pytest.raises(NotFound, match="deleted meanwhile"):
        world.say(session, "x" * 100_000)
    assert world.left(session) == []
    assert world.blobs.bodies == {}
    assert world.used(session) == 1


def test_a_tool_of_the_request_counts_where_the_agent_has_none_of_the_name(world: ChatWorld):
    agent = world.agent()
    world.tool(agent, API_CALL)
    world.tools.runs["lookup"] = lambda _: "found"
    session = world.session(agent=agent, auto_run_tools=True)
    own = {**FUNCTION, "name": "lookup", "function": {"description": "The caller's"}}
    clock = {**FUNCTION, "name": "clock", "function": {"description": "A clock"}}
    world.model.script(Says(calls=[("lookup", {})]), "Done.")
    world.say(session, "x", tools=[clock, own])
    assert [call.tool["type"] for call in world.tools.ran] == ["api_call"]
    sent = {tool["function"]["name"]: tool["function"].get("description") for tool in world.model.requests[-1].tools}
    assert set(sent) == {"lookup", "clock"}
    assert sent["lookup"] != "The caller's"
    world.say(session, "x")
    assert [tool["function"]["name"] for tool in world.model.requests[-1].tools] == ["lookup"]


@pytest.mark.parametrize("by_model", [False, True])
def test_a_tool_that_a_model_brings_is_given_no_secrets_whatever_its_name(world: ChatWorld, by_model: bool):
    agent = world.agent()
    world.tool(agent, API_CALL)
    world.tools.runs["lookup"] = world.tools.runs["mine"] = lambda _: "found"
    session = world.session(agent=agent, auto_run_tools=True)
    world.model.script(Says(calls=[("lookup", {}), ("mine", {})]), "Done.")
    elsewhere = {"method": "GET", "url": "https://elsewhere.example/"}
    brought = [{**API_CALL, "name": name, "api_call": elsewhere} for name in ("lookup", "mine")]
    world.say(session, "x", tools=brought, by_model=by_model)
    ran = {call.tool["name"]: call for call in world.tools.ran}
    assert ran["lookup"].tool["api_call"] == API_CALL["api_call"]
    assert ran["mine"].tool["api_call"] == elsewhere
    assert (ran["lookup"].may_use_secrets, ran["mine"].may_use_secrets) == (True, not by_model)


NAMED: dict[str, Any] = {"type": "function", "function": {"name": "clock"}}


@pytest.mark.parametrize("stream", [False, True])
def test_a_choice_names_a_tool_that_is_there(world: ChatWorld, stream: bool):
    agent = world.agent()
    session = world.session(agent=agent)
    ask = world.stream if stream else world.chat
    with pytest.raises(InvalidRequest, match="tool_choice: is 'required', but this chat has no tools"):
        ask(session, "x", tool_choice="required")
    world.tool(agent, FUNCTION)
    with pytest.raises(InvalidRequest, match="tool_choice: names 'clock', which is none of this chat's tools: weather"):
        ask(session, "x", tool_choice=NAMED)
    with pytest.raises(InvalidRequest, match="'clock'"):
        world.chats.render(TENANT, session, world.request("x", tool_choice=NAMED))
    assert world.model.requests == []
    assert world.said(session) == []
    ask(session, "x", tool_choice=NAMED, tools=[{**FUNCTION, "name": "clock"}])
    assert world.model.requests[-1].tool_choice == NAMED


def test_a_choice_that_was_followed_needs_its_tool_no_more(world: ChatWorld):
    agent = world.agent()
    tool = world.tool(agent, {**FUNCTION, "name": "clock"})
    session = world.session(agent=agent)
    once: dict[str, Any] = {"tool_choice": NAMED, "id": uuid7(), "once": "1"}
    first = world.chat(session, "x", **once)
    ToolService(world.tables, lambda _: ()).delete(TENANT, agent, tool)
    again = world.chat(session, "x", again=True, **once)
    assert again["choices"] == first["choices"]


def test_tools_run_only_where_the_session_or_the_request_says_so(world: ChatWorld):
    agent = world.agent()
    world.tool(agent, API_CALL)
    world.tools.runs["lookup"] = lambda call: {"found": call.arguments}
    session = world.session(agent=agent, auto_run_tools=True)
    call = Says(calls=[("lookup", {"q": 1})])
    world.model.script(call, "Found it.")
    assert world.say(session, "look") == "Found it."
    assert [one["source"] for one in world.entries(session)] == [
        "api_request",
        "tool_request",
        "tool_response",
        "api_response",
    ]
    world.model.script(call)
    choice = world.chat(session, "look", auto_run_tools=False)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    world.sessions.update(TENANT, session, {"forward_tool_calls": True})
    world.model.script(call)
    assert world.chat(session, "look", auto_run_tools=True)["choices"][0]["finish_reason"] == "tool_calls"
    assert len(world.tools.ran) == 1


def test_the_id_of_the_answer_is_that_of_the_turn(world: ChatWorld):
    session, chosen = world.session(), uuid7()
    assert world.chat(session, "x", id=chosen)["id"] == chosen
