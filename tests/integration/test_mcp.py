"""The integration ``mcp`` against servers of the protocol's official package, and against some that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from silvercup.adapters.http_calls import HttpCalls
from silvercup.adapters.mcp_client import PackageMcpClient
from silvercup.container import Container
from silvercup.errors import ToolFailed
from silvercup.settings import Settings
from silvercup.tools.calls import ToolCall
from silvercup.tools.functions import function_of
from silvercup.tools.runner import ToolRunner
from tests.support.mcp_server import McpHost
from tests.support.tool_server import Answer, Bytes, Hang, Reply, Seen, ToolServer

SHAPES = [{}, {"json_response": True}, {"stateless": True}, {"json_response": True, "stateless": True}]


def use(
    url: str,
    method: str,
    given: dict[str, Any] | None = None,
    /,
    seconds: float = 20,
    loopback: bool = True,
    **setup: Any,
) -> Any:
    spec = {"provider": "mcp", "method": method, "setup": {"transport": "http", "http_url": url, **setup}}
    runner = Container(Settings(allow_loopback_tools=loopback)).tool_runner
    return runner.run(ToolCall("t", {"name": "use", "type": "integration", "integration": spec}, given or {}, seconds))


def call(url: str, name: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> Any:
    return use(url, "call_tool", {"tool_name": name, "arguments": arguments or {}}, **more)


def failed(*args: Any, **more: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        use(*args, **more)
    return caught.value


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_tools_are_listed_and_called(shape: dict[str, bool]) -> None:
    with McpHost(**shape) as host:
        tools = {tool["name"]: tool for tool in use(host.url, "list_tools")["tools"]}
        assert list(tools) == ["add", "picture", "fail", "sleep"]
        assert tools["add"]["description"] == "Add two numbers."
        assert tools["add"]["input_schema"]["required"] == ["a", "b"]
        added = call(host.url, "add", {"a": 2, "b": 3})
        assert added["structured"] == {"sum": 5}
        assert json.loads(added["text"]) == {"sum": 5}
        assert added["is_error"] is False


def test_the_parts_of_an_answer() -> None:
    with McpHost() as host:
        found = call(host.url, "picture")
        assert found["text"] == "Here:\nThat was it."
        assert [part["type"] for part in found["content"]] == ["text", "image", "text"]
        assert found["content"][1] == {"type": "image", "data": "aGk=", "mimeType": "image/png"}
        bad = call(host.url, "fail", {"why": "no more numbers"})
        assert bad["is_error"] is True


def test_headers_go_along_with_every_request() -> None:
    with McpHost() as host:
        use(host.url, "list_tools", None, http_headers={"Authorization": "Bearer k", "Accept": "text/html"})
        assert host.seen
        for method, headers in host.seen:
            assert method in {"POST", "DELETE"}
            assert headers["authorization"] == "Bearer k"
            assert "application/json" in headers["accept"]


def test_an_answer_without_the_secret_that_the_server_echoes() -> None:
    def echo(seen: Seen) -> Answer:
        answer = old(seen)
        told = {"Authorization": seen.headers["authorization"]}
        if seen.method != "POST" or json.loads(seen.body)["method"] != "tools/call":
            return answer
        made = {"content": [{"type": "text", "text": json.dumps(told)}]}
        return Reply.json({"jsonrpc": "2.0", "id": json.loads(seen.body)["id"], "result": made})

    class Values:
        def values(self, *_: object) -> dict[str, str]:
            return {"KEY": "s3cr3t-value"}

    nothing: Any = None
    sender = HttpCalls(allow_loopback=True)
    runner = ToolRunner(nothing, lambda: sender, {}, Values, PackageMcpClient)
    with ToolServer(echo) as server:
        setup = {"http_url": server.url, "http_headers": {"Authorization": "$ 'Bearer ' + secrets.KEY"}}
        spec = {"provider": "mcp", "method": "call_tool", "setup": setup}
        tool = {"name": "use", "type": "integration", "integration": spec}
        found = runner.run(ToolCall("t", tool, {"tool_name": "one"}, 20))
        assert all(seen.headers["authorization"] == "Bearer s3cr3t-value" for seen in server.requests)
        assert "Bearer" in found["text"]
        assert "s3cr3t" not in json.dumps(found)


def test_a_tool_that_takes_too_long() -> None:
    with McpHost() as host:
        given = {"tool_name": "sleep", "arguments": {"seconds": 60}, "timeout_seconds": 1}
        error = failed(host.url, "call_tool", given)
        assert error.transient
        assert "did not answer in time" in error.message


def test_an_unknown_tool_and_wrong_arguments() -> None:
    with McpHost() as host:
        assert "nosuch" in str(_said(host.url, "nosuch", {}))
        assert "b" in str(_said(host.url, "add", {"a": 1}))


def _said(url: str, name: str, arguments: dict[str, Any]) -> str:
    """What the server says of a call that can't be: as an error of the protocol or of the tool, which servers may choose."""
    try:
        answer = call(url, name, arguments)
    except ToolFailed as error:
        return error.message
    assert answer["is_error"] is True
    return answer["text"]


def old(seen: Seen) -> Answer:
    """A server of the protocol's older days, without sessions; answers with JSON."""
    if seen.method != "POST":
        return Reply(status=405)
    message = json.loads(seen.body)
    made: dict[str, Any]
    match message["method"]:
        case "initialize":
            info = {"name": "old", "version": "1"}
            made = {"protocolVersion": "2025-03-26", "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list" if not message.get("params", {}).get("cursor"):
            made = {"tools": [{"name": "one", "inputSchema": {"type": "object"}}], "nextCursor": "2"}
        case "tools/list":
            made = {"tools": [{"name": "two", "inputSchema": {"type": "object"}}]}
        case "tools/call":
            made = {"content": [{"type": "text", "text": json.dumps(message["params"])}]}
        case _ if "id" not in message:
            return Reply(status=202)
        case _:
            error = {"code": -32601, "message": "Method not found"}
            return Reply.json({"jsonrpc": "2.0", "id": message["id"], "error": error})
    return Reply.json({"jsonrpc": "2.0", "id": message["id"], "result": made})


def test_an_old_server_and_pages() -> None:
    with ToolServer(old) as server:
        found = use(server.url, "list_tools", transport="sse")
        assert [tool["name"] for tool in found["tools"]] == ["one", "two"]
        said = call(server.url, "two", {"x": [1]})
        assert json.loads(said["text"])["arguments"] == {"x": [1]}
        assert said["structured"] is None


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b"<html>", headers={"Content-Type": "text/html"}),
        Reply(b"{", headers={"Content-Type": "application/json"}),
        Reply.json([1, 2]),
        Reply.json({"jsonrpc": "2.0", "id": 1, "result": 7}),
        Reply(b"data: nothing\n\n", headers={"Content-Type": "text/event-stream"}),
        Reply(b"", headers={"Content-Type": "text/event-stream"}),
        Reply(status=202),
        Reply(status=404),
        Reply.json({"error": "who are you?"}, 401),
        Reply(b"x" * 6_000_000, headers={"Content-Type": "application/json"}),
        Bytes([b"SSH-2.0-OpenSSH_9.6\r\n"]),
    ],
    ids=lambda answer: str(answer)[:60],
)
def test_what_is_no_mcp_server(answer: Answer) -> None:
    with ToolServer(lambda _: answer) as server:
        error = failed(server.url, "list_tools")
        assert error.message.startswith("Error in executing mcp.list_tools: ")
        assert "mcp.invalid" not in error.message


def test_a_refusal_says_its_status() -> None:
    with ToolServer(lambda _: Reply(status=401)) as server:
        error = failed(server.url, "list_tools")
        assert "answered 401" in error.message
        assert not error.transient
    with ToolServer(lambda _: Reply(status=500)) as server:
        assert failed(server.url, "list_tools").transient


def test_a_call_is_sent_once() -> None:
    def broken(seen: Seen) -> Answer:
        calls = seen.method == "POST" and json.loads(seen.body)["method"] == "tools/call"
        return Bytes([]) if calls else old(seen)

    with ToolServer(broken) as server:
        assert failed(server.url, "call_tool", {"tool_name": "one"}).transient
        sent = [json.loads(seen.body)["method"] for seen in server.requests if seen.method == "POST"]
        assert sent.count("tools/call") == 1


def test_a_server_that_never_answers() -> None:
    with ToolServer(lambda _: Hang()) as server:
        error = failed(server.url, "list_tools", seconds=1)
        assert error.transient
        assert "did not answer in time" in error.message


def test_redirects_stay_at_home() -> None:
    def slash(seen: Seen) -> Answer:
        return old(seen) if seen.path == "/mcp/" else Reply.redirect("/mcp/", 307)

    with ToolServer(slash) as server:
        assert use(f"{server.url}/mcp", "list_tools")["tools"]
    with (
        ToolServer(old) as other,
        ToolServer(lambda _: Reply.redirect(other.url, 307)) as server,
    ):
        assert "another origin" in failed(server.url, "list_tools").message
        assert not other.requests
    with ToolServer(lambda _: Reply.redirect("http://169.254.169.254/latest/meta-data", 307)) as server:
        assert "another origin" in failed(server.url, "list_tools").message
    with ToolServer(lambda _: Reply.redirect("http://169.254.169.254/latest/meta-data", 303)) as server:
        assert "link-local" in failed(server.url, "list_tools").message


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/mcp",
        "http://10.0.0.1/mcp",
        "http://[::ffff:10.0.0.1]/mcp",
        "http://0x7f.1/mcp",
        "http://2130706433/mcp",
        "https://user:pass@example.com/mcp",
        "file:///etc/passwd",
        "ftp://example.com/",
        "/mcp",
        "http://a\\b/mcp",
        "http://exa mple.com/",
    ],
)
def test_hostile_addresses(url: str) -> None:
    error = failed(url, "list_tools")
    assert "refused" in error.message
    assert not error.transient


def test_loopback_only_where_allowed() -> None:
    with ToolServer(old) as server:
        assert "a loopback address" in failed(server.url, "list_tools", loopback=False).message
        assert not server.connections


def test_what_a_definition_may_say() -> None:
    refused = failed("http://x.example/", "list_tools", transport="stdio")
    assert "'stdio'" in refused.message
    assert "must be http or sse" in refused.message
    assert "lacks http_url" in failed("", "list_tools").message
    assert "tool_name" in failed("http://x.example/", "call_tool").message
    assert "list_tools, call_tool" in failed("http://x.example/", "nosuch").message
    assert "line breaks" in failed("http://x.example/", "list_tools", http_headers={"A": "b\r\nc: d"}).message
    assert "http_headers" in failed("http://x.example/", "list_tools", http_headers="A: b").message


def test_as_a_model_sees_it() -> None:
    spec = {"provider": "mcp", "method": "call_tool", "arguments": {"tool_name": "add", "timeout_seconds": 5}}
    seen = function_of({"name": "add", "type": "integration", "integration": spec})["function"]
    assert list(seen["parameters"]["properties"]) == ["arguments"]
