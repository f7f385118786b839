"""The offline model: labelled, deterministic, bounded, and JSON where JSON is asked for."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from silvercup.adapters.offline import OfflineModel
from silvercup.llm.model import ModelRequest


def ask(*messages: tuple[str, Any], **settings: Any) -> ModelRequest:
    return ModelRequest(
        model="offline", messages=[{"role": role, "content": content} for role, content in messages], settings=settings
    )


def answer(request: ModelRequest) -> str:
    return OfflineModel().complete(request)["choices"][0]["message"]["content"]


def test_the_answer_is_labelled_and_says_what_was_said() -> None:
    assert answer(ask(("system", "Be kind."), ("user", "Hello\n  there"))) == "[offline model] You said: Hello there"


def test_the_completion_has_v1s_shape() -> None:
    made = OfflineModel().complete(ask(("user", "Hello")))
    assert made["object"] == "chat.completion"
    assert made["model"] == "offline"
    assert made["choices"][0]["finish_reason"] == "stop"
    used = made["usage"]
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"] > 0


def test_the_same_request_has_the_same_answer() -> None:
    first, second = (OfflineModel().complete(ask(("user", "Hello"))) for _ in range(2))
    assert {**first, "created": 0} == {**second, "created": 0}
    assert first["id"] != OfflineModel().complete(ask(("user", "Hello!")))["id"]


def test_a_long_message_is_cut() -> None:
    assert len(answer(ask(("user", "word " * 10_000)))) < 500


def test_parts_and_system_only_prompts_are_told() -> None:
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    assert answer(ask(("user", parts))) == "[offline model] You said: Look: (an image)"
    assert answer(ask(("system", "Count to three."))) == "[offline model] The prompt says: Count to three."


def test_max_tokens_cuts_the_answer() -> None:
    made = OfflineModel().complete(ask(("user", "Hello, how are you today?"), max_tokens=5))
    assert made["choices"][0]["finish_reason"] == "length"
    assert made["usage"]["completion_tokens"] <= 5


@pytest.mark.parametrize(
    "prompt",
    [
        "Respond only with JSON.",
        "Return the result as a JSON object",
        "Your answer must be valid JSON and nothing else",
        "Answer in the following JSON format: {...}",
    ],
)
def test_a_prompt_for_json_gets_json(prompt: str) -> None:
    assert json.loads(answer(ask(("system", prompt), ("user", "Oslo"))))["label"] == "[offline model]"


@pytest.mark.parametrize("prompt", ["What is JSON?", "Is JSON better than YAML?", "Return to the house."])
def test_a_prompt_about_json_gets_text(prompt: str) -> None:
    assert answer(ask(("user", prompt))).startswith("[offline model] You said")


def test_response_format_gets_json() -> None:
    assert json.loads(answer(ask(("user", "Oslo"), response_format={"type": "json_object"}))) == {
        "label": "[offline model]",
        "answer": "You said: Oslo",
    }


def test_a_schema_gets_a_value_that_is_valid_under_it() -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "degrees": {"type": "number", "minimum": 3},
            "kind": {"enum": ["sun", "rain"]},
            "days": {
                "type": "array",
                "minItems": 2,
                "items": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
            },
            "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "windy": {"type": ["boolean", "null"]},
        },
        "required": ["city", "degrees", "kind", "days", "note", "windy"],
        "additionalProperties": False,
    }
    made = answer(
        ask(("user", "Oslo"), response_format={"type": "json_schema", "json_schema": {"name": "w", "schema": schema}})
    )
    jsonschema.validate(json.loads(made), schema)
    assert "[offline model]" in made


def test_the_stream_says_the_same_in_several_parts() -> None:
    request = ask(("user", "Hello  there, you"))
    chunks = list(OfflineModel().stream(request))
    assert "".join(part["choices"][0]["delta"]["content"] for part in chunks) == answer(request)
    assert len(chunks) > 4
    assert {part["choices"][0]["delta"]["role"] for part in chunks} == {"assistant"}
    assert [part["choices"][0]["finish_reason"] for part in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1]["usage"] == OfflineModel().complete(request)["usage"]
    assert chunks[0]["usage"] is None


@pytest.mark.parametrize("limit", [0, 1, 5, 7])
def test_max_tokens_holds_in_any_script(limit: int) -> None:
    made = OfflineModel().complete(ask(("user", "こんにちは世界" * 9), max_tokens=limit))
    assert made["usage"]["completion_tokens"] == limit
    assert made["choices"][0]["finish_reason"] == "length"


def test_counting_is_the_estimate_of_the_usage() -> None:
    request = ask(("user", "Hello, how are you today?"))
    assert OfflineModel().count(request) == OfflineModel().complete(request)["usage"]["prompt_tokens"]
