"""What the metadata of agents, tasks and sessions changes of tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from silvercup.errors import InvalidRequest, ToolFailed
from silvercup.tools.api_call import run_api_call
from silvercup.tools.calls import ToolCall
from silvercup.tools.functions import function_of
from silvercup.tools.outgoing import HttpAnswer, HttpRequest
from silvercup.tools.overrides import overridden

SEARCH: dict[str, Any] = {
    "name": "search",
    "type": "integration",
    "integration": {
        "provider": "brave",
        "setup": {"brave_api_key": "$ secrets.BRAVE", "other": "kept"},
        "arguments": {"query": "cats"},
    },
}
ORDERS: dict[str, Any] = {
    "name": "orders",
    "type": "api_call",
    "api_call": {
        "method": "POST",
        "url": "https://shop.example.com/orders/{id}",
        "headers": {"X-Key": "$ secrets.KEY", "X-Kind": "a"},
        "params_schema": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "note": {"type": "string"}},
            "required": ["id", "note"],
            "additionalProperties": False,
        },
    },
}


class Echo:
    """Answers nothing, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest, /) -> HttpAnswer:
        self.sent.append(request)
        return HttpAnswer(200, "OK", {}, b"{}", request.url)


def sent(tool: dict[str, Any], arguments: dict[str, Any], *, by_model: bool = True) -> HttpRequest:
    sender = Echo()
    run_api_call(ToolCall("t", tool, arguments, 1.0, by_model=by_model), sender)
    return sender.sent[0]


def authors(*metadata: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(zip(("agent", "task"), metadata, strict=False))


def test_a_task_goes_over_its_agent_and_both_over_the_definition():
    agent = {
        "x-integrations-setup": {"search": {"brave_api_key": "agents", "more": 1}},
        "x-integrations-args": {"search": {"query": "dogs"}},
    }
    task = {
        "x-integrations-setup": {"search": {"brave_api_key": "$ secrets.TASKS"}, "another": {"brave_api_key": "no"}}
    }
    found = overridden(SEARCH, authors(agent, task))["integration"]
    assert found["setup"] == {"brave_api_key": "$ secrets.TASKS", "other": "kept", "more": 1}
    assert found["arguments"] == {"query": "dogs"}
    assert SEARCH["integration"]["arguments"] == {"query": "cats"}


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"x-integrations-setup": None},
        {"x-integrations-args": {"other": {"query": "dogs"}}},
        {"x-api_call-args": {"search": {"query": "dogs"}}},
    ],
)
def test_what_is_about_something_else_changes_nothing(metadata: Any):
    assert overridden(SEARCH, [("agent", metadata)], metadata) is SEARCH


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "f", "type": "function", "function": {}},
        {"name": "s", "type": "system", "system": {"resource": "agent", "operation": "list"}},
    ],
)
def test_other_types_are_left_alone(tool: dict[str, Any]):
    assert overridden(tool, [("agent", {"x-integrations-args": {"f": {"a": 1}, "s": {"a": 1}}})]) is tool


def test_what_is_fixed_goes_over_the_call_and_is_not_shown_to_a_model():
    tool = overridden(ORDERS, authors({"x-api_call-args": {"orders": {"note": "fixed", "params": {"dry": "1"}}}}))
    shown = function_of(tool)["function"]["parameters"]
    assert (list(shown["properties"]), shown["required"]) == (["id"], ["id"])
    request = sent(tool, {"id": "7"})
    assert request.url == "https://shop.example.com/orders/7?dry=1"
    assert json.loads(request.body or b"") == {"note": "fixed"}
    assert json.loads(sent(tool, {"id": "7", "note": "mine"}, by_model=False).body or b"") == {"note": "fixed"}


def test_a_setup_goes_over_the_definition_key_by_key():
    setup = {"url": "https://staging.example.com/{id}", "headers": {"X-Kind": "b"}}
    request = sent(overridden(ORDERS, authors({"x-api_call-setup": {"orders": setup}})), {"id": "7", "note": "n"})
    assert request.url == "https://staging.example.com/7"
    assert request.headers["X-Kind"] == "b"
    assert "X-Key" in request.headers


def test_what_a_model_writes_is_held_to_its_schema_all_the_same():
    tool = overridden(ORDERS, authors({"x-api_call-args": {"orders": {"note": "fixed"}}}))
    with pytest.raises(ToolFailed, match="id"):
        sent(tool, {})
    with pytest.raises(ToolFailed, match="url"):
        sent(tool, {"id": "7", "url": "https://elsewhere.example.com"})


def test_a_session_goes_over_all_and_meets_no_secret():
    session = {
        "x-integrations-setup": {"search": {"server": "https://elsewhere.example.com"}},
        "x-integrations-args": {"search": {"query": "birds"}},
    }
    found = overridden(SEARCH, authors({"x-integrations-args": {"search": {"query": "dogs"}}}), session)["integration"]
    assert found["setup"] == {"other": "kept", "server": "https://elsewhere.example.com"}
    assert found["arguments"] == {"query": "birds"}


@pytest.mark.parametrize("part", ["setup", "args"])
def test_no_header_with_a_secret_goes_where_a_session_says(part: str):
    session = {
        f"x-api_call-{part}": {"orders": {"url": "https://elsewhere.example.com/{id}", "headers": {"X-Mine": "1"}}}
    }
    request = sent(overridden(ORDERS, [], session), {"id": "7", "note": "n"})
    assert request.url == "https://elsewhere.example.com/7"
    assert "X-Key" not in request.headers


def test_a_header_of_a_session_goes_over_the_definitions():
    session = {"x-api_call-setup": {"orders": {"headers": {"X-Kind": "mine"}}}}
    assert sent(overridden(ORDERS, [], session), {"id": "7", "note": "n"}).headers["X-Kind"] == "mine"


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"x-integrations-args": "no"}, "session.metadata.x-integrations-args must be an object"),
        ({"x-integrations-setup": {"search": [1]}}, "session.metadata.x-integrations-setup.search must be an object"),
        (
            {"x-integrations-setup": {"search": {"brave_api_key": "$ secrets.A"}}},
            "x-integrations-setup.search names a secret",
        ),
        (
            {"x-integrations-args": {"search": {"query": ["in {secrets.A}"]}}},
            "x-integrations-args.search names a secret",
        ),
        ({"x-integrations-args": {"search": {"query": "$ secrets[_]"}}}, "names a secret"),
    ],
)
def test_what_is_wrong_is_said_where(metadata: dict[str, Any], words: str):
    with pytest.raises(InvalidRequest, match=words):
        overridden(SEARCH, [], metadata)
