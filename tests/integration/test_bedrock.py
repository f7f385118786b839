"""The adapters of Bedrock: botocore and Anthropic's SDK over real HTTP against the stand-in, whose streams are framed as AWS frames them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.adapters.aws import Clients
from silvercup.adapters.bedrock import BedrockModel
from silvercup.adapters.bedrock_converse import ConverseModel
from silvercup.errors import ContextOverflow, ModelRejected, ModelUnavailable
from silvercup.llm.model import ModelRequest
from tests.support.bedrock_wire import COUNTED, Drop, Failure, FakeBedrock, Hang, Raw, Reply, frame

NOVA = "amazon.nova-pro-v1:0"
CLAUDE = "global.anthropic.claude-sonnet-5-5"
OLD_CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("id_", [NOVA, CLAUDE])
PIXEL = base64.b64encode(b"\x89PNG not really").decode()
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "schema": {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False},
    },
}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Weather in Oslo?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
]


@pytest.fixture
def provider() -> Iterator[FakeBedrock]:
    with FakeBedrock() as running:
        yield running


@pytest.fixture
def model(provider: FakeBedrock) -> BedrockModel:
    return made(provider)


def made(provider: FakeBedrock, timeout: float = 5) -> BedrockModel:
    return BedrockModel(Clients(region="us-west-2", endpoint_url=provider.url, attempts=1), timeout=timeout)


def ask(*messages: dict[str, Any] | str, model: str = NOVA, **settings: Any) -> ModelRequest:
    own = {name: settings.pop(name) for name in ("tools", "tool_choice", "api_key", "seconds") if name in settings}
    said = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return ModelRequest(model=model, messages=said, settings=settings, requested_model="gpt-4o", **own)


def joined(chunks: list[dict[str, Any]]) -> str:
    return "".join(part["choices"][0]["delta"]["content"] for part in chunks)


def text_of(completion: dict[str, Any]) -> str:
    return completion["choices"][0]["message"]["content"]


@BOTH
def test_a_completion_and_a_stream(provider: FakeBedrock, model: BedrockModel, id_: str) -> None:
    request = ask({"role": "system", "content": "Be kind."}, "Hello, how are you?", model=id_, max_tokens=99)
    whole = model.complete(request)
    assert text_of(whole) == "Echo: Hello, how are you?"
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert whole["model"].endswith(id_.removeprefix("global.anthropic."))
    *parts, last = list(model.stream(request))
    assert joined([*parts, last]) == "Echo: Hello, how are you?"
    assert all(part["usage"] is None and part["choices"][0]["finish_reason"] is None for part in parts)
    assert (last["choices"][0]["finish_reason"], last["usage"]) == ("stop", whole["usage"])
    paths = [request.path for request in provider.requests]
    verbs = ("converse", "converse-stream") if id_ == NOVA else ("invoke", "invoke-with-response-stream")
    assert paths == [f"/model/{id_}/{verb}" for verb in verbs]
    assert all("AWS4-HMAC-SHA256 Credential=silvercup/" in each.headers["authorization"] for each in provider.requests)
    assert "/us-west-2/bedrock/" in provider.requests[0].headers["authorization"]


def test_an_arn_of_an_inference_profile(provider: FakeBedrock, model: BedrockModel) -> None:
    arn = "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123"
    assert text_of(model.complete(ask("Hello", model=arn))) == "Echo: Hello"
    assert provider.requests[0].path == f"/model/{arn}/converse"


def test_settings_of_converse(provider: FakeBedrock, model: BedrockModel) -> None:
    model.complete(ask("Hello", temperature=2, top_p=0.9, max_tokens=50, stop="END", seed=7, logit_bias={"1": 2}))
    body = provider.requests[0].body
    assert body["inferenceConfig"] == {"temperature": 1.0, "topP": 0.9, "maxTokens": 50, "stopSequences": ["END"]}
    assert body.keys() == {"messages", "inferenceConfig"}


@BOTH
def test_tools(provider: FakeBedrock, model: BedrockModel, id_: str) -> None:
    calling = Reply(tools=(("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})))
    provider.script(calling, calling)
    request = ask(*TALK, "And now?", model=id_, tools=[TOOL])
    choice = model.complete(request)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    given = [json.loads(call["function"]["arguments"]) for call in choice["message"]["tool_calls"]]
    assert given == [{"city": "Oslo"}, {"city": "Rome"}]
    heard: dict[int, str] = {}
    *_, last = chunks = list(model.stream(request))
    for part in chunks:
        for call in part["choices"][0]["delta"].get("tool_calls", ()):
            heard[call["index"]] = heard.get(call["index"], "") + call["function"]["arguments"]
    assert [json.loads(text) for text in heard.values()] == given
    assert last["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", None),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "get_weather"}}, {"tool": {"name": "get_weather"}}),
    ],
)
def test_tool_choices_of_converse(provider: FakeBedrock, model: BedrockModel, choice: Any, sent: Any) -> None:
    model.complete(ask("Hello", tools=[TOOL], tool_choice=choice))
    config = provider.requests[0].body["toolConfig"]
    spec = {"name": "get_weather", "description": "Weather"}
    assert config["tools"] == [{"toolSpec": {**spec, "inputSchema": {"json": TOOL["function"]["parameters"]}}}]
    assert config.get("toolChoice") == sent


def test_no_tool_may_be_called(provider: FakeBedrock, model: BedrockModel) -> None:
    model.complete(ask("Hello", tools=[TOOL], tool_choice="none"))
    model.complete(ask(*TALK, tools=[TOOL], tool_choice="none"))
    bare, talked = (request.body for request in provider.requests)
    assert "toolConfig" not in bare
    assert [tool["toolSpec"]["name"] for tool in talked["toolConfig"]["tools"]] == ["get_weather"]
    assert talked["system"] == [{"text": "Be kind.\n\nDo not call any tool."}]


@BOTH
def test_images(provider: FakeBedrock, model: BedrockModel, id_: str) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    model.complete(ask({"role": "user", "content": ["What is it?", image]}, model=id_))
    sent = provider.requests[0].body["messages"][0]["content"][1]
    if id_ == NOVA:
        assert sent == {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    else:
        assert sent["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}
    elsewhere = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    with pytest.raises(ModelRejected, match="no addresses of images; give the image itself"):
        model.complete(ask({"role": "user", "content": [elsewhere]}, model=id_))
    assert len(provider.requests) == 1


@pytest.mark.parametrize("url", ["data:image/tiff;base64,AAAA", "data:image/png;base64,A"])
def test_images_that_are_none(model: BedrockModel, url: str) -> None:
    image = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(ModelRejected, match="image"):
        model.complete(ask({"role": "user", "content": [image]}))


def test_a_schema_is_a_tool_that_must_be_called(provider: FakeBedrock, model: BedrockModel) -> None:
    calling = Reply("Sure.", tools=(("city", {"city": "Oslo"}),))
    provider.script(calling, Reply(tools=calling.tools))
    request = ask("Where?", response_format=SCHEMA)
    choice = model.complete(request)["choices"][0]
    assert json.loads(choice["message"].pop("content")) == {"city": "Oslo"}
    assert (choice["message"], choice["finish_reason"]) == ({"role": "assistant"}, "stop")
    *parts, last = list(model.stream(request))
    assert json.loads(joined([*parts, last])) == {"city": "Oslo"}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert provider.requests[0].body["toolConfig"]["toolChoice"] == {"tool": {"name": "city"}}


@pytest.mark.parametrize("form", [{"type": "json_object"}, SCHEMA])
def test_json_by_instruction(provider: FakeBedrock, model: BedrockModel, form: Any) -> None:
    provider.script('```json\n{"city": "Oslo"}\n```')
    tools = [TOOL] if form == SCHEMA else []
    assert text_of(model.complete(ask("Where?", response_format=form, tools=tools))) == '{"city": "Oslo"}'
    (system,) = provider.requests[0].body["system"]
    assert "one JSON object and nothing else" in system["text"]
    assert ("under this JSON schema" in system["text"]) == (form == SCHEMA)


@pytest.mark.parametrize(
    ("refuses", "request_"),
    [
        ("tool_choice", ask("Hello", tools=[TOOL], tool_choice="required")),
        ("tool_choice", ask("Hello", response_format=SCHEMA)),
        ("tools", ask("Hello", response_format=SCHEMA)),
        ("system", ask({"role": "system", "content": "Be kind."}, "Hello")),
        ("stop", ask("Hello", stop=["END"])),
        ("streamed_tools", ask("Hello", tools=[TOOL])),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_what_a_model_does_not_take_is_said_in_another_way(
    refuses: str, request_: ModelRequest, streamed: bool
) -> None:
    with FakeBedrock(refuses=frozenset({refuses})) as provider:
        model = made(provider)
        for _ in range(2):
            text = joined(list(model.stream(request_))) if streamed else text_of(model.complete(request_))
            assert "Hello" in text
        tried = {"tools": 4, "streamed_tools": 3 if streamed else 2}.get(refuses, 3)
        assert len(provider.requests) == tried


def test_a_model_without_tools_says_so() -> None:
    with FakeBedrock(refuses=frozenset({"tools"})) as provider, pytest.raises(ModelRejected, match="can't call tools"):
        made(provider).complete(ask("Hello", tools=[TOOL]))


def test_versions_and_sampling_of_claude(provider: FakeBedrock, model: BedrockModel) -> None:
    model.complete(ask("Hello", model=OLD_CLAUDE, temperature=0.5, user="dev"))
    model.complete(ask("Hello", model=CLAUDE, temperature=0.5, user="dev"))
    old, new = (request.body for request in provider.requests)
    assert (old["anthropic_version"], old["temperature"]) == ("bedrock-2023-05-31", 0.5)
    assert "temperature" not in new
    model.complete(ask("Hello", model="anthropic.claude-3-haiku-20240307-v1:0", max_tokens=9000))
    assert provider.requests[2].body["max_tokens"] == 4096


def test_counting(provider: FakeBedrock, model: BedrockModel) -> None:
    tooled: dict[str, Any] = {"tools": [TOOL]}
    for id_, asked in ((NOVA, NOVA), (CLAUDE, CLAUDE.removeprefix("global.")), (OLD_CLAUDE, OLD_CLAUDE[3:])):
        assert model.count(ask(*TALK, model=id_, **tooled)) == COUNTED
        assert provider.requests[-1].path == f"/model/{asked}/count-tokens"
    converse = provider.requests[0].body["input"]["converse"]
    assert converse.keys() == {"messages", "system", "toolConfig"}
    claude = json.loads(base64.b64decode(provider.requests[1].body["input"]["invokeModel"]["body"]))
    assert claude["tools"][0]["name"] == "get_weather"
    provider.script(Failure(500, "down"))
    with pytest.raises(ModelUnavailable, match="down"):
        model.count(ask("Hello"))
    with FakeBedrock(counts=False) as other:
        assert made(other).count(ask("Hello")) is None


def test_a_key_is_not_for_bedrock(provider: FakeBedrock, model: BedrockModel) -> None:
    for id_ in (NOVA, CLAUDE):
        with pytest.raises(ModelRejected, match="takes no API key"):
            list(model.stream(ask("Hello", model=id_, api_key="sk-x")))
    assert provider.requests == []


@BOTH
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Failure(400, "no, because of you"), "no, because of you"),
        (Failure(403, "not allowed"), "needs bedrock:InvokeModel"),
        (Failure(404, "no such model"), "serves gpt-4o; SILVERCUP_MODEL_ALIASES can name another model"),
    ],
)
def test_what_is_refused(provider: FakeBedrock, model: BedrockModel, id_: str, failure: Failure, said: str) -> None:
    provider.script(failure, failure)
    with pytest.raises(ModelRejected, match=said) as raised:
        model.complete(ask("Hello", model=id_))
    assert failure.message in str(raised.value)
    with pytest.raises(ModelRejected, match=said):
        list(model.stream(ask("Hello", model=id_)))


def test_a_base_model_that_needs_a_profile(provider: FakeBedrock, model: BedrockModel) -> None:
    provider.script(Failure(400, "Invocation of model ID x with on-demand throughput isn't supported."))
    with pytest.raises(ModelRejected, match=r"such as bedrock/global.meta.llama"):
        model.complete(ask("Hello", model="meta.llama3-3-70b-instruct-v1:0"))


@BOTH
@pytest.mark.parametrize(
    "words", ["Input is too long for requested model.", "prompt is too long: 9 tokens > 8 maximum"]
)
def test_a_prompt_that_is_too_long(provider: FakeBedrock, model: BedrockModel, id_: str, words: str) -> None:
    provider.script(Failure(400, words))
    with pytest.raises(ContextOverflow, match="too long"):
        model.complete(ask("Hello", model=id_))


@pytest.mark.parametrize(
    ("id_", "status"),
    [(NOVA, 424), *((id_, status) for id_ in (NOVA, CLAUDE) for status in (408, 429, 500, 503, 529))],
)
def test_what_may_work_later(provider: FakeBedrock, id_: str, status: int) -> None:
    clients = Clients(region="us-west-2", endpoint_url=provider.url, attempts=1)
    from silvercup.adapters.bedrock_anthropic import AnthropicBedrockModel

    model = BedrockModel(clients, timeout=5) if id_ == NOVA else AnthropicBedrockModel(clients, max_retries=0)
    provider.script(Failure(status, "busy"))
    with pytest.raises(ModelUnavailable, match="busy") as raised:
        model.complete(ask("Hello", model=id_))
    assert ("rate limit" in str(raised.value)) == (status == 429)


@BOTH
def test_a_retry_succeeds(provider: FakeBedrock, id_: str) -> None:
    model = BedrockModel(Clients(region="us-west-2", endpoint_url=provider.url, attempts=2), timeout=10)
    provider.script(Failure(429, headers={"retry-after-ms": "1"}), "At last")
    assert text_of(model.complete(ask("Hello", model=id_))) == "At last"


@BOTH
@pytest.mark.parametrize("step", [Hang(), Reply("A long answer", stall=True)])
def test_a_call_ends_at_its_deadline(provider: FakeBedrock, model: BedrockModel, id_: str, step: Hang | Reply) -> None:
    provider.script(step)
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        list(model.stream(ask("Hello", model=id_, seconds=0.5)))
    provider.script(Hang())
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        model.complete(ask("Hello", model=id_, seconds=0.5))


def test_nothing_is_sent_past_the_deadline(provider: FakeBedrock) -> None:
    model = ConverseModel(Clients(region="us-west-2", endpoint_url=provider.url))
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        model._asked(ask("Hello", seconds=0), model._client().converse)
    assert provider.requests == []


GARBAGE = [
    b"<html>",
    b"",
    b"{}",
    b'{"output": 5}',
    b'{"output": {"message": {"role": "assistant"}}}',
    b'{"content": 5}',
    b"[1]",
]


@BOTH
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_the_providers_fault(provider: FakeBedrock, model: BedrockModel, id_: str, body: bytes) -> None:
    provider.script(Raw(body))
    with pytest.raises(ModelUnavailable, match="can't be understood"):
        model.complete(ask("Hello", model=id_))


STREAMS = [
    b"<html>this is no stream of events, though it is long enough to be one</html>",
    b"",
    frame({":message-type": "event", ":event-type": "chunk"}, {"bytes": "AAAA"}),
    frame({":message-type": "event", ":event-type": "unheard"}, {}),
    frame({":message-type": "event", ":event-type": "contentBlockDelta"}, {"delta": {"toolUse": {"input": "x"}}, "contentBlockIndex": 3}),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("body", STREAMS)
def test_garbage_within_a_stream(provider: FakeBedrock, model: BedrockModel, id_: str, body: bytes) -> None:
    provider.script(Raw(body, "application/vnd.amazon.eventstream"))
    with pytest.raises(ModelUnavailable, match=r"can't be understood|before the answer was complete"):
        list(model.stream(ask("Hello", model=id_)))


@BOTH
def test_a_stream_that_breaks_off(provider: FakeBedrock, model: BedrockModel, id_: str) -> None:
    provider.script(Drop(mid_stream=True))
    with pytest.raises(ModelUnavailable):
        list(model.stream(ask("Go", model=id_)))


@BOTH
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("throttlingException", ModelUnavailable),
        ("modelStreamErrorException", ModelUnavailable),
        ("internalServerException", ModelUnavailable),
        ("serviceUnavailableException", ModelUnavailable),
        ("validationException", ModelRejected),
    ],
)
def test_exceptions_within_a_stream(
    provider: FakeBedrock, model: BedrockModel, id_: str, code: str, kind: type[Exception]
) -> None:
    provider.script(Failure(500, "as it happens", code, mid_stream=True))
    parts = model.stream(ask("Go", model=id_))
    assert next(parts)["choices"][0]["finish_reason"] is None
    with pytest.raises(kind, match="as it happens"):
        list(parts)


@pytest.mark.parametrize("reply", [Reply(""), Reply("", usage=None)])
def test_an_empty_answer_is_an_answer(provider: FakeBedrock, model: BedrockModel, reply: Reply) -> None:
    provider.script(reply, reply)
    choice = model.complete(ask("Hello"))["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "stop")
    *_, last = model.stream(ask("Hello"))
    assert all(type(count) is int for count in last["usage"].values())


@BOTH
@pytest.mark.parametrize("step", [Hang(), Reply("A long answer that stalls", stall=True)])
def test_closing_ends_a_read_in_another_thread_and_the_connection(
    provider: FakeBedrock, model: BedrockModel, id_: str, step: Hang | Reply
) -> None:
    provider.script(step)
    parts = model.stream(ask("Go", model=id_))
    if isinstance(step, Reply):
        next(parts)
    ended: list[Any] = []
    reader = threading.Thread(target=lambda: ended.extend([len(list(parts)) < 3]))
    reader.start()
    assert provider.waiting.wait(5)
    parts.close()
    reader.join(5)
    assert ended == [True]
    assert list(parts) == []
    if isinstance(step, Reply):
        assert provider.gone.wait(5)


@BOTH
def test_an_address_where_nobody_listens(id_: str) -> None:
    model = BedrockModel(Clients(region="us-west-2", endpoint_url="http://127.0.0.1:9", attempts=1), timeout=5)
    with pytest.raises(ModelUnavailable, match="can't be reached"):
        model.complete(ask("Hello", model=id_))


@BOTH
def test_without_credentials_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, id_: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    model = BedrockModel(Clients(region="us-west-2", endpoint_url="http://bedrock.invalid", attempts=1), timeout=5)
    with pytest.raises(ModelRejected, match="Give the process credentials of AWS"):
        model.complete(ask("Hello", model=id_))
