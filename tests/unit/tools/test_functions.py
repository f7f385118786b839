"""Tools as models see them, and results as messages."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from silvercup.errors import ToolFailed
from silvercup.tool_types import runs_here
from silvercup.tools.client_tools import CLIENT_TOOL
from silvercup.tools.content import as_content
from silvercup.tools.functions import function_of, functions_of
from silvercup.tools.integrations.provider import available, later
from silvercup.tools.system.run import OPERATIONS


def function(tool: dict[str, Any]) -> dict[str, Any]:
    shown = function_of(tool)
    assert shown.keys() == {"type", "function"}
    assert shown["type"] == "function"
    Draft202012Validator.check_schema(shown["function"]["parameters"])
    assert shown["function"]["parameters"]["type"] == "object"
    return shown["function"]


def test_a_function():
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = {"name": "ask", "type": "function", "description": "Ask", "function": {"parameters": parameters}}
    assert function(tool) == {"name": "ask", "description": "Ask", "parameters": parameters}
    assert function({"name": "x", "type": "function"}) == {
        "name": "x",
        "parameters": {"type": "object", "properties": {}},
    }
    inner = function({"name": "x", "type": "function", "function": {"description": "Inner"}})
    assert inner["description"] == "Inner"


def test_an_api_call():
    spec = {"method": "GET", "url": "https://x.example/{city}/{day}"}
    bare = function({"name": "x", "type": "api_call", "api_call": spec})["parameters"]
    assert list(bare["properties"]) == ["params", "city", "day"]
    assert bare["required"] == ["city", "day"]
    schema = {"properties": {"city": {"type": "string"}}, "required": ["city"]}
    described = function({"name": "x", "type": "api_call", "api_call": {**spec, "params_schema": schema}})
    assert described["parameters"] == {"type": "object", **schema}
    post = function({"name": "x", "type": "api_call", "api_call": {"method": "POST", "url": "https://x.example"}})
    assert list(post["parameters"]["properties"]) == ["params", "json", "data", "content"]


def test_an_integration_has_its_own_name_and_what_is_left_to_say():
    spec = {"provider": "arxiv", "arguments": {"max_results": 3, "query": "cats"}}
    shown = function({"name": "papers", "type": "integration", "integration": spec})
    assert shown["name"] == "papers"
    assert shown["description"] == "Search arXiv for papers"
    assert not {"query", "max_results"} & shown["parameters"]["properties"].keys()
    assert "required" not in shown["parameters"]


@pytest.mark.parametrize("provider", [*available(), *later()])
def test_every_provider_can_be_shown(provider: str):
    function({"name": "x", "type": "integration", "integration": {"provider": provider}})


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_shown(name: str):
    resource, _, operation = name.partition(".")
    outer, _, inner = resource.partition("/")
    spec = {"resource": outer, "operation": operation, **({"subresource": inner} if inner else {})}
    shown = function({"name": "x", "type": "system", "system": spec})
    properties = shown["parameters"]["properties"]
    assert shown["description"]
    assert "developer_id" not in properties
    assert all("description" in schema for schema in properties.values())
    assert {*shown["parameters"].get("required", ())} <= properties.keys()


def test_what_a_system_tool_fixes_is_not_shown():
    spec = {
        "resource": "user",
        "subresource": "doc",
        "operation": "create",
        "resource_id": "00000000-0000-0000-0000-000000000001",
        "arguments": {"data": {"title": "T"}, "metadata": {}},
    }
    parameters = function({"name": "x", "type": "system", "system": spec})["parameters"]
    assert list(parameters["properties"]) == ["content", "embed_instruction", "language", "chunking", "file_id"]
    assert not parameters.get("required")


def test_the_calling_agent_need_not_be_named():
    spec = {"resource": "agent", "subresource": "doc", "operation": "search"}
    assert function({"name": "x", "type": "system", "system": spec})["parameters"]["required"] == []


def test_tools_that_can_not_be_shown_are_told_apart():
    tools = [
        {"name": "b", "type": "integration", "integration": {"provider": "nowhere"}},
        {"name": "c", "type": "system", "system": {"resource": "agent", "operation": "fly"}},
        {"name": "d", "type": "function"},
        {"name": "e", "type": "integration", "integration": {"provider": "brave", "method": "dive"}},
        {"name": "f", "type": "api_call"},
    ]
    shown, wrong = functions_of(tools)
    assert [one["function"]["name"] for one in shown] == ["d"]
    assert [text.partition(":")[0] for text in wrong] == ["b", "c", "e", "f"]
    assert "'nowhere' is none that there is; there are arxiv, brave" in wrong[0]
    assert "there is agent.list, agent.get, agent.create" in wrong[1]
    assert "it has search" in wrong[2]
    with pytest.raises(ToolFailed):
        function_of(tools[0])


@pytest.mark.parametrize("kind", ["computer_20241022", "text_editor_20241022", "bash_20241022"])
@pytest.mark.parametrize("spec", [None, {}, {"name": "x", "display_width_px": "wide", "display_number": True}])
def test_what_the_caller_carries_out(kind: str, spec: Any):
    shown = function_of({"name": "x", "type": kind, kind: spec})
    size = {"display_width_px": 1024, "display_height_px": 768} if kind.startswith("computer") else {}
    assert shown.pop(CLIENT_TOOL) == {"type": kind, **size}
    Draft202012Validator.check_schema(shown["function"]["parameters"])
    assert shown["function"]["description"]


def test_a_screen_has_its_size():
    spec = {"display_width_px": 800, "display_height_px": 600, "display_number": 1}
    shown = function_of({"name": "x", "type": "computer_20241022", "computer_20241022": spec})
    assert "800 x 600 pixels" in shown["function"]["description"]
    assert shown[CLIENT_TOOL] == {"type": "computer_20241022", **spec}


@pytest.mark.parametrize(
    ("kind", "here"),
    [
        ("system", True),
        ("integration", True),
        ("api_call", True),
        ("function", False),
        ("computer_20241022", False),
        ("text_editor_20241022", False),
        ("bash_20241022", False),
        (None, False),
    ],
)
def test_what_runs_here(kind: str | None, here: bool):
    assert runs_here({"type": kind}) == here


def test_results_as_content():
    assert as_content("text") == "text"
    assert as_content({"a": ["ü", None]}) == '{"a":["ü",null]}'
    assert as_content(None) == "null"
    long = as_content("x" * 200_001)
    assert long.startswith("x" * 200_000 + "\n[cut off: the result has 200,001 characters, the first 200,000")
    assert as_content("x" * 200_000) == "x" * 200_000
    assert as_content([1, 2, 3], limit=3).startswith("[1,\n[cut off")
