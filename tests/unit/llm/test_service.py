"""The service: names to providers, providers made when needed, and no SDK before that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from silvercup.adapters.offline import OfflineModel
from silvercup.errors import InternalError, InvalidRequest, ModelUnavailable
from silvercup.llm.catalog import Catalog
from silvercup.llm.limits import Limits, LimitTable
from silvercup.llm.model import ChatModel, ChunkStream, Completion, ModelRequest
from silvercup.llm.service import Models
from silvercup.llm.streams import Ready
from silvercup.settings import Settings

HELLO = [{"role": "user", "content": "Hello"}]


class Recorder:
    name = "anthropic"

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []

    def complete(self, request: ModelRequest) -> Completion:
        self.requests.append(request)
        return {}

    def stream(self, request: ModelRequest) -> ChunkStream:
        self.requests.append(request)
        return Ready([{}])

    def count(self, request: ModelRequest) -> int | None:
        self.requests.append(request)
        if request.api_key == "sk-bad":
            raise ModelUnavailable("down")
        return 7


def models(recorder: Recorder, env: dict[str, str] | None = None) -> Models:
    catalog = Catalog(Settings(), {"ANTHROPIC_API_KEY": "sk-server"} if env is None else env)
    return Models(catalog, {"anthropic": lambda: recorder, "offline": OfflineModel})


def test_a_request_carries_the_resolved_name() -> None:
    recorder = Recorder()
    models(recorder).complete(
        HELLO, model="gpt-4o-mini", settings={"temperature": None, "max_tokens": 5, "model": "other"}, api_key="sk-own"
    )
    (request,) = recorder.requests
    assert (request.model, request.requested_model, request.api_key) == ("claude-haiku-5-5", "gpt-4o-mini", "sk-own")
    assert request.settings == {"max_tokens": 5}
    assert "sk-own" not in repr(request)


def test_tools_within_the_settings_count_when_no_others_are_given() -> None:
    recorder = Recorder()
    tool: Any = {"type": "function", "function": {"name": "look"}}
    service = models(recorder)
    service.complete(HELLO, settings={"tools": [tool], "tool_choice": "required"})
    list(
        service.stream(
            HELLO, settings={"tools": [{"x": 1}], "tool_choice": "required"}, tools=[tool], tool_choice="none"
        )
    )
    assert [(request.tools, request.tool_choice) for request in recorder.requests] == [
        ([tool], "required"),
        ([tool], "none"),
    ]
    assert all(request.settings == {} for request in recorder.requests)


def test_a_provider_is_made_once_and_only_when_needed() -> None:
    made: list[str] = []

    def factory() -> ChatModel:
        made.append("offline")
        return OfflineModel()

    service = Models(Catalog(Settings(model="offline"), {}), {"offline": factory})
    assert made == []
    for _ in range(2):
        assert service.complete(HELLO)["choices"][0]["message"]["content"] == "[offline model] You said: Hello"
    assert made == ["offline"]


def test_the_time_that_is_left_reaches_the_provider() -> None:
    recorder = Recorder()
    service = models(recorder)
    service.complete(HELLO, seconds=3)
    service.stream(HELLO, seconds=4)
    service.complete(HELLO)
    assert [request.seconds for request in recorder.requests] == [3, 4, None]


def test_counting_never_fails_for_the_provider() -> None:
    recorder = Recorder()
    service = models(recorder)
    assert service.count(HELLO, tools=[{"type": "function"}], settings={"temperature": 1}) == 7
    assert recorder.requests[0].tools == [{"type": "function"}]
    assert service.count(HELLO, api_key="sk-bad") is None
    with pytest.raises(InvalidRequest, match="Model nope not available"):
        service.count(HELLO, model="nope")


def test_limits_are_those_of_the_model_that_answers() -> None:
    catalog = Catalog(Settings(), {"ANTHROPIC_API_KEY": "sk-server"})
    assert Models(catalog, {}).limits("gpt-4o") == Limits(1_000_000, 128_000)
    assert Models(catalog, {}).limits("offline") == Limits(32_000, 32_000)
    assert Models(catalog, {}, LimitTable('{"claude-sonnet-*": 5000}')).limits("gpt-4o").context == 5000
    assert Models(catalog, {}).limits("gpt-4o", api_key="sk-proj-x") == Limits(128_000, 16_384)


def test_bad_requests_are_refused_before_any_call() -> None:
    service = models(Recorder())
    with pytest.raises(InvalidRequest, match="at least one message"):
        service.complete([])
    with pytest.raises(InvalidRequest, match="Model nope not available"):
        service.stream(HELLO, model="nope")


def test_a_provider_without_an_adapter_is_a_bug_of_ours() -> None:
    with pytest.raises(InternalError, match="'anthropic'"):
        Models(Catalog(Settings(model="anthropic"), {}), {}).complete(HELLO)


def test_no_sdk_is_imported_before_a_call() -> None:
    code = (
        "import sys, silvercup.llm.model, silvercup.llm.catalog, silvercup.llm.service, silvercup.llm.tokens, silvercup.llm.limits, silvercup.llm.streams\n"
        "from silvercup.adapters.anthropic import AnthropicModel\n"
        "from silvercup.adapters.offline import OfflineModel\n"
        "from silvercup.adapters.openai_chat import OpenAIModel\n"
        "AnthropicModel(); OfflineModel(); OpenAIModel()\n"
        "sdks = {'anthropic', 'openai', 'httpx', 'httpx2', 'pydantic', 'boto3', 'botocore', 'urllib3'}\n"
        "print(sorted(sdks & sys.modules.keys()))\n"
        "from silvercup.adapters.aws import Clients\n"
        "from silvercup.adapters.bedrock import BedrockModel\n"
        "BedrockModel(Clients(region='us-east-1'))\n"
        "print(sorted({'anthropic', 'openai', 'httpx2', 'boto3'} & sys.modules.keys()))"
    )
    core = Path(__file__).parents[3] / "layers" / "core"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(core)}
    )
    assert ran.stdout.split() == ["[]", "[]"]
