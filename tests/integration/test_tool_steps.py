"""Tool steps on the local stack: requests over real HTTP, and system tools that do what the API does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.stack import Stack
from tests.support.local import Runs, execution_item, running
from tests.support.provider import FakeProvider
from tests.support.provider import Reply as Reply_
from tests.support.runs import Api, wait_until
from tests.support.tool_server import Answer, Reply, Seen, ToolServer


@pytest.fixture(scope="module")
def server() -> Iterator[ToolServer]:
    def answer(seen: Seen) -> Answer:
        if seen.path == "/wiki/w/api.php":
            return Reply.json({"batchcomplete": "", "query": {"search": []}})
        if seen.path.startswith("/missing"):
            return Reply.json({"why": "not here"}, status=404)
        if seen.path == "/big":
            return Reply.json({"text": "x" * 200_000})
        return Reply.json({"path": seen.path, "query": seen.query, "body": seen.body.decode()})

    with ToolServer(answer) as started:
        yield started


@pytest.fixture(scope="module")
def stack(provider: FakeProvider, server: ToolServer) -> Iterator[Stack]:
    urls = f'{{"wikipedia": "{server.url}/wiki"}}'
    with running(provider, SILVERCUP_ALLOW_LOOPBACK_TOOLS="1", SILVERCUP_TOOL_URLS=urls) as started:
        yield started


@pytest.fixture(scope="module")
def runs(api: Api, stack: Stack) -> Runs:
    return Runs(api, stack)


def fetch(server: ToolServer, path: str, **spec: Any) -> dict[str, Any]:
    return {"name": "fetch", "type": "api_call", "api_call": {"method": "GET", "url": f"{server.url}{path}", **spec}}


def system(name: str, resource: str, operation: str, **spec: Any) -> dict[str, Any]:
    return {"name": name, "type": "system", "system": {"resource": resource, "operation": operation, **spec}}


def test_a_request_is_made_and_its_answer_is_the_output(runs: Runs, server: ToolServer):
    execution = runs.start(
        {"evaluate": {"id": "$ str(_.n)", "lang": "de"}},
        {"tool": "fetch"},
        {"tool": "fetch", "arguments": {"id": "$ 'a/' + _.json.path", "method": "POST", "json": {"n": "$ input.n"}}},
        {"return": {"first": "$ outputs[1].json", "second": "$ _.json", "status": "$ _.status_code"}},
        tools=[fetch(server, "/pages/{id}")],
        input={"n": 7},
    )
    output = runs.until(execution, "succeeded")["output"]
    assert output["first"] == {"path": "/pages/7", "query": {"lang": "de"}, "body": ""}
    assert output["second"] == {"path": "/pages/a%2F%2Fpages%2F7", "query": {}, "body": '{"n":7}'}
    assert output["status"] == 200
    types = ["init", "step", "step", "step", "finish"]
    assert runs.types(execution) == types


def test_a_tool_that_fails_fails_its_step(runs: Runs, server: ToolServer):
    execution = runs.start(
        {"over": "$ [1]", "map": {"tool": "fetch", "arguments": {"id": "$ str(_)"}}},
        tools=[fetch(server, "/missing/{id}")],
    )
    shown = runs.until(execution, "failed")
    assert shown["error"].startswith("In item 0 of main[0]: main[0].map: Error in executing fetch: GET http")
    assert "answered 404" in shown["error"]
    assert runs.types(execution) == ["init", "init_branch", "error"]


def test_what_is_no_object_is_no_argument(runs: Runs, server: ToolServer):
    execution = runs.start(
        {"evaluate": {"x": "$ 1"}}, {"tool": "fetch", "arguments": "$ [_]"}, tools=[fetch(server, "/")]
    )
    assert (
        runs.until(execution, "failed")["error"] == "main[1]: The arguments of a tool must be an object, and are a list"
    )


def test_a_large_answer_is_kept(runs: Runs, server: ToolServer):
    execution = runs.start(
        {"tool": "fetch"}, {"evaluate": {"size": "$ len(_.json.text)"}}, tools=[fetch(server, "/big")]
    )
    assert runs.until(execution, "succeeded")["output"] == {"size": 200_000}
    assert len(runs.transitions(execution)[1]["output"]["json"]["text"]) == 200_000


def test_an_integration_runs(runs: Runs):
    tool = {"name": "wiki", "type": "integration", "integration": {"provider": "wikipedia", "method": "search"}}
    execution = runs.start({"tool": "wiki", "arguments": {"query": "$ _.q"}}, tools=[tool], input={"q": "Einstein"})
    assert runs.until(execution, "succeeded")["output"] == {"documents": []}


def test_a_tool_of_the_agent_is_kept_with_the_task(api: Api, stack: Stack, server: ToolServer):
    agent = api.agent()
    tool = api.call("POST", f"/agents/{agent}/tools", fetch(server, "/agents/{id}"))["id"]
    task = api.task(agent, {"main": [{"tool": "fetch"}], "inherit_tools": True})
    api.call("DELETE", f"/agents/{agent}/tools/{tool}")
    execution = api.call("POST", f"/tasks/{task}/executions", {"input": {"id": "a"}})["id"]
    assert Runs(api, stack).until(execution, "succeeded")["output"]["json"]["path"] == "/agents/a"


def test_system_tools_do_what_the_api_does(runs: Runs, api: Api):
    tools = [
        system("make_user", "user", "create"),
        system("add_doc", "agent", "create", subresource="doc"),
        system("docs_of", "agent", "list", subresource="doc"),
        system("search", "agent", "search", subresource="doc"),
        system("embed", "doc", "embed"),
        system("make_session", "session", "create"),
        system("chat", "session", "chat"),
        system("drop_user", "user", "delete"),
    ]
    execution = runs.start(
        {"tool": "make_user", "arguments": {"name": "Ada"}, "label": "user"},
        {"tool": "add_doc", "arguments": {"title": "T", "content": "On otters"}, "label": "doc"},
        {"tool": "docs_of", "arguments": {"limit": "$ 10"}, "label": "docs"},
        {"tool": "search", "arguments": {"text": "otters"}, "label": "found"},
        {"tool": "embed", "arguments": {"text": "otters"}, "label": "vector"},
        {"tool": "make_session", "arguments": {"agent": "$ str(agent.id)", "user": "$ steps['user'].output.id"}},
        {
            "tool": "chat",
            "arguments": {"session_id": "$ _.id", "messages": [{"role": "user", "content": "Hello"}]},
            "label": "said",
        },
        {"tool": "drop_user", "arguments": {"user_id": "$ steps['user'].output.id"}},
        {
            "return": {
                "doc": "$ steps['doc'].output.id",
                "docs": "$ [doc.id for doc in steps['docs'].output]",
                "found": "$ 'docs' in steps['found'].output",
                "vector": "$ len(steps['vector'].output['vectors'][0]) > 100",
                "said": "$ steps['said'].output.choices[0].message.content",
                "user": "$ steps['user'].output.id",
            }
        },
        tools=tools,
    )
    output = runs.until(execution, "succeeded")["output"]
    assert output["docs"] == [output["doc"]]
    assert output["found"]
    assert output["vector"]
    assert output["said"]
    assert api.call("GET", f"/docs/{output['doc']}")["title"] == "T"
    assert api.http.get(f"/users/{output['user']}").status_code == 404


def test_a_call_that_is_made_again_creates_nothing_twice(runs: Runs, api: Api, stack: Stack):
    """The record of the answer can't be written, when the user has been made."""
    events = stack.container.clients.get("dynamodb").meta.events
    failed: list[str] = []

    def fail(model: Any, params: dict[str, Any], **_: Any) -> None:
        if model.name == "PutItem" and b'"effect:main/b0"' in bytes(params["body"]) and not failed:
            failed.append(model.name)
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "injected"}}, model.name)

    events.register("before-call", fail)
    try:
        execution = runs.start(
            {"tool": "make_user", "arguments": {"name": "$ 'u' + str(random.random())", "metadata": {"run": "again"}}},
            tools=[system("make_user", "user", "create")],
        )
        output = runs.until(execution, "succeeded")["output"]
    finally:
        events.unregister("before-call", fail)
    assert failed
    users = api.call("GET", '/users?metadata_filter={"run":"again"}')["items"]
    assert [user["id"] for user in users] == [output["id"]]


def test_a_task_starts_another(runs: Runs, api: Api, stack: Stack):
    other = api.task(api.agent(), {"main": [{"evaluate": {"n": "$ _.n + 1"}}]})
    execution = runs.start(
        {"tool": "start", "arguments": {"task_id": other, "data": {"input": {"n": 1}}}},
        tools=[system("start", "task", "create", subresource="execution")],
    )
    started = runs.until(execution, "succeeded")["output"]["id"]
    wait_until(lambda: execution_item(stack, started).get("status") == "succeeded", "the other execution")
    assert api.call("GET", f"/executions/{started}")["output"] == {"n": 2}


def test_secrets_are_named_where_there_are_none(runs: Runs, server: ToolServer):
    execution = runs.start(
        {"tool": "fetch"}, tools=[fetch(server, "/x", headers={"Authorization": "$ f'Bearer {secrets.TOKEN}'"})]
    )
    error = runs.until(execution, "failed")["error"]
    assert error.startswith(
        "main[0]: Error in executing fetch: fetch: there is no secret TOKEN; create it with POST /secrets"
    )


def test_a_computer_is_the_callers(runs: Runs):
    execution = runs.start(
        {"tool": "screen", "arguments": {"action": "screenshot"}},
        tools=[{"name": "screen", "type": "computer_20241022", "computer_20241022": {"display_width_px": 800}}],
    )
    call = runs.until(execution, "awaiting_input")["output"]
    assert call["function"] == {"name": "screen", "arguments": '{"action":"screenshot"}'}
    runs.resume(execution, {"image": "..."})
    assert runs.until(execution, "succeeded")["output"] == {"image": "..."}


def test_a_prompt_waits_for_the_computer(runs: Runs, said: FakeProvider):
    said.script(Reply_(tools=[("computer", {"action": "screenshot"})]), "A desk")
    execution = runs.start(
        {"prompt": "Look", "auto_run_tools": True, "settings": {"model": "claude-sonnet-5"}},
        tools=[{"name": "screen", "type": "computer_20241022", "computer_20241022": {}}],
    )
    (call,) = runs.until(execution, "awaiting_input")["output"]
    assert call["function"]["name"] == "screen"
    assert said.requests[0].body["tools"][0]["type"] == "computer_20251124"
    runs.resume(execution, {call["id"]: "a desk"})
    assert runs.until(execution, "succeeded")["output"]["choices"][0]["message"]["content"] == "A desk"
    assert said.requests[1].body["messages"][1]["content"][0]["name"] == "computer"


@pytest.fixture
def said(provider: FakeProvider) -> Iterator[FakeProvider]:
    """The provider, with nothing said yet and nothing left to say."""
    provider.requests.clear()
    yield provider
    provider.script()


def test_a_model_calls_tools_until_it_has_answered(runs: Runs, server: ToolServer, said: FakeProvider):
    said.script(
        Reply_(tools=[("fetch", {"id": "a"}), ("fetch", {"id": "b"})]),
        Reply_(tools=[("broken", {"id": "x"})]),
        "Done",
    )
    execution = runs.start(
        {"prompt": "Look at the pages a and b", "auto_run_tools": True},
        tools=[fetch(server, "/pages/{id}"), fetch(server, "/missing/{id}") | {"name": "broken"}],
    )
    output = runs.until(execution, "succeeded")["output"]
    assert output["choices"][0]["message"]["content"] == "Done"
    roles = [message["role"] for message in output["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "tool", "assistant"]
    assert '"path":"/pages/a"' in output["messages"][2]["content"]
    assert '"path":"/pages/b"' in output["messages"][3]["content"]
    assert "answered 404" in output["messages"][5]["content"]
    assert {tool["name"] for tool in said.requests[0].body["tools"]} == {"fetch", "broken"}
    assert len(said.requests) == 3
    assert runs.types(execution) == ["init", "finish"]


def test_calls_of_functions_wait_for_their_results(runs: Runs, said: FakeProvider):
    said.script(Reply_(tools=[("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})]), "Snow and sun")
    execution = runs.start(
        {"prompt": "The weather in Oslo and Rome?", "auto_run_tools": True, "unwrap": True},
        tools=[{"name": "weather", "type": "function", "function": {"parameters": {"type": "object"}}}],
    )
    calls = runs.until(execution, "awaiting_input")["output"]
    assert [call["function"]["name"] for call in calls] == ["weather", "weather"]
    runs.resume(execution, {calls[0]["id"]: "snow", calls[1]["id"]: {"sky": "sun"}})
    assert runs.until(execution, "succeeded")["output"] == "Snow and sun"
    assert runs.types(execution) == ["init", "wait", "finish"]
    results = said.requests[1].body["messages"][-1]["content"]
    assert [block["content"][0]["text"] for block in results] == ["snow", '{"sky":"sun"}']


def test_without_auto_run_tools_the_calls_are_the_output(runs: Runs, server: ToolServer, said: FakeProvider):
    said.script(Reply_(tools=[("fetch", {"id": "a"})]))
    execution = runs.start(
        {"prompt": "Look at a", "tools": ["fetch"], "tool_choice": "required"}, tools=[fetch(server, "/pages/{id}")]
    )
    choice = runs.until(execution, "succeeded")["output"]["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"id":"a"}'
