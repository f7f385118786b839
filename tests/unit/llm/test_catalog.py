"""Names of models: what they resolve to, what is substituted, what is refused."""

from __future__ import annotations

import pytest

from silvercup.errors import InvalidRequest
from silvercup.llm.catalog import ALIASES, Catalog
from silvercup.settings import Settings

KEY = {"ANTHROPIC_API_KEY": "sk-test"}

V1_NAMES = """
gpt-4-turbo gpt-4o gpt-4o-mini gpt-4.1 gpt-4.1-mini gpt-4.1-nano o1 o1-mini o1-preview o3-mini o4-mini gpt-5 gpt-5-mini gpt-5-nano
gpt-5-2025-08-07 gpt-5-chat-latest openai/gpt-5-chat-latest claude-3-haiku claude-3-sonnet claude-3.5-sonnet claude-3.5-sonnet-20241022
claude-3.5-haiku claude-3.7-sonnet claude-sonnet-4 claude-opus-4 claude-opus-4-1 claude-sonnet-4-5 claude-haiku-4-5 gemini-1.5-pro
gemini-1.5-pro-latest gemini-2.0-flash gemini-2.5-pro gemini-2.5-flash gemini-2.5-pro-preview-03-25 llama-3.1-8b llama-3.1-70b
meta-llama/llama-3.3-70b-instruct meta-llama/llama-4-maverick mistral-large-2411 deepseek-chat qwen-2.5-72b-instruct amazon/nova-lite-v1
amazon/nova-pro-v1 perplexity/sonar openrouter/meta-llama/llama-4-maverick openrouter/anything/else
""".split()


def catalog(model: str = "auto", aliases: str = "{}", env: dict[str, str] | None = None) -> Catalog:
    return Catalog(Settings(model=model, model_aliases=aliases), KEY if env is None else env)


@pytest.mark.parametrize("name", V1_NAMES)
def test_every_name_of_v1_is_served(name: str) -> None:
    resolved = catalog().resolve(name)
    assert resolved.provider == "anthropic"
    assert resolved.model.startswith("claude-")
    assert resolved.requested == name


def test_a_substitution_is_named() -> None:
    resolved = catalog().resolve("gpt-4o-mini")
    assert (resolved.model, resolved.substituted) == ("claude-haiku-5-5", True)
    assert resolved.warning is not None
    assert resolved.warning.startswith("gpt-4o-mini is served by claude-haiku-5-5")


@pytest.mark.parametrize(
    "name", ["claude-haiku-4-5", "claude-opus-5-5", "claude-from-the-future-9", "anthropic/claude-sonnet-5-5"]
)
def test_the_providers_own_names_pass_through(name: str) -> None:
    resolved = catalog().resolve(name)
    assert (resolved.model, resolved.substituted, resolved.warning) == (name.removeprefix("anthropic/"), False, None)


@pytest.mark.parametrize(
    ("retired", "served"),
    [
        ("claude-3-5-sonnet-20241022", "claude-sonnet-5-5"),
        ("claude-3-opus-20240229", "claude-opus-5-5"),
        ("claude-3-5-haiku-latest", "claude-haiku-5-5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-5-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-5-5"),
        ("claude-opus-4-1-20250805", "claude-opus-5-5"),
        ("claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("claude-opus-4-8", "claude-opus-4-8"),
    ],
)
def test_retired_models_are_served_by_their_successors(retired: str, served: str) -> None:
    assert catalog().resolve(retired).model == served


@pytest.mark.parametrize("name", [None, "", "  "])
def test_no_name_is_the_default_without_a_warning(name: str | None) -> None:
    resolved = catalog().resolve(name)
    assert (resolved.requested, resolved.model, resolved.warning) == ("gpt-4o", "claude-sonnet-5-5", None)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(
        InvalidRequest, match=r"Model gtp-4o not available. Available models: \[.*'claude-sonnet-5-5'.*'gpt-4o'"
    ):
        catalog().resolve("gtp-4o")


def test_the_users_aliases_win() -> None:
    own = catalog(aliases='{"gpt-4o": "claude-opus-5-5", "fast": "gpt-4o-mini", "dry": "offline", "bad": "nothing"}')
    assert own.resolve("gpt-4o").model == "claude-opus-5-5"
    assert own.resolve(None).model == "claude-opus-5-5"
    assert own.resolve("fast").model == "claude-haiku-5-5"
    assert own.resolve("dry").provider == "offline"
    assert own.names()[:4] == ["gpt-4o", "fast", "dry", "bad"]
    with pytest.raises(InvalidRequest, match=r"nothing .by SILVERCUP_MODEL_ALIASES for bad. not available"):
        own.resolve("bad")


def test_with_offline_every_name_resolves_to_it() -> None:
    offline = catalog(env={})
    for name in ("gpt-4o", "claude-opus-5-5", "no-such-model"):
        resolved = offline.resolve(name)
        assert (resolved.provider, resolved.model, resolved.substituted) == ("offline", "offline", True)
        assert resolved.warning is not None
        assert "ANTHROPIC_API_KEY" in resolved.warning
    assert offline.resolve("offline").warning is None
    assert offline.resolve(None).warning is None


def test_which_provider_serves() -> None:
    assert catalog(env={}).provider() == "offline"
    assert catalog(env={"ANTHROPIC_API_KEY": ""}).provider() == "offline"
    assert catalog(env={"ANTHROPIC_AUTH_TOKEN": "t"}).provider() == "anthropic"
    assert catalog(env={}).provider(api_key="sk-own") == "anthropic"
    assert catalog("anthropic", env={}).provider() == "anthropic"
    assert catalog("offline").provider(api_key="sk-own") == "offline"
    assert catalog().resolve("offline").provider == "offline"


def test_the_list_of_names_holds_no_pattern_and_nothing_twice() -> None:
    names = catalog().names()
    assert len(names) == len(set(names))
    assert {"gpt-4o", "claude-3.5-sonnet", "gemini-2.5-pro", "claude-sonnet-5-5", "offline"} <= set(names)
    assert not any("*" in name or "[" in name for name in names)
    assert "claude-sonnet-5-5" not in catalog(env={}).names()


def test_no_alias_is_hidden_by_an_earlier_one() -> None:
    patterns = [pattern for pattern, _ in ALIASES]
    assert len(patterns) == len(set(patterns))
    for pattern, model in ALIASES:
        if "*" not in pattern and "[" not in pattern:
            assert catalog().resolve(pattern).model == model


@pytest.mark.parametrize("aliases", ["[]", "{", '{"a": 1}', '{"a": ""}', '"gpt-4o"'])
def test_aliases_of_a_wrong_form_name_their_variable(aliases: str) -> None:
    with pytest.raises(ValueError, match=r"SILVERCUP_MODEL_ALIASES is .*it must be a JSON object of names to names"):
        catalog(aliases=aliases)


def test_an_unknown_provider_names_its_variable() -> None:
    said = "SILVERCUP_MODEL is 'azure'; it must be 'auto', 'anthropic', 'bedrock', 'openai' or 'offline'"
    with pytest.raises(ValueError, match=said):
        catalog("azure")
