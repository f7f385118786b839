"""What an agent can do with tools, asked for by the official client: servers, models and MCP servers are real ones on loopback."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from julep import Julep
from julep.types import Agent

from local.stack import Stack
from tests.conformance.tasks import until
from tests.support.local import running
from tests.support.mcp_server import McpHost
from tests.support.provider import FakeProvider, Reply
from tests.support.tool_server import Answer, Bytes, Hang, Seen, ToolServer
from tests.support.tool_server import Reply as ToolReply

WEATHER: dict[str, Any] = {
    "name": "weather",
    "type": "function",
    "function": {"parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def answer(seen: Seen) -> Answer:
    match seen.path:
        case "/missing":
            return ToolReply.json({"why": "nothing here"}, 404)
        case "/down":
            return ToolReply(b"come back later", 503)
        case "/bomb":
            return ToolReply(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})
        case "/round" | "/round/and/round":
            return ToolReply.redirect("/round/and/round")
        case "/hang":
            return Hang()
        case "/cut":
            return Bytes([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
        case "/large":
            return ToolReply.json({"first": "seen", "text": "x" * 3_000_000})
        case "/page":
            return ToolReply("<p>Grüße</p>".encode(), headers={"Content-Type": "text/html"})
        case "/brave/res/v1/web/search":
            return ToolReply.json({"web": {"results": [{"title": "T", "url": "https://t.example"}]}})
        case path:
            return ToolReply.json({"path": path, "key": seen.headers.get("x-key")})


@pytest.fixture(scope="module")
def server() -> Iterator[ToolServer]:
    with ToolServer(answer) as started:
        yield started


@pytest.fixture(scope="module")
def mcp() -> Iterator[McpHost]:
    with McpHost() as host:
        yield host


@pytest.fixture(scope="module")
def stack(provider: FakeProvider, server: ToolServer) -> Iterator[Stack]:
    urls = json.dumps({"brave": f"{server.url}/brave"})
    with running(provider, SILVERCUP_ALLOW_LOOPBACK_TOOLS="1", SILVERCUP_TOOL_URLS=urls) as started:
        yield started


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[Julep]:
    with Julep(api_key="any", base_url=f"{stack.url}/api", _strict_response_validation=True) as made:
        yield made


@pytest.fixture
def agent(client: Julep, provider: FakeProvider) -> Agent:
    """An agent whose model can be made to call a tool, and that has said nothing yet."""
    provider.clear()
    return client.agents.create(name="Ann", model="claude-haiku-4-5", default_settings={"max_tokens": 100})


def fetch(server: ToolServer, path: str, name: str = "fetch", **spec: Any) -> dict[str, Any]:
    return {"name": name, "type": "api_call", "api_call": {"method": "GET", "url": f"{server.url}{path}", **spec}}


def speaking(host: McpHost, method: str, **spec: Any) -> dict[str, Any]:
    setup = {"transport": "http", "http_url": host.url}
    return {
        "name": method,
        "type": "integration",
        "integration": {"provider": "mcp", "method": method, "setup": setup, **spec},
    }


def start(client: Julep, agent: Agent, *main: Any, tools: list[dict[str, Any]], **input: Any) -> str:
    given: Any = tools
    task = client.tasks.create(agent.id, name="Act", main=[*main], tools=given)
    return client.executions.create(task.id, input=input).id


def output_of(client: Julep, agent: Agent, *main: Any, tools: list[dict[str, Any]], **input: Any) -> Any:
    return until(client, start(client, agent, *main, tools=tools, **input), "succeeded").output


def session_of(client: Julep, agent: Agent, *tools: dict[str, Any], **fields: Any) -> str:
    for tool in tools:
        client.agents.tools.create(agent.id, **tool)
    return client.sessions.create(agent=agent.id, **fields).id


def chat(client: Julep, session: str, **body: Any) -> Any:
    """A chat whose tools are run; the answer's first choice."""
    asked: Any = {"messages": [{"role": "user", "content": "Go on."}], "auto_run_tools": True, **body}
    answered: Any = client.sessions.chat(session, **asked)
    return answered.choices[0]


def results(provider: FakeProvider) -> list[str]:
    """The results of tools that the model was sent last."""
    blocks = provider.requests[-1].body["messages"][-1]["content"]
    return [block["content"][0]["text"] for block in blocks if block["type"] == "tool_result"]


def test_steps_use_an_mcp_server(client: Julep, agent: Agent, mcp: McpHost):
    output = output_of(
        client,
        agent,
        {"tool": "list_tools", "arguments": {}},
        {"evaluate": {"names": "$ [tool.name for tool in _.tools]"}, "label": "listed"},
        {"tool": "call_tool", "arguments": {"tool_name": "$ _.names[0]", "arguments": {"a": "$ input.n", "b": "$ 2"}}},
        {"evaluate": {"sum": "$ _.structured.sum"}, "label": "added"},
        {"tool": "call_tool", "arguments": {"tool_name": "fail", "arguments": {"why": "no"}}},
        {
            "return": {
                "names": "$ steps['listed'].output.names",
                "sum": "$ steps['added'].output.sum",
                "ok": "$ not _.is_error",
            }
        },
        tools=[speaking(mcp, "list_tools"), speaking(mcp, "call_tool")],
        n=40,
    )
    assert output == {"names": ["add", "picture", "fail", "sleep"], "sum": 42, "ok": False}


def test_a_step_whose_mcp_tool_takes_too_long_fails(client: Julep, agent: Agent, mcp: McpHost):
    given = {"tool_name": "sleep", "arguments": {"seconds": "$ 60"}, "timeout_seconds": "$ 1"}
    run = start(client, agent, {"tool": "call_tool", "arguments": given}, tools=[speaking(mcp, "call_tool")])
    assert "did not answer in time" in str(until(client, run, "failed").error)


@pytest.mark.parametrize(
    ("path", "spec", "why"),
    [
        ("/missing", {}, 'answered 404 Said: {"why": "nothing here"}'),
        ("/bomb", {}, "sent more than 5,000,000 bytes"),
        ("/round", {}, "a redirect to /round/and/round; with follow_redirects it is followed"),
        ("/round", {"follow_redirects": True}, "more than 5 redirects"),
        ("/hang", {"timeout": 1}, "did not answer in time"),
        ("/cut", {"method": "POST"}, "broke the connection off"),
        ("/down", {"method": "POST"}, "answered 503 Said; it may work later: come back later"),
    ],
)
def test_a_step_whose_server_does_not_behave_fails_and_says_how(
    client: Julep, agent: Agent, server: ToolServer, path: str, spec: dict[str, Any], why: str
):
    execution_id = start(client, agent, {"tool": "fetch", "arguments": {}}, tools=[fetch(server, path, **spec)])
    error = str(until(client, execution_id, "failed").error)
    assert error.startswith("main[0]: Error in executing fetch: ")
    assert why in error
    last = client.executions.transitions.list(execution_id).items[0]
    assert (last.type, last.output) == ("error", error)


@pytest.mark.parametrize("owned", [False, True], ids=["the developer's", "the agent's"])
def test_secrets_set_up_the_tools_of_steps_and_chats(
    client: Julep, agent: Agent, server: ToolServer, provider: FakeProvider, owned: bool
):
    secret = client.secrets.create(name="BRAVE", value="planted-developers")
    expected = "planted-developers"
    if owned:
        expected = "planted-agents"
        client.post(f"/agents/{agent.id}/secrets", body={"name": "BRAVE", "value": expected}, cast_to=object)
    setup = {"brave_api_key": "$ secrets.BRAVE"}
    web = {
        "name": "web",
        "type": "integration",
        "integration": {"provider": "brave", "method": "search", "setup": setup},
    }
    keyed = fetch(server, "/keyed", headers={"X-Key": "as {secrets.BRAVE}"})
    found = output_of(client, agent, {"tool": "web", "arguments": {"query": "q"}}, tools=[web])
    assert found["result"] == [{"title": "T", "link": "https://t.example", "snippet": ""}]
    assert server.requests[-1].headers["x-subscription-token"] == expected
    shown = output_of(client, agent, {"tool": "fetch", "arguments": {}}, tools=[keyed])
    assert (server.requests[-1].headers["x-key"], shown["json"]["key"]) == (f"as {expected}", "as ***")
    session = session_of(client, agent, keyed)
    provider.script(Reply(tools=[("fetch", {})]), "Done")
    assert chat(client, session).message.content == "Done"
    assert server.requests[-1].headers["x-key"] == f"as {expected}"
    assert "planted" not in json.dumps(provider.requests[-1].body)
    client.secrets.delete(secret.id)


def test_a_prompt_goes_on_when_all_its_calls_have_results(
    client: Julep, agent: Agent, server: ToolServer, mcp: McpHost, provider: FakeProvider
):
    add = {**speaking(mcp, "call_tool", arguments={"tool_name": "add"}), "name": "add"}
    provider.script(
        Reply(
            tools=[
                ("weather", {"city": "Oslo"}),
                ("fetch", {"id": "a/b"}),
                ("broken", {}),
                ("nosuch", {}),
                ("add", {"arguments": {"a": 1, "b": 2}}),
                ("weather", {"city": "Rome"}),
            ]
        ),
        "All done.",
    )
    tools = [WEATHER, fetch(server, "/pages/{id}"), fetch(server, "/missing", "broken"), add]
    prompt = {"prompt": "Look around.", "auto_run_tools": True, "tool_choice": {"function": {"name": "weather"}}}
    execution_id = start(client, agent, prompt, tools=tools)
    calls: Any = until(client, execution_id, "awaiting_input").output
    assert [call["function"]["arguments"] for call in calls] == ['{"city":"Oslo"}', '{"city":"Rome"}']
    assert provider.requests[0].body["tool_choice"] == {"type": "tool", "name": "weather"}
    given: Any = {calls[0]["id"]: "snow", calls[1]["id"]: {"sky": "clear"}}
    client.executions.change_status(execution_id, status="running", input=given)
    output: Any = until(client, execution_id, "succeeded").output
    assert output["choices"][0]["message"]["content"] == "All done."
    snow, page, broken, unknown, added, rome = results(provider)
    assert (snow, rome) == ("snow", '{"sky":"clear"}')
    assert json.loads(page)["json"] == {"path": "/pages/a%2Fb", "key": None}
    assert "answered 404" in json.loads(broken)["error"]
    assert json.loads(unknown)["error"] == "Tool 'nosuch' not found; there are: weather, fetch, broken, add"
    assert json.loads(added)["structured"] == {"sum": 3}


@pytest.mark.parametrize("where", ["chat", "prompt"])
def test_a_model_reads_the_beginning_of_a_large_answer(
    client: Julep, agent: Agent, server: ToolServer, provider: FakeProvider, where: str
):
    """The JSON, and not its base64: that would take all the room there is, and say nothing."""
    provider.script(Reply(tools=[("fetch", {}), ("page", {})]), "Read.")
    tools = [fetch(server, "/large"), fetch(server, "/page", "page")]
    if where == "chat":
        assert chat(client, session_of(client, agent, *tools)).message.content == "Read."
    else:
        assert output_of(client, agent, {"prompt": "x", "auto_run_tools": True, "unwrap": True}, tools=tools) == "Read."
    large, page = results(provider)
    assert '"json":{"first":"seen","text":"xxx' in large
    assert "[cut off: the result has 3,000," in large
    assert json.loads(page)["text"] == "<p>Grüße</p>"


@pytest.mark.parametrize(
    ("spec", "given", "why"),
    [
        ({"params_schema": {"properties": {"n": {"type": "integer"}}}}, {"n": "x"}, "arguments.n: 'x' is not of type"),
        ({}, {"headers": {"X": "a\r\nCookie: b"}}, "headers can't be changed by a call"),
        (
            {"params_schema": {"properties": {"headers": {"type": "object"}}}},
            {"headers": {"X": "a\r\nCookie: b"}},
            "'X' has line breaks",
        ),
        ({"timeout": 1}, {"params": {"hang": "1"}}, "did not answer in time"),
        ({"headers": {"K": "$ secrets.NOT_THERE"}}, {}, "there is no secret NOT_THERE; create it with POST /secrets"),
    ],
)
def test_a_model_is_told_why_its_call_failed_and_can_try_again(
    client: Julep,
    agent: Agent,
    server: ToolServer,
    provider: FakeProvider,
    spec: dict[str, Any],
    given: dict[str, Any],
    why: str,
):
    path = "/hang" if "timeout" in spec else "/x"
    session = session_of(client, agent, fetch(server, path, **spec))
    provider.script(Reply(tools=[("fetch", given)]), "Never mind.")
    assert chat(client, session).message.content == "Never mind."
    (told,) = results(provider)
    assert why in json.loads(told)["error"]


def test_tools_of_the_request_add_to_the_agents(
    client: Julep, agent: Agent, server: ToolServer, provider: FakeProvider
):
    session = session_of(client, agent, fetch(server, "/agent"))
    more = {**fetch(server, "/request"), "name": "more"}
    provider.script(Reply(tools=[("fetch", {}), ("more", {})]), "Done")
    taken = fetch(server, "/taken")
    chat(client, session, tools=[taken, more], tool_choice={"function": {"name": "more"}})
    assert [seen.target for seen in server.requests[-2:]] in (["/agent", "/request"], ["/request", "/agent"])
    forced, free = (request.body.get("tool_choice") for request in provider.requests)
    assert forced == {"type": "tool", "name": "more"}
    assert free is None, "a tool that has to be called has to be called once"


def test_the_traffic_of_tools_is_recalled_unless_the_request_says_otherwise(
    client: Julep, agent: Agent, server: ToolServer, provider: FakeProvider
):
    session = session_of(client, agent, fetch(server, "/x"))
    provider.script(Reply(tools=[("fetch", {})]), "It says x.")
    chat(client, session)
    chat(client, session, save=False)
    kinds = [[block["type"] for block in one["content"]] for one in provider.requests[-1].body["messages"]]
    assert kinds == [["text"], ["tool_use"], ["tool_result"], ["text"], ["text"]]
    chat(client, session, save=False, recall_tools=False)
    assert [one["role"] for one in provider.requests[-1].body["messages"]] == ["user", "assistant", "user"]


def test_an_editor_and_a_shell_are_the_models_own_and_run_by_the_caller(
    client: Julep, agent: Agent, provider: FakeProvider
):
    editor = {
        "name": "edit",
        "type": "text_editor_20241022",
        "text_editor_20241022": {"name": "str_replace_editor"},
    }
    shell = {"name": "run", "type": "bash_20241022", "bash_20241022": {"name": "bash"}}
    session = session_of(client, agent, editor, shell)
    provider.script(Reply(tools=[("bash", {"command": "ls"})]), "Two files.")
    choice = chat(client, session)
    sent = {(tool["type"], tool["name"]) for tool in provider.requests[0].body["tools"]}
    assert sent == {("text_editor_20250728", "str_replace_based_edit_tool"), ("bash_20250124", "bash")}
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.function.name, call.function.arguments) == (
        "tool_calls",
        "run",
        '{"command":"ls"}',
    )
    result = {"role": "tool", "tool_call_id": call.id, "content": "a\nb"}
    assert chat(client, session, messages=[result]).message.content == "Two files."
    assert results(provider) == ["a\nb"]
