"""Settings as parameters of the Messages API: what a model does not take is left out."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from silvercup.adapters.anthropic_params import Parameters, parameters
from silvercup.errors import ModelRejected
from silvercup.llm.model import ModelRequest
from silvercup.values import dumps

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def made(
    model: str = "claude-sonnet-5-5", *, tools: bool = False, choice: Any = None, **settings: Any
) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Hello"}]
    request = ModelRequest(
        model=model, messages=messages, settings=settings, tools=[TOOL] if tools else [], tool_choice=choice
    )
    return parameters(request).body


def test_the_least_that_is_sent() -> None:
    assert made("claude-opus-5") == {
        "model": "claude-opus-5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "max_tokens": 16_000,
    }


def test_settings_of_other_providers_are_left_out() -> None:
    body = made(
        frequency_penalty=1,
        presence_penalty=1,
        logit_bias={"1": 2},
        seed=3,
        min_p=0.1,
        repetition_penalty=1,
        stream=True,
    )
    assert body == made()


@pytest.mark.parametrize(("asked", "sent"), [(50, 50), (10**6, 128_000), (None, 16_000), (100.0, 100)])
def test_max_tokens(asked: Any, sent: int) -> None:
    assert made(max_tokens=asked)["max_tokens"] == sent


def test_max_tokens_stays_within_the_model() -> None:
    assert made("claude-haiku-4-5", max_tokens=10**6)["max_tokens"] == 64_000


@pytest.mark.parametrize("setting", [{"max_tokens": "many"}, {"max_tokens": -1}, {"temperature": "hot", "model": "x"}])
def test_a_number_that_is_none_is_refused(setting: dict[str, Any]) -> None:
    setting.pop("model", None)
    with pytest.raises(ModelRejected, match="it must be a number, 0 or more"):
        made("claude-haiku-4-5", **setting)


@pytest.mark.parametrize(
    ("model", "settings", "sent"),
    [
        ("claude-haiku-4-5", {"temperature": 0}, {"temperature": 0}),
        ("claude-haiku-4-5", {"temperature": 1.7}, {"temperature": 1}),
        ("claude-haiku-4-5", {"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2}),
        ("claude-sonnet-4-6", {"top_p": 0.9}, {"top_p": 0.9}),
        ("claude-sonnet-5-5", {"temperature": 0.2}, None),
        ("claude-unheard-of", {"temperature": 0.2}, None),
    ],
)
def test_sampling_goes_only_to_models_that_take_it(
    model: str, settings: dict[str, Any], sent: dict[str, Any] | None
) -> None:
    body = made(model, **settings)
    assert body.get("extra_body") == sent
    assert ("extra_headers" in body) == (sent is not None)


@pytest.mark.parametrize(
    ("stop", "sent"), [("END", ["END"]), (["a", "\n", "", "b"], ["a", "b"]), ([], None), ("\n", None)]
)
def test_stop_sequences(stop: Any, sent: list[str] | None) -> None:
    assert made(stop=stop).get("stop_sequences") == sent


def test_models_that_think_unless_told_otherwise_are_told() -> None:
    assert made("claude-sonnet-5-5")["thinking"] == {"type": "between_tools"}
    assert made("claude-haiku-5-5")["thinking"] == {"type": "disabled"}
    assert "thinking" not in made("claude-opus-5-5")
    body = made("claude-sonnet-5-5", reasoning_effort="low")
    assert body["output_config"] == {"effort": "low"}
    assert "thinking" not in body


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", None),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "look"}}, {"type": "tool", "name": "look"}),
    ],
)
def test_tool_choice(choice: Any, sent: dict[str, Any] | None) -> None:
    assert made("claude-haiku-5-5", tools=True, choice=choice).get("tool_choice") == sent
    assert "tool_choice" not in made("claude-haiku-5-5", choice=choice)


def test_a_model_that_cant_be_forced_is_asked() -> None:
    body = made("claude-sonnet-5-5", tools=True, choice={"type": "function", "function": {"name": "look"}})
    assert "tool_choice" not in body
    assert body["system"] == "Answer by calling the tool `look`."
    assert made("claude-sonnet-5-5", tools=True, choice="required")["system"] == "Answer by calling one of the tools."


def test_one_call_at_a_time() -> None:
    body = made("claude-haiku-5-5", tools=True, choice="required", parallel_tool_calls=False)
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert made(tools=True, parallel_tool_calls=False)["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }


def test_json_is_asked_for() -> None:
    body = made(response_format={"type": "json_object"})
    assert "one JSON object and nothing else" in body["system"]
    assert "system" not in made(response_format={"type": "text"})


def schema_sent(schema: Any) -> Parameters:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    request = ModelRequest("claude-sonnet-5-5", [{"role": "user", "content": "Hello"}], {"response_format": form})
    return parameters(request, anthropic.transform_schema)


def test_a_schema_is_enforced() -> None:
    asked = schema_sent({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]})
    sent = asked.body["output_config"]["format"]["schema"]
    assert (sent["additionalProperties"], sent["required"], sent["properties"]["a"]["type"]) == (
        False,
        ["a"],
        "integer",
    )
    assert not asked.wants_json
    assert "system" not in asked.body


@pytest.mark.parametrize(
    "schema",
    [
        {},
        [1],
        {"type": "nope"},
        {"type": "object"},
        {"type": "object", "properties": "x"},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
        {"type": "object", "properties": {"by_name": {"type": "object", "additionalProperties": {"type": "string"}}}},
        {"type": "array", "items": {"anyOf": [{"type": "object"}]}},
    ],
)
def test_a_schema_that_cant_be_enforced_becomes_an_instruction(schema: Any) -> None:
    asked = schema_sent(schema)
    assert asked.wants_json
    assert dumps(schema) in asked.body["system"]
    assert "output_config" not in asked.body


def test_the_user_is_named() -> None:
    assert made(user="0193")["metadata"] == {"user_id": "0193"}
