"""The Anthropic adapter: the real SDK over real HTTP against the stand-in of the Messages API."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.adapters.anthropic import AnthropicModel
from silvercup.llm.catalog import Catalog
from silvercup.llm.model import ModelRequest
from silvercup.llm.service import Models
from silvercup.settings import Settings
from tests.support.provider import FakeProvider, Reply

KEY = "sk-ant-server-key"
NOW = {"retry-after-ms": "1"}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", running.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield running


@pytest.fixture
def model(provider: FakeProvider) -> Iterator[AnthropicModel]:
    made = AnthropicModel(timeout=5)
    yield made
    made.close()


def ask(*messages: dict[str, Any] | str, model: str = "claude-sonnet-5-5", **settings: Any) -> ModelRequest:
    tools = settings.pop("tools", [])
    choice = settings.pop("tool_choice", None)
    api_key = settings.pop("api_key", None)
    said = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return ModelRequest(
        model=model,
        messages=said,
        settings=settings,
        tools=tools,
        tool_choice=choice,
        requested_model="gpt-4o",
        api_key=api_key,
    )


def joined(chunks: list[dict[str, Any]]) -> str:
    return "".join(part["choices"][0]["delta"]["content"] for part in chunks)


def test_a_completion(provider: FakeProvider, model: AnthropicModel) -> None:
    before = int(time.time())
    made = model.complete(ask({"role": "system", "content": "Be kind."}, "Hello"))
    assert made.pop("created") >= before
    assert made.pop("id").startswith("msg_")
    used = made.pop("usage")
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"] > 0
    assert made == {
        "object": "chat.completion",
        "model": "claude-sonnet-5-5",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Echo: Hello"}, "finish_reason": "stop"}],
    }
    (request,) = provider.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["system"] == "Be kind."
    assert "stream" not in request.body


def test_by_the_service_and_v1s_name(provider: FakeProvider, model: AnthropicModel) -> None:
    models = Models(Catalog(Settings(), {"ANTHROPIC_API_KEY": KEY}), {"anthropic": lambda: model})
    made = models.complete([{"role": "user", "content": "Hello"}], model="gpt-4o-mini")
    assert made["model"] == provider.requests[0].body["model"] == "claude-haiku-5-5"


def test_the_callers_own_key_is_used(provider: FakeProvider, model: AnthropicModel) -> None:
    for key in (None, "sk-ant-own", None, "sk-ant-own", "sk-ant-third"):
        model.complete(ask("Hello", api_key=key))
    sent = [request.headers["authorization"].removeprefix("Bearer ") for request in provider.requests]
    assert sent == [KEY, "sk-ant-own", KEY, "sk-ant-own", "sk-ant-third"]


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-haiku-5-5",
        "claude-sonnet-4-6",
        "claude-haiku-4-5",
        "claude-new-9",
    ],
)
def test_the_settings_of_v1_are_accepted_by_every_model(
    provider: FakeProvider, model: AnthropicModel, name: str
) -> None:
    request = ask(
        "Hello", model=name, temperature=1.2, top_p=0.9, max_tokens=50, stop=["END", " "], seed=1, frequency_penalty=0.1,
        presence_penalty=0.1, logit_bias={}, user="0193", tools=[TOOL], tool_choice="required", parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}},
    )  # fmt: skip
    assert model.complete(request)["choices"][0]["message"]["content"] == "Echo: Hello"
    assert joined(list(model.stream(request))) == "Echo: Hello"
    assert provider.requests[0].body["stop_sequences"] == ["END"]
    assert provider.requests[0].body["output_config"]["format"]["schema"]["additionalProperties"] is False


def test_a_temperature_reaches_a_model_that_takes_one(provider: FakeProvider, model: AnthropicModel) -> None:
    model.complete(ask("Hello", model="claude-haiku-4-5", temperature=0))
    assert provider.requests[0].body["temperature"] == 0
    assert provider.requests[0].headers["anthropic-version"] == "2023-06-01"


def test_a_prompt_of_system_messages_only(provider: FakeProvider, model: AnthropicModel) -> None:
    made = model.complete(ask({"role": "system", "content": "Say hello to Ann."}))
    assert made["choices"][0]["message"]["content"] == "Echo: Say hello to Ann."
    assert "system" not in provider.requests[0].body


def test_tools_both_ways(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(
        Reply("Let me look.", tools=[("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})]),
        "Rain, and sun.",
    )
    question = {"role": "user", "content": "Weather in Oslo and Rome?"}
    (choice,) = model.complete(ask(question, tools=[TOOL]))["choices"]
    assert choice["finish_reason"] == "tool_calls"
    said = choice["message"]
    assert said["content"] == "Let me look."
    oslo, rome = said["tool_calls"]
    assert oslo["type"] == "function"
    assert oslo["function"] == {"name": "get_weather", "arguments": '{"city":"Oslo"}'}

    results = [{"role": "tool", "tool_call_id": each["id"], "content": {"sky": "?"}} for each in (rome, oslo)]
    final = model.complete(ask(question, said, *results, tools=[TOOL]))
    assert final["choices"][0]["message"] == {"role": "assistant", "content": "Rain, and sun."}
    sent = provider.requests[1].body["messages"]
    assert [block["type"] for block in sent[1]["content"]] == ["text", "tool_use", "tool_use"]
    assert [block["tool_use_id"] for block in sent[2]["content"]] == [oslo["id"], rome["id"]]


def test_calls_without_text_have_no_content(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Reply(tools=[("get_weather", {})]))
    assert model.complete(ask("Weather?", tools=[TOOL]))["choices"][0]["message"]["content"] is None


def test_a_history_with_calls_needs_no_tools(provider: FakeProvider, model: AnthropicModel) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    history = (
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    )
    assert model.complete(ask("Weather?", *history))["choices"][0]["message"]["content"] == "Echo: rain"
    assert provider.requests[0].body["tool_choice"] == {"type": "none"}


def test_images(provider: FakeProvider, model: AnthropicModel) -> None:
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg", "detail": "low"}},
    ]
    made = model.complete(ask({"role": "user", "content": parts}))
    assert made["choices"][0]["message"]["content"] == "Echo: What is it? (image) (image)"


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_finish_reasons(provider: FakeProvider, model: AnthropicModel, stop_reason: str, finish_reason: str) -> None:
    provider.script(Reply("Hi", stop_reason=stop_reason), Reply("Hi", stop_reason=stop_reason))
    assert model.complete(ask("Hello"))["choices"][0]["finish_reason"] == finish_reason
    assert list(model.stream(ask("Hello")))[-1]["choices"][0]["finish_reason"] == finish_reason


def test_cached_tokens_count_as_prompt(provider: FakeProvider, model: AnthropicModel) -> None:
    used = {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 7}
    provider.script(Reply("Hi", usage=used), Reply("Hi", usage=used))
    expected = {"prompt_tokens": 123, "completion_tokens": 7, "total_tokens": 130}
    assert model.complete(ask("Hello"))["usage"] == expected
    assert list(model.stream(ask("Hello")))[-1]["usage"] == expected


def test_thinking_is_not_shown(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Reply("Four.", thinking="2 + 2"), Reply("Four.", thinking="2 + 2"))
    assert model.complete(ask("2 + 2?"))["choices"][0]["message"] == {"role": "assistant", "content": "Four."}
    assert joined(list(model.stream(ask("2 + 2?")))) == "Four."


def test_a_json_object_loses_its_code_fence(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script('```json\n{"a": 1}\n```', '```json\n{"a": 1}\n```')
    form = {"type": "json_object"}
    assert json.loads(model.complete(ask("Go", response_format=form))["choices"][0]["message"]["content"]) == {"a": 1}
    assert model.complete(ask("Go"))["choices"][0]["message"]["content"].startswith("```json")


def test_a_stream(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(
        Reply("Let me look at the sky.", tools=[("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})])
    )
    chunks = list(model.stream(ask("Weather?", tools=[TOOL])))
    assert len({(part["id"], part["created"], part["model"], part["object"]) for part in chunks}) == 1
    assert {part["choices"][0]["delta"]["role"] for part in chunks} == {"assistant"}
    assert joined(chunks) == "Let me look at the sky."
    assert [part["choices"][0]["finish_reason"] for part in chunks] == [None] * (len(chunks) - 1) + ["tool_calls"]
    assert [part["usage"] is None for part in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1]["usage"]["total_tokens"] > 0
    arguments = {0: "", 1: ""}
    names: list[str] = []
    for part in chunks:
        for call in part["choices"][0]["delta"].get("tool_calls", []):
            arguments[call["index"]] += call["function"]["arguments"]
            if "id" in call:
                names.append(call["function"]["name"])
                assert call["type"] == "function"
    assert [json.loads(text) for text in arguments.values()] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert names == ["get_weather", "get_weather"]


def test_a_stream_comes_while_the_provider_still_writes(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Reply("A rather long answer, in many parts.", pause=0.05))
    arrivals: list[float] = [time.monotonic() for _ in model.stream(ask("Go"))]
    assert arrivals[-1] - arrivals[0] > 0.2


def test_a_stream_can_be_read_in_several_threads(provider: FakeProvider, model: AnthropicModel) -> None:
    parts = model.stream(ask("Hello"))
    got: list[dict[str, Any]] = []
    while True:
        reader = threading.Thread(target=lambda: got.append(next(parts, {})))
        reader.start()
        reader.join()
        if not got[-1]:
            break
    assert joined(got[:-1]) == "Echo: Hello"


def test_a_stream_that_is_left_is_closed(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Reply("word " * 200, pause=0.01))
    parts = model.stream(ask("Go"))
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert model.complete(ask("Still there?"))["choices"][0]["message"]["content"] == "Echo: Still there?"


def test_a_long_answer_is_streamed_within(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Reply("Long.", tools=[("get_weather", {"city": "Oslo"})]))
    made = model.complete(ask("Go", max_tokens=100_000, tools=[TOOL]))
    assert provider.requests[0].body["stream"] is True
    assert made["choices"][0]["message"]["content"] == "Long."
    assert made["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"city":"Oslo"}'
    assert made["choices"][0]["finish_reason"] == "tool_calls"
