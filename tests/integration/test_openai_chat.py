"""The adapter of OpenAI's chat API: the real SDK over real HTTP against the stand-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.adapters.openai_chat import OpenAIModel
from silvercup.errors import ContextOverflow, ModelRejected, ModelUnavailable
from silvercup.llm.model import ModelRequest
from tests.support.openai_wire import Drop, Failure, FakeOpenAI, Hang, Raw, Reply

KEY = "sk-proj-server-key"
NOW = {"retry-after-ms": "1"}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    with FakeOpenAI(strict=False) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.openai_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield running


@pytest.fixture
def model(provider: FakeOpenAI) -> Iterator[OpenAIModel]:
    made = OpenAIModel(timeout=5)
    yield made
    made.close()


def ask(*messages: dict[str, Any] | str, model: str = "llama3.2", **settings: Any) -> ModelRequest:
    own = {name: settings.pop(name) for name in ("tools", "tool_choice", "api_key", "seconds") if name in settings}
    said = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return ModelRequest(model=model, messages=said, settings=settings, requested_model="gpt-4o", **own)


def joined(chunks: list[dict[str, Any]]) -> str:
    return "".join(part["choices"][0]["delta"]["content"] for part in chunks)


def test_a_completion(provider: FakeOpenAI, model: OpenAIModel) -> None:
    made = model.complete(ask({"role": "system", "content": "Be kind."}, "Hello"))
    assert made.pop("id").startswith("chatcmpl-")
    assert made == {
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "llama3.2-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Echo: Hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    (request,) = provider.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "llama3.2",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
    }


def test_a_stream(provider: FakeOpenAI, model: OpenAIModel) -> None:
    chunks = list(model.stream(ask("Hello, how are you?")))
    assert joined(chunks) == "Echo: Hello, how are you?"
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}
    *parts, last = chunks
    assert all(part["usage"] is None and part["choices"][0]["finish_reason"] is None for part in parts)
    assert all({"role", "content"} <= part["choices"][0]["delta"].keys() for part in chunks)
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert last["model"] == "llama3.2-2026"
    assert provider.requests[0].body["stream_options"] == {"include_usage": True}


def test_tools(provider: FakeOpenAI, model: OpenAIModel) -> None:
    calling = Reply(tools=(("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})))
    provider.script(calling, calling)
    request = ask("Weather?", tools=[TOOL], tool_choice="required", parallel_tool_calls=True)
    made = model.complete(request)["choices"][0]
    assert made["finish_reason"] == "tool_calls"
    assert made["message"]["content"] is None
    assert [call["function"] for call in made["message"]["tool_calls"]] == [
        {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
        {"name": "get_weather", "arguments": '{"city": "Rome"}'},
    ]
    chunks = list(model.stream(request))
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    heard: dict[int, str] = {}
    names: dict[int, tuple[str, str]] = {}
    for part in chunks:
        for call in part["choices"][0]["delta"].get("tool_calls", ()):
            heard[call["index"]] = heard.get(call["index"], "") + call["function"]["arguments"]
            if "id" in call:
                names[call["index"]] = (call["id"], call["function"]["name"])
    assert heard == {0: '{"city": "Oslo"}', 1: '{"city": "Rome"}'}
    assert names == {0: ("call_fake0", "get_weather"), 1: ("call_fake1", "get_weather")}
    body = provider.requests[0].body
    assert (body["tools"], body["tool_choice"], body["parallel_tool_calls"]) == ([TOOL], "required", True)


def test_every_setting_that_the_server_knows_is_sent(provider: FakeOpenAI, model: OpenAIModel) -> None:
    settings: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 50,
        "stop": ["END"],
        "seed": 7,
        "logit_bias": {"50256": -100},
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "response_format": {"type": "json_object"},
        "user": "dev",
        "repetition_penalty": 1.1,
        "length_penalty": 1.2,
        "min_p": 0.05,
    }
    model.complete(ask("Hello", **settings, agent="unknown to all"))
    sent = provider.requests[0].body
    assert {name: sent[name] for name in sent.keys() - {"model", "messages"}} == settings


def test_a_setting_that_the_model_does_not_take_is_left_out_from_then_on() -> None:
    with FakeOpenAI(strict=False, refused=frozenset({"temperature", "max_tokens", "response_format"})) as provider:
        model = OpenAIModel(base_url=provider.openai_url)
        request = ask("Hello", temperature=1, max_tokens=9, response_format={"type": "json_object"})
        model.complete(request)
        assert len(provider.requests) == 4
        list(model.stream(request))
        sent = provider.requests[4].body
        assert len(provider.requests) == 5
        assert sent["max_completion_tokens"] == 9
        assert not sent.keys() & {"temperature", "max_tokens", "response_format"}
        assert "one JSON object" in sent["messages"][0]["content"]
        model.close()


def test_a_server_that_knows_only_openais_parameters_is_asked_without_the_others() -> None:
    with FakeOpenAI() as provider:
        model = OpenAIModel(base_url=provider.openai_url)
        model.complete(ask("Hello", min_p=0.1, temperature=0.3))
        assert "min_p" not in provider.requests[-1].body
        assert provider.requests[-1].body["temperature"] == 0.3
        model.close()


def test_a_caller_pays_with_their_own_key(provider: FakeOpenAI, model: OpenAIModel) -> None:
    for key in ("sk-own-1", None, "sk-own-2"):
        model.complete(ask("Hello", api_key=key))
    assert [request.headers["authorization"] for request in provider.requests] == [
        "Bearer sk-own-1",
        f"Bearer {KEY}",
        "Bearer sk-own-2",
    ]


def test_a_server_of_ones_own_needs_no_key(
    provider: FakeOpenAI, model: OpenAIModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert model.complete(ask("Hello"))["choices"][0]["message"]["content"] == "Echo: Hello"
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(ModelRejected, match="set OPENAI_API_KEY"):
        OpenAIModel().complete(ask("Hello"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_the_provider_refuses_is_not_tried_again(provider: FakeOpenAI, model: OpenAIModel, status: int) -> None:
    provider.script(Failure(status, "no, because of you"), Failure(status, "no, because of you"))
    with pytest.raises(ModelRejected, match=rf"refused the request \(HTTP {status}\): no, because of you"):
        model.complete(ask("Hello"))
    with pytest.raises(ModelRejected, match="no, because of you"):
        list(model.stream(ask("Hello")))
    assert len(provider.requests) == 2


def test_a_refusal_says_what_would_be_right(provider: FakeOpenAI, model: OpenAIModel) -> None:
    provider.script(Failure(401, "Incorrect API key"), Failure(404, "The model does not exist"))
    with pytest.raises(ModelRejected, match=r"Set OPENAI_API_KEY .* to a key that may use llama3.2"):
        model.complete(ask("Hello"))
    with pytest.raises(ModelRejected, match=r"llama3.2 serves gpt-4o; SILVERCUP_MODEL_ALIASES can name another"):
        model.complete(ask("Hello"))


@pytest.mark.parametrize(
    "failure",
    [
        Failure(400, "please shorten it", "context_length_exceeded"),
        Failure(400, "This model's maximum context length is 8192 tokens. However, you requested 9000"),
        Failure(400, "maximum context length is 8192", "context_length_exceeded", mid_stream=True),
        Failure(413, "too large"),
    ],
)
def test_a_prompt_that_is_too_long(provider: FakeOpenAI, model: OpenAIModel, failure: Failure) -> None:
    provider.script(failure)
    with pytest.raises(ContextOverflow):
        list(model.stream(ask("Hello")))


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_what_may_work_later_is_tried_three_times(provider: FakeOpenAI, model: OpenAIModel, status: int) -> None:
    provider.script(*[Failure(status, "busy", headers=NOW)] * 3)
    with pytest.raises(ModelUnavailable, match=rf"can't answer now \(HTTP {status}\): busy") as raised:
        model.complete(ask("Hello"))
    assert ("rate limit" in str(raised.value)) == (status == 429)
    assert len(provider.requests) == 3


def test_a_retry_succeeds(provider: FakeOpenAI, model: OpenAIModel) -> None:
    provider.script(Failure(429, headers=NOW), Drop(), "At last", Failure(503, headers=NOW), "At last")
    assert model.complete(ask("Hello"))["choices"][0]["message"]["content"] == "At last"
    assert joined(list(model.stream(ask("Hello")))) == "At last"


@pytest.mark.parametrize("seconds", [None, 30])
def test_a_provider_that_asks_to_wait_long_is_not_waited_for(
    provider: FakeOpenAI, model: OpenAIModel, seconds: float | None
) -> None:
    provider.script(Failure(429, "come back tomorrow", headers={"retry-after": "31" if seconds else "86400"}))
    with pytest.raises(ModelUnavailable, match="come back tomorrow"):
        model.complete(ask("Hello", seconds=seconds))
    assert len(provider.requests) == 1


@pytest.mark.parametrize("step", [Hang(), Reply("A long answer", stall=True)])
def test_a_call_ends_at_its_deadline(provider: FakeOpenAI, model: OpenAIModel, step: Hang | Reply) -> None:
    provider.script(step)
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        list(model.stream(ask("Hello", seconds=0.3)))
    provider.script(Hang())
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        model.complete(ask("Hello", seconds=0.3))
    assert len(provider.requests) == 2


GARBAGE = [
    Raw(b"<html>Bad gateway</html>", "text/html"),
    Raw(b'{"choices": ['),
    Raw(b'{"id": "x"}'),
    Raw(b'{"choices": []}'),
    Raw(b'{"choices": [{"index": 0}]}'),
    Raw(b'{"choices": [{"message": {"tool_calls": [{"id": "x"}]}}]}'),
    Raw(b'{"choices": {"a": 1}}'),
    Raw(b"[]"),
    Raw(b"null"),
    Raw(b"\xff\xfe\x00"),
    Raw(b""),
]


@pytest.mark.parametrize("raw", GARBAGE, ids=[str(raw.body) for raw in GARBAGE])
def test_garbage_is_the_providers_fault(provider: FakeOpenAI, model: OpenAIModel, raw: Raw) -> None:
    provider.script(raw)
    with pytest.raises(ModelUnavailable, match="can't be understood"):
        model.complete(ask("Hello"))


STREAMS = [
    b"data: <html>\n\n",
    b"data: 5\n\n",
    b'data: {"choices": [5]}\n\n',
    b"<html></html>",
    b"data: [DONE]\n\n",
    b"",
]


@pytest.mark.parametrize("body", [*STREAMS, b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}\n\n'])
def test_garbage_within_a_stream(provider: FakeOpenAI, model: OpenAIModel, body: bytes) -> None:
    provider.script(Raw(body, "text/event-stream"))
    with pytest.raises(ModelUnavailable, match=r"can't be understood|before the answer was complete"):
        list(model.stream(ask("Hello")))


def test_an_error_of_a_proxy_with_status_200(provider: FakeOpenAI, model: OpenAIModel) -> None:
    provider.script(Raw(b'{"error": {"message": "upstream is down", "code": 502}}'))
    with pytest.raises(ModelUnavailable, match="upstream is down"):
        model.complete(ask("Hello"))
    provider.script(Raw(b'{"error": {"message": "no credits", "code": 402}}'))
    with pytest.raises(ModelRejected, match="no credits"):
        model.complete(ask("Hello"))


def test_a_stream_that_breaks_off(provider: FakeOpenAI, model: OpenAIModel) -> None:
    provider.script(Drop(mid_stream=True))
    got: list[dict[str, Any]] = []
    with pytest.raises(ModelUnavailable):
        got.extend(model.stream(ask("Go")))


def test_errors_within_a_stream(provider: FakeOpenAI, model: OpenAIModel) -> None:
    provider.script(Failure(500, "overloaded", "server_error", mid_stream=True))
    parts = model.stream(ask("Go"))
    assert next(parts)["choices"][0]["finish_reason"] is None
    with pytest.raises(ModelUnavailable, match="overloaded"):
        list(parts)
    provider.script(Failure(400, "bad idea", "invalid_request_error", mid_stream=True))
    with pytest.raises(ModelRejected, match="bad idea"):
        list(model.stream(ask("Go")))


def test_an_empty_answer_is_an_answer(provider: FakeOpenAI, model: OpenAIModel) -> None:
    provider.script(Reply(""), Reply("", usage=None))
    made = model.complete(ask("Hello"))["choices"][0]
    assert (made["message"]["content"], made["finish_reason"]) == ("", "stop")
    *_, last = model.stream(ask("Hello"))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"] == {"prompt_tokens": 6, "completion_tokens": 0, "total_tokens": 6}


@pytest.mark.parametrize("step", [Hang(), Reply("A long answer that stalls", stall=True)])
def test_closing_ends_a_read_in_another_thread_and_the_connection(
    provider: FakeOpenAI, model: OpenAIModel, step: Hang | Reply
) -> None:
    provider.script(step)
    parts = model.stream(ask("Go"))
    if isinstance(step, Reply):
        for _ in range(3):
            next(parts)
    ended: list[Any] = []
    reader = threading.Thread(target=lambda: ended.extend([list(parts)]))
    reader.start()
    assert provider.waiting.wait(5)
    parts.close()
    reader.join(5)
    assert ended == [[]]
    assert list(parts) == []
    parts.close()
    if isinstance(step, Reply):
        assert provider.gone.wait(5)


def test_a_stream_that_is_dropped_breaks_its_connection(provider: FakeOpenAI, model: OpenAIModel) -> None:
    provider.script(Reply("A long answer that stalls", stall=True))
    for _ in model.stream(ask("Go")):
        break
    assert provider.gone.wait(5)


@pytest.mark.parametrize("own", [None, "sk-own-secret"])
def test_no_key_gets_into_an_error(provider: FakeOpenAI, model: OpenAIModel, own: str | None) -> None:
    key = own or KEY
    provider.script(
        Failure(401, f"key {key} is wrong"),
        Failure(500, f"{key}!", headers={"x-should-retry": "false"}),
        Raw(f'{{"error": "{key}"}}'.encode()),
        Failure(500, f"{key}?", mid_stream=True),
    )
    for kind in (ModelRejected, ModelUnavailable, ModelUnavailable):
        with pytest.raises(kind) as raised:
            model.complete(ask("Hello", api_key=own))
        assert key not in str(raised.value)
        assert raised.value.__cause__ is None
    with pytest.raises(ModelUnavailable) as raised:
        list(model.stream(ask("Hello", api_key=own)))
    assert key not in str(raised.value)


def test_an_address_where_nobody_listens() -> None:
    model = OpenAIModel(base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(ModelUnavailable, match="can't be reached"):
        model.complete(ask("Hello"))
    model.close()
