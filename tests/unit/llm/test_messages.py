"""Conversations as the Messages API takes them: its rules hold whatever comes in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.adapters.anthropic_messages import convert
from silvercup.adapters.anthropic_tools import convert_tools
from silvercup.errors import ModelRejected
from tests.support.provider_rules import check_messages


def text(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": each} for each in texts]


def call(id_: str, name: str = "look", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_system_messages_go_to_the_system_prompt_in_order() -> None:
    made = convert(
        [
            {"role": "system", "content": "One."},
            {"role": "user", "content": "Hello", "name": "Ann"},
            {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
            {"role": "user", "content": "again"},
        ]
    )
    assert made.system == "One.\n\nTwo."
    assert made.messages == [{"role": "user", "content": text("Hello", "again")}]


def test_a_prompt_of_system_messages_only_is_sent_as_the_users() -> None:
    made = convert([{"role": "system", "content": "You are terse."}, {"role": "system", "content": "Say hello."}])
    assert made.system == ""
    assert made.messages == [{"role": "user", "content": text("You are terse.\n\nSay hello.")}]


def test_a_conversation_starts_and_ends_with_the_user() -> None:
    made = convert([{"role": "assistant", "content": "Hi, "}, {"role": "assistant", "content": "how are you?"}])
    assert made.messages == [
        {"role": "user", "content": text("Continue.")},
        {"role": "assistant", "content": text("Hi, ", "how are you?")},
        {"role": "user", "content": text("Continue.")},
    ]


def test_calls_and_results_of_tools() -> None:
    made = convert(
        [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [call("a", "w", '{"city": "Oslo"}'), call("b", "w", {"city": "Rome"})],
            },
            {"role": "tool", "tool_call_id": "b", "content": {"degrees": 20}},
            {"role": "user", "content": "Quick!"},
            {"role": "tool", "tool_call_id": "a", "content": "rain", "name": "w"},
        ]
    )
    assert made.messages[1]["content"] == [
        {"type": "tool_use", "id": "a", "name": "w", "input": {"city": "Oslo"}},
        {"type": "tool_use", "id": "b", "name": "w", "input": {"city": "Rome"}},
    ]
    assert made.messages[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": text("rain")},
        {"type": "tool_result", "tool_use_id": "b", "content": text('{"degrees":20}')},
        *text("Quick!"),
    ]
    assert made.called_tools == ["w"]


def test_a_call_that_was_never_answered_gets_a_result_that_says_so() -> None:
    made = convert(
        [
            {"role": "user", "content": "Go"},
            {"role": "assistant", "tool_calls": [call("a")]},
            {"role": "user", "content": "Never mind"},
        ]
    )
    assert made.messages[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": text("(no result was given)"), "is_error": True},
        *text("Never mind"),
    ]


def test_a_result_without_its_call_becomes_text() -> None:
    made = convert([{"role": "user", "content": "Go"}, {"role": "tool", "tool_call_id": "lost", "content": "42"}])
    assert made.messages == [{"role": "user", "content": text("Go", "Result of the tool call lost:", "42")}]


def test_arguments_that_are_no_object_are_kept() -> None:
    made = convert(
        [
            {
                "role": "assistant",
                "tool_calls": [call("a", arguments="not json"), call("b", arguments="[1]"), call("c", arguments=None)],
            }
        ]
    )
    assert [block["input"] for block in made.messages[1]["content"]] == [
        {"arguments": "not json"},
        {"arguments": [1]},
        {},
    ]


def test_images() -> None:
    made = convert(
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "auto"}},
                    {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,iVBORw0="}},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}},
                    "and text",
                ],
            }
        ]
    )
    assert made.messages[0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}},
        *text("and text"),
    ]
    check_messages(made.messages)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (
            {"role": "robot", "content": "x"},
            r"messages\[1\].role is 'robot'; it must be system, user, assistant or tool",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio"}]},
            r"messages\[1\].content\[0\] is of type 'input_audio'",
        ),
        ({"role": "user", "content": ["x", 3]}, r"messages\[1\].content\[1\] is not a part of a message"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:text/plain,x"}}]},
            "data URL that is no image",
        ),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, r"messages\[1\].tool_calls\[0\] is not a tool call"),
    ],
)
def test_what_cant_be_sent_says_where_it_is(message: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelRejected, match=problem):
        convert([{"role": "user", "content": "Hello"}, message])


def test_tools() -> None:
    parameters = {"properties": {"city": {"type": "string"}}, "required": ["city"]}
    own = {"type": "computer_20991022", "name": "computer"}
    assert convert_tools(
        [
            {"type": "function", "function": {"name": "w", "description": "The weather", "parameters": parameters}},
            {"type": "function", "function": {"name": "now", "description": None, "parameters": None}},
            own,
        ],
        "claude-opus-5",
    ).shown == [
        {"name": "w", "description": "The weather", "input_schema": {"type": "object", **parameters}},
        {"name": "now", "input_schema": {"type": "object"}},
        own,
    ]


contents = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.lists(st.text(max_size=4).map(lambda each: {"type": "text", "text": each}), max_size=3),
    st.just([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
ids = st.sampled_from(["a", "b", "c", "d:1"])


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any order of roles, with calls (each id once) and results that may be missing, late, doubled or of nothing."""
    unused = draw(st.permutations(["a", "b", "c", "d:1"]))
    messages: list[dict[str, Any]] = []
    for role in draw(
        st.lists(st.sampled_from(["system", "user", "assistant", "calls", "tool"]), min_size=1, max_size=12)
    ):
        content = draw(contents)
        if role == "calls":
            take = draw(st.integers(0, len(unused)))
            calls, unused = unused[:take], unused[take:]
            messages.append({"role": "assistant", "content": content, "tool_calls": [call(each) for each in calls]})
        elif role == "tool":
            messages.append({"role": "tool", "content": content, "tool_call_id": draw(st.one_of(ids, st.none()))})
        else:
            messages.append({"role": role, "content": content, "name": "n"})
    return messages


@given(conversations())
def test_the_rules_of_the_api_hold_for_any_conversation(messages: list[dict[str, Any]]) -> None:
    made = convert(messages)
    check_messages(made.messages)
    assert made.messages[0]["role"] == made.messages[-1]["role"] == "user"


@given(conversations())
def test_no_text_gets_lost(messages: list[dict[str, Any]]) -> None:
    made = convert(messages)
    shown = made.system + repr(made.messages)
    for message in messages:
        content = message["content"]
        if isinstance(content, str) and content.strip():
            assert content in shown or repr(content)[1:-1] in shown
