"""How much models read and write."""

from __future__ import annotations

import pytest

from silvercup.llm.limits import KNOWN, UNKNOWN, Limits, LimitTable, bare_name


@pytest.mark.parametrize(
    ("model", "context"),
    [
        ("offline", 32_000),
        ("claude-sonnet-5-5", 1_000_000),
        ("claude-haiku-4-5-20251001", 200_000),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", 200_000),
        ("anthropic.claude-3-haiku-20240307-v1:0", 200_000),
        ("arn:aws:bedrock:us-west-2:1:inference-profile/us.anthropic.claude-opus-4-6-v1", 1_000_000),
        ("gpt-4o-mini", 128_000),
        ("gpt-4.1-nano", 1_047_576),
        ("gpt-4", 8_192),
        ("gpt-5-mini", 400_000),
        ("gpt-6.1-terra", 1_050_000),
        ("o3-mini", 200_000),
        ("google/gemini-2.5-pro", 1_048_576),
        ("meta-llama/llama-3.1-70b-instruct", 128_000),
        ("us.meta.llama3-3-70b-instruct-v1:0", 8_192),
        ("llama3.2", 128_000),
        ("llama3", 8_192),
        ("amazon.nova-pro-v1:0", 300_000),
        ("who-knows", UNKNOWN.context),
    ],
)
def test_limits_by_name(model: str, context: int) -> None:
    found = LimitTable().of(model)
    assert found.context == context
    assert 0 < found.output <= found.context


def test_the_users_own_win() -> None:
    table = LimitTable('{"llama3.2": 4096, "gpt-4o*": 1000, "us.amazon.*": 77}')
    assert table.of("llama3.2") == Limits(4096, 4096)
    assert table.of("GPT-4o-mini") == Limits(1000, 1000)
    assert table.of("us.amazon.nova-pro-v1:0").context == 77
    assert table.of("amazon.nova-pro-v1:0").context == 300_000


@pytest.mark.parametrize("text", ["[]", "{", '{"a": "1"}', '{"a": 0}', '{"a": true}', '{"a": 1.5}'])
def test_limits_of_a_wrong_form_name_their_variable(text: str) -> None:
    with pytest.raises(ValueError, match=r"SILVERCUP_CONTEXT_LIMITS is .*it must be a JSON object"):
        LimitTable(text)


def test_no_pattern_stands_twice() -> None:
    patterns = [pattern for pattern, _ in KNOWN]
    assert len(patterns) == len(set(patterns))


@pytest.mark.parametrize(
    ("model", "bare"),
    [
        ("us.anthropic.claude-x-v1:0", "claude-x-v1:0"),
        ("openrouter/anthropic/claude-3.5-sonnet", "claude-3.5-sonnet"),
        ("gpt-4.1", "gpt-4.1"),
        ("llama3.2", "llama3.2"),
        ("us-gov.anthropic.claude-x", "claude-x"),
    ],
)
def test_a_bare_name(model: str, bare: str) -> None:
    assert bare_name(model) == bare
