"""Chats over HTTP, with a provider that is a real server: what it is sent, what comes back, whole and streamed, what is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from julep import BadRequestError, Julep

from local.stack import Stack
from silvercup.settings import DEFAULT_TENANT
from silvercup.values import loads
from tests.support.local import running
from tests.support.provider import FakeProvider, Reply
from tests.support.runs import Api, wait_until
from tests.support.tool_server import Reply as ToolReply
from tests.support.tool_server import ToolServer

WEATHER: dict[str, Any] = {
    "name": "weather",
    "type": "function",
    "function": {
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG not really").decode()


@pytest.fixture(scope="module")
def stack(provider: FakeProvider) -> Iterator[Stack]:
    with running(provider, SILVERCUP_ALLOW_LOOPBACK_TOOLS="1") as started:
        yield started


@pytest.fixture(scope="module")
def tool_server() -> Iterator[ToolServer]:
    with ToolServer(lambda request: ToolReply.json({"path": request.path, **request.query})) as server:
        yield server


@pytest.fixture
def client(stack: Stack, provider: FakeProvider) -> Iterator[Julep]:
    provider.clear()
    with Julep(api_key="any", base_url=f"{stack.url}/api", _strict_response_validation=True) as made:
        yield made


def session_of(client: Julep, *tools: dict[str, Any], agent: dict[str, Any] | None = None, **fields: Any) -> str:
    made = client.agents.create(name="Ann", default_settings={"max_tokens": 100}, **(agent or {}))
    for tool in tools:
        client.agents.tools.create(made.id, **tool)
    return client.sessions.create(agent=made.id, **fields).id


def chat(client: Julep, session: str, **body: Any) -> Any:
    """A chat that is not streamed, by the official client."""
    return client.sessions.chat(session, **body)


def events(api: Api, session: str, body: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    """The events of a streamed chat, as they come over the wire."""
    found: list[dict[str, Any]] = []
    with api.http.stream(
        "POST", f"/sessions/{session}/chat", json={**body, "stream": True}, headers=headers
    ) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
            else:
                assert line in {"", ": keep-alive"}
    return found


def user(text: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def sent(provider: FakeProvider) -> dict[str, Any]:
    """The body that the provider was sent last."""
    return provider.requests[-1].body


def test_a_conversation(client: Julep, provider: FakeProvider):
    user_id = client.users.create(name="Bob", about="likes rain").id
    session = session_of(client, user=user_id, situation="By the sea.")
    provider.script(Reply("Hello, Bob.", usage={"input_tokens": 7, "output_tokens": 3}))
    answer = chat(client, session, **user("Hi"))
    assert answer.choices[0].message.content == "Hello, Bob."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 3, 10)
    system = json.dumps(sent(provider)["system"])
    assert "By the sea." in system
    assert "likes rain" in system
    chat(client, session, **user("And?"))
    assert [one["role"] for one in sent(provider)["messages"]] == ["user", "assistant", "user"]
    history = client.sessions.history(session)
    assert [one.role for one in history.entries] == ["user", "assistant", "user", "assistant"]


def test_render_before_and_chat_after_are_the_same_to_the_byte(client: Julep, api: Api, provider: FakeProvider):
    """The rendered messages, sent as they are by a session without templates, make the same request."""
    session = session_of(client, WEATHER, system_template="You are {{ agent.name }}.")
    chat(client, session, **user("One {{ 1 + 1 }}"))
    rendered = api.call("POST", f"/sessions/{session}/render", user("Two"))
    chat(client, session, **user("Two"))
    by_chat = sent(provider)
    system, *rest = rendered["messages"]
    other = session_of(client, WEATHER, system_template=system["content"])
    chat(client, other, messages=rest)
    assert json.dumps(sent(provider)) == json.dumps(by_chat)
    assert rendered["docs"] == []
    assert [tool["function"]["name"] for tool in rendered["tools"]] == ["weather"]


def test_a_stream_has_v1_s_shape(client: Julep, api: Api, provider: FakeProvider):
    session = session_of(client)
    provider.script(Reply("Once upon a time.", usage={"input_tokens": 7, "output_tokens": 3}))
    parts = events(api, session, user("tell"))
    assert {(part["id"], part["created_at"]) for part in parts} == {(parts[0]["id"], parts[0]["created_at"])}
    assert all(part["jobs"] == [] for part in parts)
    assert all(part["choices"][0]["delta"]["role"] == "assistant" for part in parts)
    assert "".join(part["choices"][0]["delta"]["content"] for part in parts) == "Once upon a time."
    assert [part["choices"][0]["finish_reason"] for part in parts[:-1]] == [None] * (len(parts) - 1)
    assert parts[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(part["usage"] is None for part in parts[:-1])
    assert parts[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert len(parts) > 3
    history = client.sessions.history(session)
    assert [one.role for one in history.entries] == ["user", "assistant"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_function_is_called_by_the_caller(client: Julep, api: Api, provider: FakeProvider, stream: bool):
    session = session_of(client, WEATHER)
    provider.script(Reply("Let me see.", tools=[("weather", {"city": "Oslo"})]), "It rains.")
    if stream:
        parts = events(api, session, user("Weather in Oslo?"))
        assert parts[-1]["choices"][0]["finish_reason"] == "tool_calls"
        deltas = [one for part in parts for one in part["choices"][0]["delta"].get("tool_calls") or ()]
        call_id = deltas[0]["id"]
        arguments = "".join(one["function"].get("arguments") or "" for one in deltas)
    else:
        choice = api.call("POST", f"/sessions/{session}/chat", user("Weather in Oslo?"))["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        (call,) = choice["message"]["tool_calls"]
        assert choice["tool_calls"] == [call]
        call_id, arguments = call["id"], call["function"]["arguments"]
    assert json.loads(arguments) == {"city": "Oslo"}
    result = {"role": "tool", "tool_call_id": call_id, "content": "rain", "name": "weather"}
    answer = chat(client, session, messages=[result])
    assert answer.choices[0].message.content == "It rains."
    use, got = sent(provider)["messages"][-2:]
    assert [block["type"] for block in use["content"]] == ["text", "tool_use"]
    assert got["content"][0]["tool_use_id"] == use["content"][1]["id"] == call_id


def test_a_computer_is_the_callers(client: Julep, provider: FakeProvider):
    size = {"display_width_px": 800, "display_height_px": 600}
    screen = {"name": "screen", "type": "computer_20241022", "computer_20241022": size}
    session = session_of(client, screen, agent={"model": "claude-sonnet-5"})
    provider.script(Reply(tools=[("computer", {"action": "screenshot"})]), "A desk.")
    body = {"auto_run_tools": True, **user("What do you see?")}
    choice = chat(client, session, **body).choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("screen", {"action": "screenshot"})
    (tool,) = sent(provider)["tools"]
    assert tool == {"type": "computer_20251124", "name": "computer", **size}
    result = {"role": "tool", "tool_call_id": call.id, "content": "a desk", "name": "screen"}
    assert chat(client, session, messages=[result]).choices[0].message.content == "A desk."
    assert sent(provider)["messages"][-2]["content"][0]["name"] == "computer"


@pytest.mark.parametrize("stream", [False, True])
def test_tools_run_here_and_a_function_goes_back(
    client: Julep, api: Api, provider: FakeProvider, tool_server: ToolServer, stream: bool
):
    lookup: dict[str, Any] = {
        "name": "lookup",
        "type": "api_call",
        "api_call": {
            "method": "GET",
            "url": f"{tool_server.url}/found",
            "params_schema": {"type": "object", "properties": {"params": {"type": "object"}}},
        },
    }
    system = {
        "name": "notes",
        "type": "system",
        "system": {"resource": "agent", "subresource": "doc", "operation": "list"},
    }
    session = session_of(client, WEATHER, lookup, system, auto_run_tools=True)
    agent = api.call("GET", f"/sessions/{session}")["agent"]
    provider.script(
        Reply(tools=[("lookup", {"params": {"q": "sea"}}), ("notes", {"agent_id": agent})]),
        Reply(tools=[("weather", {"city": "Oslo"}), ("lookup", {"params": {"q": "rain"}})]),
        "All done.",
    )
    if stream:
        parts = events(api, session, user("Look."))
        last = parts[-1]["choices"][0]
        calls = [one for part in parts for one in part["choices"][0]["delta"].get("tool_calls") or ()]
    else:
        last = api.call("POST", f"/sessions/{session}/chat", user("Look."))["choices"][0]
        calls = last["message"]["tool_calls"]
    assert last["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in calls] == ["weather"]
    first = provider.requests[1].body["messages"][-1]["content"]
    assert [block["type"] for block in first] == ["tool_result", "tool_result"]
    assert '"q":"sea"' in json.dumps(first[0]["content"]).replace("\\", "").replace(" ", "")
    result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "rain"}
    answer = chat(client, session, messages=[result])
    assert answer.choices[0].message.content == "All done."
    texts = [json.dumps(block["content"]) for block in sent(provider)["messages"][-1]["content"]]
    assert "rain" in texts[0]
    assert "found" in texts[1]
    entries = api.call("GET", f"/sessions/{session}/history?sources=all")["entries"]
    assert [one["source"] for one in entries] == [
        "api_request",
        "tool_request",
        "tool_response",
        "tool_response",
        "api_response",
        "tool_response",
        "api_request",
        "api_response",
    ]


def test_metadata_of_the_agent_and_the_session_changes_tools(
    client: Julep, provider: FakeProvider, tool_server: ToolServer
):
    lookup: dict[str, Any] = {
        "name": "lookup",
        "type": "api_call",
        "api_call": {
            "method": "GET",
            "url": f"{tool_server.url}/found",
            "params_schema": {"type": "object", "properties": {"q": {"type": "string"}, "lang": {"type": "string"}}},
        },
    }
    agent = {"metadata": {"x-api_call-args": {"lookup": {"lang": "en", "params": {"safe": "1"}}}}}
    ours = {"x-api_call-args": {"lookup": {"lang": "fr"}}}
    session = session_of(client, lookup, agent=agent, auto_run_tools=True, metadata=ours)
    provider.script(Reply(tools=[("lookup", {"q": "sea"})]), "Found.")
    assert chat(client, session, **user("Look.")).choices[0].message.content == "Found."
    assert tool_server.requests[-1].target == "/found?safe=1&q=sea&lang=fr"
    shown = provider.requests[0].body["tools"][0]["input_schema"]
    assert list(shown["properties"]) == ["q"]
    client.sessions.update(session, metadata={"x-api_call-args": {"lookup": {"q": "$ secrets.KEY"}}})
    with pytest.raises(BadRequestError, match="lookup names a secret"):
        chat(client, session, **user("Look."))


def test_an_image_reaches_the_model_and_comes_back_from_the_history(client: Julep, api: Api, provider: FakeProvider):
    session = session_of(client)
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PNG}}]
    api.call("POST", f"/sessions/{session}/chat", user(parts))
    kinds = [block["type"] for block in sent(provider)["messages"][-1]["content"]]
    assert sorted(kinds) == ["image", "text"]
    api.call("POST", f"/sessions/{session}/chat", user("And now?"))
    assert any(block["type"] == "image" for block in sent(provider)["messages"][0]["content"])
    assert api.call("GET", f"/sessions/{session}/history")["entries"][0]["content"] == parts


def test_large_images_lie_beside_the_turn_and_are_sent_again(
    client: Julep, api: Api, provider: FakeProvider, stack: Stack
):
    session = session_of(client)
    large = "data:image/png;base64," + "A" * 400_000
    api.call("POST", f"/sessions/{session}/chat", user([{"type": "image_url", "image_url": {"url": large}}]))
    api.call("POST", f"/sessions/{session}/chat", user("And now?"))
    (image,) = [block for block in sent(provider)["messages"][0]["content"] if block["type"] == "image"]
    assert image["source"]["data"] == "A" * 400_000
    folder = f"{DEFAULT_TENANT}/sessions/{session}/"
    assert len(stack.container.blobs.names(folder, 10)) == 1
    first = api.call("GET", f"/sessions/{session}/history")["entries"][0]
    api.call("DELETE", f"/sessions/{session}/history/{first['id']}")
    assert stack.container.blobs.names(folder, 10) == []
    assert len(api.call("GET", f"/sessions/{session}/history")["entries"]) == 3


@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
def test_an_answer_in_json(client: Julep, api: Api, provider: FakeProvider, kind: str):
    session = session_of(client)
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    form: dict[str, Any] = {"type": kind}
    if kind == "json_schema":
        form["json_schema"] = {"name": "found", "schema": schema}
    provider.script('{"x": 1}')
    answer = api.call("POST", f"/sessions/{session}/chat", {**user("x?"), "response_format": form})
    assert loads(answer["choices"][0]["message"]["content"]) == {"x": 1}
    assert "x" in json.dumps(sent(provider).get("output_config") or sent(provider).get("system") or "")


def test_the_caller_s_own_key_reaches_the_provider_and_nothing_else(
    client: Julep, api: Api, provider: FakeProvider, stack: Stack
):
    session = session_of(client)
    key = "sk-ant-of-the-caller-0123456789"
    answer = api.http.post(f"/sessions/{session}/chat", json=user("Hi"), headers={"x-custom-api-key": key})
    assert answer.status_code == 201
    assert key in str(provider.requests[-1].headers)
    assert "planted-key" not in str(provider.requests[-1].headers)
    assert key not in answer.text
    tables = stack.aws.client("dynamodb")
    for table in tables.list_tables()["TableNames"]:
        for page in tables.get_paginator("scan").paginate(TableName=table):
            assert key not in str(page["Items"])
    api.call("POST", f"/sessions/{session}/chat", user("Hi"))
    assert "planted-key" in str(provider.requests[-1].headers)
    usage = api.call("GET", f"/usage?session={session}")
    assert usage["totals"]["own_key_calls"] == 1


def test_settings_of_the_request_win(client: Julep, api: Api, provider: FakeProvider):
    agent = {"model": "claude-haiku-4-5"}
    session = session_of(client, agent=agent)
    api.call("POST", f"/sessions/{session}/chat", {**user("Hi"), "temperature": 0.25, "stop": ["END"]})
    body = sent(provider)
    assert (body["max_tokens"], body["temperature"], body["stop_sequences"]) == (100, 0.25, ["END"])
    api.call("POST", f"/sessions/{session}/chat", {**user("Hi"), "max_tokens": 7, "model": "claude-opus-5-5"})
    assert (sent(provider)["max_tokens"], sent(provider)["model"]) == (7, "claude-opus-5-5")


def test_the_chosen_agent_speaks(client: Julep, provider: FakeProvider):
    one, two = (client.agents.create(name=name, about=f"is {name}") for name in ("One", "Two"))
    session = client.sessions.create(agents=[one.id, two.id]).id
    chat(client, session, **user("Hi"))
    assert "You are One." in json.dumps(sent(provider)["system"])
    chat(client, session, agent=two.id, **user("Hi"))
    assert "You are Two." in json.dumps(sent(provider)["system"])


def test_what_is_not_saved_is_not_there(client: Julep, api: Api):
    session = session_of(client)
    chat(client, session, save=False, **user("Hi"))
    parts = events(api, session, {**user("Hi"), "save": False})
    assert parts[-1]["choices"][0]["finish_reason"] == "stop"
    assert client.sessions.history(session).entries == []


def test_docs_of_the_agent_and_of_the_user_are_found_by_meaning(client: Julep, api: Api, provider: FakeProvider):
    agent, human = client.agents.create(name="Ann"), client.users.create(name="Bob", about="")
    client.agents.docs.create(agent.id, title="Harbour", content="The boats come home in the evening.")
    client.users.docs.create(human.id, title="Pets", content="Bob has a dog whose name is Rex.")
    other = client.agents.create(name="Other")
    client.agents.docs.create(other.id, title="Secret", content="The dog of another is Max.")
    session = client.sessions.create(agent=agent.id, user=human.id).id
    ask = user("What is my dog called?")

    def found() -> list[str]:
        rendered = api.call("POST", f"/sessions/{session}/render", ask)
        return [doc["title"] for doc in rendered["docs"]]

    wait_until(lambda: "Pets" in found(), "the doc is in the index")
    answer = api.call("POST", f"/sessions/{session}/chat", ask)
    titles = [doc["title"] for doc in answer["docs"]]
    assert titles[0] == "Pets"
    assert "Secret" not in titles
    assert answer["docs"][0]["owner"] == {"id": human.id, "role": "user"}
    assert "name is Rex" in json.dumps(sent(provider)["system"])
    parts = events(api, session, {**ask, "save": False})
    assert parts[0]["docs"] == parts[-1]["docs"] != []
    answer = api.call("POST", f"/sessions/{session}/chat", {**ask, "recall": False})
    assert answer["docs"] == []
    assert "Rex" not in json.dumps(sent(provider)["system"])
