"""The service: names to providers, providers made when needed, and no SDK before that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from silvercup.adapters.offline import OfflineModel
from silvercup.errors import InternalError, InvalidRequest
from silvercup.llm.catalog import Catalog
from silvercup.llm.model import ChatModel, Chunk, Completion, ModelRequest
from silvercup.llm.service import Models
from silvercup.settings import Settings

HELLO = [{"role": "user", "content": "Hello"}]


class Recorder:
    name = "anthropic"

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []

    def complete(self, request: ModelRequest) -> Completion:
        self.requests.append(request)
        return {}

    def stream(self, request: ModelRequest) -> Iterator[Chunk]:
        self.requests.append(request)
        return iter([{}])


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
        "import sys, silvercup.llm.model, silvercup.llm.catalog, silvercup.llm.service, silvercup.llm.tokens\n"
        "from silvercup.adapters.anthropic import AnthropicModel\n"
        "from silvercup.adapters.offline import OfflineModel\n"
        "AnthropicModel(); OfflineModel()\n"
        "print(sorted({'anthropic', 'httpx', 'httpx2', 'pydantic', 'boto3'} & sys.modules.keys()))"
    )
    core = Path(__file__).parents[3] / "layers" / "core"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(core)}
    )
    assert ran.stdout.strip() == "[]"
