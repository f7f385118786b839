"""v1's messages and settings as OpenAI's chat API takes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.adapters.openai_messages import NO_RESULT, convert
from silvercup.adapters.openai_params import parameters
from silvercup.errors import ModelRejected
from silvercup.llm.model import ModelRequest
from tests.support.openai_wire import check_messages

USER = {"role": "user", "content": "Hello"}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def call(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "look", "arguments": "{}"}}


def body(model: str, *, own_server: bool = False, **settings: Any) -> dict[str, Any]:
    own = {name: settings.pop(name) for name in ("tools", "tool_choice") if name in settings}
    request = ModelRequest(model=model, messages=[USER], settings=settings, **own)
    made = parameters(request, own_server=own_server).body
    return {name: value for name, value in made.items() if name not in {"model", "messages"}}


def test_names_of_speakers_are_kept() -> None:
    made = convert([{"role": "user", "name": "John Doe (admin)", "content": "Hi"}, {**USER, "name": "日本"}])
    assert [message.get("name") for message in made] == ["John_Doe_admin_", "_"]


def test_calls_and_results_stand_together() -> None:
    talk = [
        USER,
        {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")]},
        USER,
        {"role": "tool", "tool_call_id": "a", "content": "late"},
    ]
    made = convert(talk)
    assert made[1]["content"] is None
    assert made[2:4] == [{"role": "tool", "tool_call_id": id_, "content": NO_RESULT} for id_ in ("a", "b")]
    assert made[5] == {"role": "user", "content": "Result of the tool call a:\nlate"}


def test_parts_of_contents() -> None:
    parts: list[Any] = [
        "bare",
        {"type": "text", "text": "text"},
        {"type": "image_url", "image_url": "https://example.com/a.png"},
        {"type": "image_url", "image_url": {"url": "https://example.com/b.png", "detail": "low"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
    ]
    (made,) = convert([{"role": "user", "content": parts}])
    assert made["content"] == [
        {"type": "text", "text": "bare"},
        {"type": "text", "text": "text"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/b.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    (made,) = convert([{"role": "system", "content": parts[:2]}])
    assert made["content"] == "bare\ntext"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"role": "judge", "content": "x"}, r"messages\[0\].role is 'judge'"),
        ({"role": "user", "content": [{"type": "video"}]}, r"messages\[0\].content\[0\] is of type 'video'"),
        ({"role": "user", "content": [5]}, r"messages\[0\].content\[0\] is not a part"),
        ({"role": "assistant", "tool_calls": [{"id": "x"}]}, r"messages\[0\].tool_calls\[0\] is not a tool call"),
    ],
)
def test_what_can_not_be_said_names_its_place(message: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelRejected, match=said):
        convert([message])


CONTENT = st.one_of(st.none(), st.text(max_size=4), st.lists(st.just("part"), max_size=2), st.just({"a": 1}))
IDS = st.sampled_from(["a", "b", "c"])
MESSAGES = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "developer"]), "content": CONTENT, "name": st.text()}),
    st.builds(
        lambda content, ids: {"role": "assistant", "content": content, "tool_calls": [call(id_) for id_ in ids]},
        CONTENT,
        st.lists(IDS, unique=True, max_size=3),
    ),
    st.builds(lambda id_, content: {"role": "tool", "tool_call_id": id_, "content": content}, IDS, CONTENT),
)  # fmt: skip


@given(st.lists(MESSAGES, max_size=8))
def test_every_conversation_becomes_one_that_the_api_takes(messages: list[dict[str, Any]]) -> None:
    made = convert([USER, *messages])
    check_messages(made)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", {"temperature": 0.5, "top_p": 0.9, "logprobs": True, "max_completion_tokens": 9}),
        ("o3-mini", {"max_completion_tokens": 9}),
        ("gpt-5-mini", {"max_completion_tokens": 9}),
        ("gpt-5-chat-latest", {"temperature": 0.5, "top_p": 0.9, "logprobs": True, "max_completion_tokens": 9}),
        (
            "gpt-6.1-terra",
            {
                "temperature": 0.5,
                "top_p": 0.9,
                "logprobs": True,
                "max_completion_tokens": 9,
                "reasoning_effort": "none",
            },
        ),
        ("gpt-6.2-astra", {"max_completion_tokens": 9}),
    ],
)
def test_a_model_that_reasons_takes_no_sampling(model: str, expected: dict[str, Any]) -> None:
    assert body(model, temperature=0.5, top_p=0.9, logprobs=True, max_tokens=9) == expected


def test_the_users_effort_counts() -> None:
    made = body("gpt-6.1-terra", reasoning_effort="high", temperature=0.5)
    assert made == {"reasoning_effort": "high"}


def test_settings_of_other_servers_go_nowhere_else() -> None:
    assert body("gpt-4o", min_p=0.1, repetition_penalty=1.1) == {}
    made = body("llama3.2", own_server=True, min_p=0.1, repetition_penalty=1.1, max_tokens=9, temperature=0.2)
    assert made == {"max_tokens": 9, "temperature": 0.2, "extra_body": {"min_p": 0.1, "repetition_penalty": 1.1}}


def test_formats() -> None:
    schema = {"type": "object"}
    whole = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    assert body("gpt-4o", response_format=whole)["response_format"] == whole
    bare = body("gpt-4o", response_format={"type": "json_schema", "json_schema": schema})["response_format"]
    assert bare == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    assert body("gpt-4o", response_format={"type": "text"}) == {}


def test_tools_and_what_belongs_to_them() -> None:
    assert body("gpt-4o", tool_choice="required", parallel_tool_calls=False) == {}
    named = {"type": "function", "function": {"name": "look", "more": 1}}
    made = body("gpt-4o", tools=[TOOL], tool_choice=named, parallel_tool_calls=False)
    assert made["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert made["parallel_tool_calls"] is False
    assert body("gpt-4o", tools=[TOOL], tool_choice="any")["tool_choice"] == "required"


@pytest.mark.parametrize("value", ["0.5", True, [1]])
def test_a_setting_of_a_wrong_type_is_named(value: Any) -> None:
    with pytest.raises(ModelRejected, match="The model setting temperature is"):
        body("gpt-4o", temperature=value)
