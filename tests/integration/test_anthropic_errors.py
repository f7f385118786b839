"""The Anthropic adapter when things go wrong: refusals, retries, deadlines, broken connections, and no key in any message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from silvercup.adapters.anthropic import AnthropicModel
from silvercup.errors import ModelRejected, ModelUnavailable
from silvercup.llm.model import ModelRequest
from tests.support.provider import Drop, Failure, FakeProvider, Hang, Reply

KEY = "sk-ant-server-key"
NOW = {"retry-after-ms": "1"}


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


def ask(text: str, *, api_key: str | None = None, **settings: Any) -> ModelRequest:
    return ModelRequest(
        model="claude-sonnet-5-5",
        messages=[{"role": "user", "content": text}],
        settings=settings,
        requested_model="gpt-4o",
        api_key=api_key,
    )


def text_of(completion: dict[str, Any]) -> str:
    return completion["choices"][0]["message"]["content"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_what_the_provider_refuses_is_not_tried_again(
    provider: FakeProvider, model: AnthropicModel, status: int
) -> None:
    provider.script(Failure(status, "no, because of you"), Failure(status, "no, because of you"))
    with pytest.raises(ModelRejected, match=rf"refused the request \(HTTP {status}\): no, because of you") as raised:
        model.complete(ask("Hello"))
    assert not raised.value.retryable
    with pytest.raises(ModelRejected, match="no, because of you"):
        list(model.stream(ask("Hello")))
    assert len(provider.requests) == 2


def test_a_refusal_says_what_would_be_right(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Failure(401, "invalid x-api-key"), Failure(404, "model: claude-sonnet-5-5"))
    with pytest.raises(ModelRejected, match="Set ANTHROPIC_API_KEY"):
        model.complete(ask("Hello"))
    with pytest.raises(
        ModelRejected, match="claude-sonnet-5-5 serves gpt-4o; SILVERCUP_MODEL_ALIASES can name another model"
    ):
        model.complete(ask("Hello"))


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_what_may_work_later_is_tried_three_times(provider: FakeProvider, model: AnthropicModel, status: int) -> None:
    provider.script(*[Failure(status, "busy", headers=NOW)] * 3)
    with pytest.raises(ModelUnavailable, match=rf"can't answer now \(HTTP {status}\): busy") as raised:
        model.complete(ask("Hello"))
    assert raised.value.retryable
    assert len(provider.requests) == 3


def test_a_retry_succeeds(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(
        Failure(429, headers=NOW), Failure(529, headers=NOW), "At last", Failure(429, headers=NOW), "At last"
    )
    assert text_of(model.complete(ask("Hello"))) == "At last"
    assert "".join(part["choices"][0]["delta"]["content"] for part in model.stream(ask("Hello"))) == "At last"
    assert len(provider.requests) == 5


def test_a_provider_that_asks_to_wait_long_is_not_waited_for(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Failure(429, "come back tomorrow", headers={"retry-after": "86400"}))
    with pytest.raises(ModelUnavailable, match="come back tomorrow"):
        model.complete(ask("Hello"))
    assert len(provider.requests) == 1


def test_a_lost_connection_is_tried_again(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Drop(), "Back")
    assert text_of(model.complete(ask("Hello"))) == "Back"


def test_connections_that_keep_breaking(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Drop(), Drop(), Drop())
    with pytest.raises(ModelUnavailable, match="can't be reached"):
        model.complete(ask("Hello"))


@pytest.mark.parametrize("max_tokens", [100, 100_000])
def test_a_call_ends_at_its_deadline_and_is_not_tried_again(provider: FakeProvider, max_tokens: int) -> None:
    hang = Hang()
    provider.script(hang)
    model = AnthropicModel(timeout=0.3)
    start = time.monotonic()
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        model.complete(ask("Hello", max_tokens=max_tokens))
    assert time.monotonic() - start < 3
    assert len(provider.requests) == 1
    hang.released.set()
    model.close()


def test_retries_share_one_deadline(provider: FakeProvider) -> None:
    provider.script(
        Failure(500, headers={"retry-after-ms": "200"}), Failure(500, headers={"retry-after-ms": "200"}), Hang()
    )
    model = AnthropicModel(timeout=0.6)
    start = time.monotonic()
    with pytest.raises(ModelUnavailable):
        model.complete(ask("Hello"))
    assert time.monotonic() - start < 1.5
    model.close()


def test_a_slow_stream_ends_at_its_deadline(provider: FakeProvider) -> None:
    provider.script(Reply("word " * 100, pause=0.05))
    model = AnthropicModel(timeout=0.5)
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        list(model.stream(ask("Go")))
    model.close()


def test_a_stream_that_breaks_off(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Drop(after_events=5))
    got: list[dict[str, Any]] = []
    with pytest.raises(ModelUnavailable):
        got.extend(model.stream(ask("Go")))
    provider.script(Drop(after_events=5))
    with pytest.raises(ModelUnavailable):
        model.complete(ask("Go", max_tokens=100_000))


@pytest.mark.parametrize("type_", ["overloaded_error", "api_error", "rate_limit_error"])
def test_an_error_within_a_stream_may_be_of_the_moment(
    provider: FakeProvider, model: AnthropicModel, type_: str
) -> None:
    provider.script(Failure(529, "Overloaded", type_, mid_stream=True))
    parts = model.stream(ask("Go"))
    assert next(parts)["choices"][0]["finish_reason"] is None
    with pytest.raises(ModelUnavailable, match="Overloaded"):
        list(parts)


def test_an_error_within_a_stream_may_be_for_good(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Failure(400, "too long", "invalid_request_error", mid_stream=True))
    with pytest.raises(ModelRejected, match="too long"):
        list(model.stream(ask("Go")))


@pytest.mark.parametrize("own", [None, "sk-ant-own-secret"])
def test_no_key_gets_into_an_error(provider: FakeProvider, model: AnthropicModel, own: str | None) -> None:
    key = own or KEY
    provider.script(Failure(401, f"key {key} is wrong"), Failure(500, f"{key}!", headers={"x-should-retry": "false"}))
    for kind in (ModelRejected, ModelUnavailable):
        with pytest.raises(kind, match=r"\*\*\*") as raised:
            model.complete(ask("Hello", api_key=own))
        assert key not in str(raised.value)
        assert raised.value.__cause__ is None


@pytest.mark.parametrize("place", ["HOME", "ANTHROPIC_CONFIG_DIR"])
def test_without_any_key_the_variable_is_named(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv(place, str(tmp_path))
    model = AnthropicModel()
    with pytest.raises(ModelRejected, match="set ANTHROPIC_API_KEY"):
        model.complete(ask("Hello"))
    assert provider.requests == []
    model.close()


def test_an_address_where_nobody_listens() -> None:
    model = AnthropicModel(base_url="http://127.0.0.1:9", max_retries=0)
    with pytest.raises(ModelUnavailable, match="can't be reached"):
        model.complete(ask("Hello", api_key="sk-x"))
    model.close()


def test_the_stand_in_refuses_what_the_api_refuses(provider: FakeProvider) -> None:
    import anthropic

    client = anthropic.Anthropic(max_retries=0)
    create: Any = client.messages.create
    hello: Any = [{"role": "user", "content": "Hello"}]
    bad: list[tuple[str, dict[str, Any]]] = [
        ("at least one message", {"messages": []}),
        ("roles must alternate", {"messages": hello * 2}),
        ("must end with a user message", {"messages": [*hello, {"role": "assistant", "content": "Hi"}]}),
        ("non-whitespace", {"messages": [{"role": "user", "content": " "}]}),
        ("temperature: Extra inputs", {"extra_body": {"temperature": 1}}),
        ("max_tokens", {"max_tokens": 0}),
        (
            "forced tool use",
            {"tools": [{"name": "a", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"}},
        ),
        (
            "unexpected `tool_use_id`",
            {
                "tools": [{"name": "a", "input_schema": {"type": "object"}}],
                "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": []}]}],
            },
        ),
    ]
    for problem, change in bad:
        with pytest.raises(anthropic.BadRequestError, match=problem):
            create(**{"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": hello, **change})
    assert client.messages.count_tokens(model="claude-sonnet-5-5", messages=hello).input_tokens > 0
    client.close()
