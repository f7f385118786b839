"""The Anthropic adapter: closing streams, the time that is left, counting, prompts that are too long, garbage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.adapters.anthropic import AnthropicModel
from silvercup.errors import ContextOverflow, ModelUnavailable
from silvercup.llm.model import ModelRequest
from tests.support.provider import Failure, FakeProvider, Hang, Reply
from tests.support.scripted import Failure as Refusal
from tests.support.scripted import Raw, ScriptedHandler, ScriptedServer
from tests.support.scripted import Reply as Scripted

TOOL: dict[str, Any] = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", running.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-server")
        yield running


@pytest.fixture
def model(provider: FakeProvider) -> Iterator[AnthropicModel]:
    made = AnthropicModel(timeout=5)
    yield made
    made.close()


def ask(text: str = "Hello", *, seconds: float | None = None, tools: Any = (), **settings: Any) -> ModelRequest:
    messages = [{"role": "user", "content": text}]
    return ModelRequest("claude-sonnet-5-5", messages, settings, tools=list(tools), seconds=seconds)


@pytest.mark.parametrize("step", [Hang(), Reply("word " * 500, pause=0.05)])
def test_closing_ends_a_read_in_another_thread(
    provider: FakeProvider, model: AnthropicModel, step: Hang | Reply
) -> None:
    provider.script(step)
    parts = model.stream(ask())
    started, ended = threading.Event(), threading.Event()

    def read() -> None:
        if isinstance(step, Reply):
            next(parts)
        started.set()
        for _ in parts:
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert started.wait(5)
    parts.close()
    assert ended.wait(5)
    assert list(parts) == []


@pytest.mark.parametrize("max_tokens", [100, 100_000])
def test_the_time_that_is_left_counts_for_all_tries(
    provider: FakeProvider, model: AnthropicModel, max_tokens: int
) -> None:
    provider.script(Failure(500, headers={"retry-after-ms": "1"}), Hang())
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        model.complete(ask(max_tokens=max_tokens, seconds=0.4))
    assert len(provider.requests) == 2
    provider.script(Hang())
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        list(model.stream(ask(seconds=0.3)))


def test_no_time_is_no_request(provider: FakeProvider, model: AnthropicModel) -> None:
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        model.complete(ask(seconds=0))
    assert provider.requests == []


def test_counting(provider: FakeProvider, model: AnthropicModel) -> None:
    counted = model.count(ask(tools=[TOOL], max_tokens=5, temperature=1))
    assert isinstance(counted, int)
    assert counted > 0
    (request,) = provider.requests
    assert request.path == "/v1/messages/count_tokens"
    assert request.body.keys() == {"model", "messages", "tools", "thinking"}


@pytest.mark.parametrize(
    "failure",
    [
        Failure(400, "prompt is too long: 210000 tokens > 200000 maximum"),
        Failure(400, "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"),
        Failure(413, "Request exceeds the maximum size"),
        Failure(400, "prompt is too long", "invalid_request_error", mid_stream=True),
    ],
)
def test_a_prompt_that_is_too_long(provider: FakeProvider, model: AnthropicModel, failure: Failure) -> None:
    provider.script(failure)
    with pytest.raises(ContextOverflow):
        list(model.stream(ask()))


def test_a_rate_limit_is_said(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Failure(429, "slow down", headers={"x-should-retry": "false"}))
    with pytest.raises(ModelUnavailable, match=r"\(HTTP 429\): slow down \(a rate limit of the provider"):
        model.complete(ask())
    provider.script(Failure(429, "slow down", "rate_limit_error", mid_stream=True))
    with pytest.raises(ModelUnavailable, match="a rate limit of the provider"):
        list(model.stream(ask()))


class _Anything(ScriptedHandler):
    def check(self, path: str, headers: dict[str, str], body: Any) -> None:
        pass

    def last_text(self, body: Any) -> str:
        return ""

    def answer(self, step: Any, path: str, body: Any) -> None:
        assert isinstance(step, Scripted)

    def fail(self, failure: Refusal) -> None:
        raise AssertionError(failure)


GARBAGE = [b"<html>", b"", b"{}", b'{"content": 5}', b'{"content": [{"type": "text"}]}', b"[]", b'"text"', b"\xff\x00"]


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_garbage_is_the_providers_fault(body: bytes, content_type: str) -> None:
    with ScriptedServer(_Anything) as provider:
        provider.script(*[Raw(body, content_type)] * 3)
        model = AnthropicModel(base_url=provider.url, timeout=5)
        request = ModelRequest("claude-sonnet-5-5", [{"role": "user", "content": "Hi"}], api_key="sk-ant-x")
        with pytest.raises(ModelUnavailable, match="can't be understood"):
            model.complete(request)
        model.close()


EVENTS = [
    b"",
    b"<html>",
    b"event: message_start\ndata: <html>\n\n",
    b'event: message_start\ndata: {"type": "message_start"}\n\n',
    b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta"}}\n\n',
    b"event: message_delta\ndata: 5\n\n",
]


@pytest.mark.parametrize("body", EVENTS)
def test_garbage_within_a_stream(body: bytes) -> None:
    with ScriptedServer(_Anything) as provider:
        provider.script(Raw(body, "text/event-stream"))
        model = AnthropicModel(base_url=provider.url, timeout=5)
        request = ModelRequest("claude-sonnet-5-5", [{"role": "user", "content": "Hi"}], api_key="sk-ant-x")
        with pytest.raises(ModelUnavailable, match=r"can't be understood|before the answer was complete"):
            list(model.stream(request))
        model.close()
