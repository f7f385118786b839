"""What a body asks for, and what of it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.chat.bodies import messages_of, request_of
from silvercup.errors import InvalidRequest

HI: dict[str, Any] = {"role": "user", "content": "hi"}
CALL: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}

TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f"}}


def asked(**body: Any) -> Any:
    return request_of({"messages": [HI], **body}, id_="1")


def test_what_is_absent_or_null_has_its_default():
    request = asked(recall=None, save=None, model=None, stop=[], tools=None)
    assert (request.recall, request.save, request.recall_tools, request.auto_run_tools) == (True, True, True, None)
    assert (request.settings, request.tools, request.tool_choice, request.metadata) == ({}, [], None, {})


def test_the_settings_are_those_of_the_model():
    given: dict[str, Any] = {
        "temperature": 0,
        "max_tokens": 3,
        "stop": ["a"],
        "response_format": {"type": "json_object"},
    }
    request = asked(**given, recall=False, settings={"temperature": 1}, remember=True)
    assert request.settings == given, "v1 ignored `settings`"
    assert request.recall is False


def test_tools_have_one_shape():
    spec = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    of_openai, of_v1, bare = asked(
        tools=[
            {"type": "function", "function": spec},
            {"name": "g", "type": "function", "function": {"parameters": {}}},
            {"name": "h", "api_call": {"method": "GET", "url": "https://example.com"}},
        ]
    ).tools
    assert (of_openai["name"], of_openai["type"], of_openai["description"]) == ("f", "function", "d")
    assert of_v1["name"] == "g"
    assert bare["type"] == "api_call"


def test_definitions_of_tools_are_checked_all_at_once():
    wrong = [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}},
        {"name": "g", "type": "function", "function": {"parameters": {"type": "object"}}},
        {"name": "h", "integration": {"provider": "brvae"}},
        {"name": "i", "type": "system", "system": {"resource": "agent", "operation": "fly"}},
        {"name": "j", "api_call": {"method": "GET", "url": "$ secrets.URL", "timeout": "soon"}},
    ]
    with pytest.raises(InvalidRequest, match=r"tools\[0\]\.function\.parameters\.type: must be 'object'") as told:
        asked(tools=wrong)
    assert [problem.loc for problem in told.value.details] == [
        "tools[0].function.parameters.type",
        "tools[2].integration.provider",
        "tools[3].system.operation",
        "tools[4].api_call.timeout",
    ]
    assert told.value.details[1].hint == "Did you mean 'brave'?"


@pytest.mark.parametrize(
    "given",
    [
        {"function": {"name": "f"}},
        {"type": "function", "function": {"name": "f"}},
        {"type": "function", "name": "f"},
    ],
)
def test_a_choice_of_a_function_has_one_shape(given: dict[str, Any]):
    assert asked(tool_choice=given).tool_choice == {"type": "function", "function": {"name": "f"}}
    assert [asked(tool_choice=one).tool_choice for one in ("auto", "none", "required")] == ["auto", "none", "required"]


def test_messages_are_kept_as_they_are_but_for_their_parts():
    parts = ["a", {"text": "b"}, {"image_url": {"url": "data:image/png;base64,xx", "detail": "low"}}]
    (message,) = messages_of([{"role": "user", "content": parts, "name": "Bob", "id": "mine"}], "messages")
    assert message == {
        "role": "user",
        "name": "Bob",
        "content": [
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,xx", "detail": "low"}},
        ],
    }
    (call,) = messages_of([{"role": "assistant", "content": None, "tool_calls": [{**CALL, "type": None}]}], "m")
    assert call["tool_calls"] == [CALL]
    (result,) = messages_of([{"role": "tool", "tool_call_id": "c", "content": None}], "m")
    assert result["content"] == ""


@pytest.mark.parametrize(
    ("body", "loc", "says"),
    [
        ({"messages": []}, "messages", "at least one"),
        ({"messages": [HI, {"role": "robot", "content": "x"}]}, "messages[1].role", "'robot'"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content", "empty"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "empty"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}, "messages[0].content", "empty"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "a text"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text", "a text"),
        ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "messages[0].content[0].type", "'sound'"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "missing"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
            "messages[0].tool_calls[0]",
            "function",
        ),
        ({"messages": [HI], "tools": [{"type": "function"}]}, "tools[0]", "name"),
        ({"messages": [HI], "tools": [TOOL, TOOL]}, "tools[1].name", "'f'"),
        ({"messages": [HI], "tool_choice": "maybe"}, "tool_choice", "auto, none, required"),
        ({"messages": [HI], "tool_choice": {}}, "tool_choice", "auto, none, required"),
        ({"messages": [HI], "tool_choice": {"function": {}}}, "tool_choice", "a function by its name"),
        ({"messages": [HI], "tool_choice": {"function": {"name": ""}}}, "tool_choice", "a function by its name"),
        ({"messages": [HI], "tool_choice": {"name": "f"}}, "tool_choice", "a function by its name"),
        ({"messages": [HI], "tool_choice": ["f"]}, "tool_choice", "a function by its name"),
    ],
)
def test_what_is_not_well_formed_is_refused_where_it_stands(body: dict[str, Any], loc: str, says: str):
    with pytest.raises(InvalidRequest, match=says) as told:
        request_of(body, id_="1")
    assert [problem.loc for problem in told.value.details] == [loc]


def test_a_key_is_not_in_the_request_s_representation():
    from dataclasses import replace

    assert "secret" not in repr(replace(asked(), api_key="secret"))
