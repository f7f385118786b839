"""v1's computer, text editor and shell as models get them: the real SDKs over real HTTP against the stand-ins, which know the API's rules."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.adapters.anthropic import AnthropicModel
from silvercup.adapters.aws import Clients
from silvercup.adapters.bedrock import BedrockModel
from silvercup.adapters.openai_chat import OpenAIModel
from silvercup.llm.model import ModelRequest
from silvercup.tools.functions import function_of
from tests.support.bedrock_wire import COUNTED, FakeBedrock
from tests.support.openai_wire import FakeOpenAI
from tests.support.provider import FakeProvider, Reply

SCREEN = {
    "name": "screen",
    "type": "computer_20241022",
    "description": "The desk",
    "computer_20241022": {"name": "computer", "display_width_px": 800, "display_height_px": 600, "display_number": 2},
}
EDITOR = {"name": "str_replace_editor", "type": "text_editor_20241022", "text_editor_20241022": {}}
SHELL = {"name": "shell", "type": "bash_20241022", "bash_20241022": None}
TOOLS = [function_of(tool) for tool in (SCREEN, EDITOR, SHELL)]
SIZE = {"display_width_px": 800, "display_height_px": 600, "display_number": 2}

V1, V2, V3 = "computer-use-2024-10-22", "computer-use-2025-01-24", "computer-use-2025-11-24"
EDIT_1, EDIT_2, EDIT_3 = ("text_editor_20241022", "text_editor_20250124", "text_editor_20250728")
BASH_1, BASH_2 = "bash_20241022", "bash_20250124"
MODELS = [
    ("claude-3-5-sonnet-20241022", ["computer_20241022", EDIT_1, BASH_1], V1),
    ("claude-3-7-sonnet-20250219", ["computer_20250124", EDIT_2, BASH_2], V2),
    ("claude-opus-4-20250514", ["computer_20250124", EDIT_3, BASH_2], V2),
    ("claude-sonnet-4-5-20250929", ["computer_20250124", EDIT_3, BASH_2], V2),
    ("claude-haiku-4-5", ["computer_20250124", EDIT_3, BASH_2], V2),
    ("claude-opus-4-5-20251101", ["computer_20251124", EDIT_3, BASH_2], V3),
    ("claude-sonnet-4-6", ["computer_20251124", EDIT_3, BASH_2], V3),
    ("claude-opus-4-8", ["computer_20251124", EDIT_3, BASH_2], V3),
    ("claude-sonnet-5", ["computer_20251124", EDIT_3, BASH_2], V3),
    ("claude-opus-5", ["computer_20251124", EDIT_3, BASH_2], V3),
    ("claude-sonnet-5-5", [None, EDIT_3, BASH_2], None),
    ("claude-haiku-5-5", [None, EDIT_3, BASH_2], None),
    ("claude-3-haiku-20240307", [None, None, None], None),
    ("claude-next-7", [None, None, None], None),
]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", running.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-server-key")
        yield running


@pytest.fixture
def model(provider: FakeProvider) -> Iterator[AnthropicModel]:
    made = AnthropicModel(timeout=5)
    yield made
    made.close()


def ask(model: str, *messages: dict[str, Any], tools: list[dict[str, Any]] = TOOLS, **more: Any) -> ModelRequest:
    return ModelRequest(model, [{"role": "user", "content": "Look"}, *messages], tools=tools, **more)


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("name", "types", "beta"), MODELS, ids=[one[0] for one in MODELS])
def test_a_model_gets_the_types_that_it_takes(
    provider: FakeProvider, model: AnthropicModel, name: str, types: list[str | None], beta: str | None
) -> None:
    model.complete(ask(name))
    (request,) = provider.requests
    sent = request.body["tools"]
    assert [tool.get("type") for tool in sent] == types
    assert request.headers.get("anthropic-beta") == beta
    computer = sent[0]
    if types[0]:
        assert computer == {"type": types[0], "name": "computer", **SIZE}
    else:
        assert computer["name"] == "screen"
        assert computer["description"] == "The desk"
        assert "screenshot" in computer["input_schema"]["properties"]["action"]["enum"]


@pytest.mark.parametrize("stream", [False, True])
def test_calls_come_back_under_the_tools_own_names(provider: FakeProvider, model: AnthropicModel, stream: bool) -> None:
    said = [
        ("computer", {"action": "screenshot"}),
        ("str_replace_based_edit_tool", {"command": "view", "path": "/a"}),
        ("bash", {"command": "ls"}),
    ]
    provider.script(Reply(tools=said))
    request = ask("claude-opus-5", tool_choice={"type": "function", "function": {"name": "screen"}})
    if stream:
        deltas = [part["choices"][0]["delta"].get("tool_calls") or [] for part in model.stream(request)]
        calls = [one for delta in deltas for one in delta if one.get("id")]
    else:
        (choice,) = model.complete(request)["choices"]
        assert choice["finish_reason"] == "tool_calls"
        calls = choice["message"]["tool_calls"]
        assert json.loads(calls[2]["function"]["arguments"]) == {"command": "ls"}
    assert [call["function"]["name"] for call in calls] == ["screen", "str_replace_editor", "shell"]
    assert provider.requests[0].body["tool_choice"]["name"] == "computer"


def test_a_screenshot_goes_back_with_its_call(provider: FakeProvider, model: AnthropicModel) -> None:
    provider.script(Reply(tools=[("computer", {"action": "screenshot"})]), "A desk.")
    said = model.complete(ask("claude-opus-5"))["choices"][0]["message"]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    shot = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": [image]}
    assert model.complete(ask("claude-opus-5", said, shot))["choices"][0]["message"]["content"] == "A desk."
    _, use, got = provider.requests[1].body["messages"]
    assert use["content"][0]["name"] == "computer"
    assert got["content"][0]["content"][0]["source"]["data"] == "aGk="


def test_a_name_that_is_taken(provider: FakeProvider, model: AnthropicModel) -> None:
    other = {"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}
    second = function_of({"name": "second", "type": "computer_20241022"})
    model.complete(ask("claude-opus-5", tools=[*TOOLS, other, second]))
    assert [(tool.get("type"), tool["name"]) for tool in provider.requests[0].body["tools"]] == [
        ("computer_20251124", "computer"),
        ("text_editor_20250728", "str_replace_based_edit_tool"),
        (None, "shell"),
        (None, "bash"),
        (None, "second"),
    ]


def test_counting_and_settings_beside_them(provider: FakeProvider, model: AnthropicModel) -> None:
    request = ask("claude-sonnet-4-6", settings={"temperature": 0.5})
    assert model.count(request)
    model.complete(request)
    counted, completed = provider.requests
    assert counted.headers["anthropic-beta"] == completed.headers["anthropic-beta"] == V3
    assert completed.headers["anthropic-version"] == "2023-06-01"
    assert completed.body["temperature"] == 0.5


def test_on_bedrock() -> None:
    with FakeBedrock() as bedrock:
        model = BedrockModel(Clients(region="us-west-2", endpoint_url=bedrock.url, attempts=1), timeout=5)
        claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
        model.complete(ask(claude))
        list(model.stream(ask(claude)))
        for request in bedrock.requests:
            assert request.body["anthropic_beta"] == [V2]
            assert [tool["type"] for tool in request.body["tools"]] == ["computer_20250124", EDIT_3, BASH_2]
        assert model.count(ask(claude)) == COUNTED
        counted = json.loads(base64.b64decode(bedrock.requests[-1].body["input"]["invokeModel"]["body"]))
        assert counted["anthropic_beta"] == [V2]
        model.complete(ask("amazon.nova-pro-v1:0"))
        specs = [tool["toolSpec"] for tool in bedrock.requests[-1].body["toolConfig"]["tools"]]
        assert [spec["name"] for spec in specs] == ["screen", "str_replace_editor", "shell"]


def test_where_functions_are_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenAI() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{running.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-key")
        model = OpenAIModel(timeout=5)
        model.complete(ask("gpt-4o"))
        model.close()
        sent = running.requests[0].body["tools"]
        assert [tool.keys() for tool in sent] == [{"type", "function"}] * 3
        assert [tool["function"]["name"] for tool in sent] == ["screen", "str_replace_editor", "shell"]
