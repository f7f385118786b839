"""Which of several providers serves a name, and whose a key is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import InvalidRequest
from silvercup.llm.aliases import ALIASES, BY_BEDROCK, BY_OPENAI, LARGE, MEDIUM, SMALL
from silvercup.llm.catalog import Catalog
from silvercup.settings import Settings
from tests.unit.llm.test_catalog import V1_NAMES

A = {"ANTHROPIC_API_KEY": "sk-ant-server"}
OPENAI = {"OPENAI_API_KEY": "sk-proj-server"}
OLLAMA = {"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}
OWN_HOST = {"OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}


def catalog(env: dict[str, str], model: str = "auto", aliases: str = "{}") -> Catalog:
    return Catalog(Settings(model=model, model_aliases=aliases), env)


def served(env: dict[str, str], name: str | None, *, model: str = "auto", api_key: str | None = None) -> str:
    found = catalog(env, model).resolve(name, api_key=api_key)
    return f"{found.provider}:{found.model}"


@pytest.mark.parametrize("name", V1_NAMES)
@pytest.mark.parametrize("model", ["openai", "bedrock"])
def test_every_name_of_v1_is_served_by_each_provider(name: str, model: str) -> None:
    resolved = catalog(OPENAI, model).resolve(name)
    prefixed = name.startswith("openai/")
    assert resolved.provider == ("openai" if prefixed else model)
    if model == "bedrock" and not prefixed:
        assert re.match(r"(global\.anthropic\.claude|amazon\.nova)-", resolved.model)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o", "openai:gpt-4o"),
        ("gpt-4o-2024-08-06", "openai:gpt-4o-2024-08-06"),
        ("o3", "openai:o3"),
        ("ft:gpt-4o:acme::x", "openai:ft:gpt-4o:acme::x"),
        ("gpt-7-of-the-future", "openai:gpt-7-of-the-future"),
        ("claude-3.5-sonnet", f"anthropic:{MEDIUM}"),
        ("claude-opus-5-5", "anthropic:claude-opus-5-5"),
        ("gemini-2.5-pro", f"anthropic:{MEDIUM}"),
        ("llama-3.1-8b", f"anthropic:{SMALL}"),
        (None, "openai:gpt-4o"),
        ("openai/gpt-4o", "openai:gpt-4o"),
        ("openai/anything-at-all", "openai:anything-at-all"),
        ("anthropic/claude-3.5-haiku", f"anthropic:{SMALL}"),
        ("bedrock/us.meta.llama4-maverick-17b-instruct-v1:0", "bedrock:us.meta.llama4-maverick-17b-instruct-v1:0"),
        ("bedrock/arn:aws:bedrock:us-west-2:1:inference-profile/x", "bedrock:arn:aws:bedrock:us-west-2:1:inference-profile/x"),
        ("offline", "offline:offline"),
    ],
)  # fmt: skip
def test_with_two_keys_a_family_goes_to_its_own_provider(name: str | None, expected: str) -> None:
    assert served(A | OPENAI, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o", "gpt-4o"),
        ("claude-3-opus", BY_OPENAI[LARGE]),
        ("claude-sonnet-4", BY_OPENAI[MEDIUM]),
        ("claude-haiku-4-5", BY_OPENAI[SMALL]),
        ("anthropic/claude-opus-4-8", BY_OPENAI[LARGE]),
        ("meta-llama/llama-4-maverick", BY_OPENAI[MEDIUM]),
        ("gpt-4-turbo", BY_OPENAI[MEDIUM]),
        ("o1", BY_OPENAI[LARGE]),
        ("o3-mini", BY_OPENAI[MEDIUM]),
        ("gpt-4.1-nano", BY_OPENAI[SMALL]),
        ("gpt-3.5-turbo", BY_OPENAI[MEDIUM]),
    ],
)
@pytest.mark.parametrize("env", [OPENAI, OWN_HOST])
def test_with_openai_alone_its_models_stand_in(env: dict[str, str], name: str, expected: str) -> None:
    resolved = catalog(env).resolve(name)
    assert (resolved.provider, resolved.model) == ("openai", expected)
    assert resolved.substituted == (name != expected)
    if resolved.substituted:
        assert resolved.warning == f"{name} is served by {expected}; SILVERCUP_MODEL_ALIASES can name another model"


@pytest.mark.parametrize(
    "name", ["llama3.2", "gpt-4o", "claude-3.5-sonnet", "anthropic/claude-x", "meta-llama/llama-4"]
)
def test_a_server_of_ones_own_gets_every_name_as_it_is(name: str) -> None:
    resolved = catalog(OLLAMA).resolve(name)
    assert (resolved.provider, resolved.model, resolved.warning) == ("openai", name, None)
    assert served({}, name) == "offline:offline"
    by_setting = Catalog(Settings(model_base_url="http://vllm/v1"), {})
    assert by_setting.resolve(name).model == name


@pytest.mark.parametrize(
    ("name", "env", "expected"),
    [
        ("llama3.2", A | OLLAMA, "openai:llama3.2"),
        ("qwen3:8b", A | OLLAMA, "openai:qwen3:8b"),
        ("gpt-4o", A | OLLAMA, f"anthropic:{MEDIUM}"),
        ("gpt-4o", A | OLLAMA | OPENAI, "openai:gpt-4o"),
        ("claude-3.5-sonnet", A | OLLAMA, f"anthropic:{MEDIUM}"),
        ("gemini-2.5-pro", A | OLLAMA, f"anthropic:{MEDIUM}"),
        ("openai/gemini-2.5-pro", A | OLLAMA, "openai:gemini-2.5-pro"),
    ],
)
def test_a_server_of_ones_own_beside_anthropic(name: str, env: dict[str, str], expected: str) -> None:
    assert served(env, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o", BY_BEDROCK[MEDIUM]),
        ("claude-3-opus", BY_BEDROCK[LARGE]),
        ("claude-haiku-4-5", "global.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("amazon/nova-pro-v1", "amazon.nova-pro-v1:0"),
        ("us.anthropic.claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6"),
        ("mistral.mistral-large-3-675b-instruct", "mistral.mistral-large-3-675b-instruct"),
        ("openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1:0"),
        ("arn:aws:bedrock:us-west-2:123456789012:inference-profile/x", "arn:aws:bedrock:us-west-2:123456789012:inference-profile/x"),
    ],
)  # fmt: skip
def test_names_on_bedrock(name: str, expected: str) -> None:
    assert served({}, name, model="bedrock") == f"bedrock:{expected}"


@pytest.mark.parametrize(
    ("env", "model"),
    [(A, "auto"), (OPENAI, "auto"), (A | OPENAI, "auto"), ({}, "bedrock"), ({}, "openai"), ({}, "anthropic")],
)
def test_an_unknown_name_lists_what_there_is(env: dict[str, str], model: str) -> None:
    with pytest.raises(
        InvalidRequest, match=r"Model nonsense not available. Available models: \[.*'gpt-4o'.*'offline'"
    ):
        served(env, "nonsense", model=model)


def test_the_users_aliases_may_name_a_provider() -> None:
    own = catalog(A | OPENAI, aliases='{"fast": "openai/gpt-6-luna", "gpt-4o": "bedrock/amazon.nova-pro-v1:0"}')
    assert (own.resolve("fast").provider, own.resolve("fast").model) == ("openai", "gpt-6-luna")
    assert (own.resolve(None).provider, own.resolve(None).model) == ("bedrock", "amazon.nova-pro-v1:0")


def test_a_prefix_of_a_provider_that_is_not_there() -> None:
    assert served(A, "openai/gpt-4o-mini") == f"anthropic:{SMALL}"
    assert served({}, "openai/gpt-4o") == "offline:offline"
    assert served({}, "bedrock/amazon.nova-pro-v1:0") == "bedrock:amazon.nova-pro-v1:0"
    assert served(A, "bedrock/amazon.nova-pro-v1:0", model="offline") == "offline:offline"


@pytest.mark.parametrize(
    ("env", "name", "api_key", "expected"),
    [
        ({}, "gpt-4o", "sk-ant-own", f"anthropic:{MEDIUM}"),
        (OPENAI, "gpt-4o", "sk-ant-own", f"anthropic:{MEDIUM}"),
        (A, "gpt-4o", "sk-proj-own", "openai:gpt-4o"),
        (A, "gpt-4o", "sk-abcT3BlbkFJdef", "openai:gpt-4o"),
        (A, "claude-3-opus", "sk-proj-own", f"openai:{BY_OPENAI[LARGE]}"),
        ({}, "gpt-4o", "some-key", "openai:gpt-4o"),
        ({}, "claude-opus-5-5", "some-key", "anthropic:claude-opus-5-5"),
        ({}, "gemini-2.5-pro", "some-key", f"anthropic:{MEDIUM}"),
        (A, "gpt-4o", "some-key", f"anthropic:{MEDIUM}"),
        (A | OPENAI, "gpt-4o", "some-key", "openai:gpt-4o"),
        (A | OLLAMA, "llama3.2", "some-key", "openai:llama3.2"),
        ({}, "openai/gpt-4o", "some-key", "openai:gpt-4o"),
        ({}, "anthropic/claude-opus-5-5", "some-key", "anthropic:claude-opus-5-5"),
        ({}, "openai/gpt-4o", "sk-ant-own", f"anthropic:{MEDIUM}"),
        ({}, "offline", "sk-ant-own", "offline:offline"),
    ],
)
def test_a_callers_own_key(env: dict[str, str], name: str, api_key: str, expected: str) -> None:
    assert served(env, name, api_key=api_key) == expected


@pytest.mark.parametrize(
    ("model", "name", "api_key", "said"),
    [
        ("anthropic", "gpt-4o", "sk-proj-own", "one of openai's, but the model is served by anthropic"),
        ("openai", "gpt-4o", "sk-ant-own", "one of anthropic's, but the model is served by openai"),
        ("bedrock", "gpt-4o", "sk-ant-own", "Bedrock is asked with the server's own rights"),
        ("auto", "bedrock/amazon.nova-pro-v1:0", "sk-x", "Bedrock is asked with the server's own rights"),
    ],
)
def test_no_key_goes_to_another_provider(model: str, name: str, api_key: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as raised:
        served({}, name, model=model, api_key=api_key)
    assert api_key not in str(raised.value)


NAMES = st.one_of(
    st.sampled_from([*V1_NAMES, *(name for name, _ in ALIASES), "openai/x", "anthropic/claude-y", "llama3.2", "o9"]),
    st.text(max_size=12),
)


@given(
    NAMES,
    st.sampled_from([{}, A, OPENAI, A | OPENAI, OLLAMA, A | OLLAMA, A | OPENAI | OLLAMA]),
    st.sampled_from(["auto", "anthropic", "openai", "bedrock", "offline"]),
    st.sampled_from(["sk-ant-own", "sk-proj-own"]),
)
def test_a_known_key_never_leaves_for_another_provider(name: str, env: dict[str, str], model: str, key: str) -> None:
    try:
        resolved = catalog(env, model).resolve(name, api_key=key)
    except InvalidRequest:
        return
    assert resolved.provider in {"offline", "anthropic" if "ant" in key else "openai"}


@pytest.mark.parametrize(
    ("env", "model", "name", "expected"),
    [
        (A, "auto", "gpt-4o", ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")),
        (A, "auto", "claude-3-opus", ("ANTHROPIC_API_KEY",)),
        (OPENAI, "auto", "claude-3-opus", ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")),
        ({}, "auto", "gemini-2.5-pro", ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")),
        ({}, "openai", "claude-3-opus", ("OPENAI_API_KEY",)),
        ({}, "bedrock", "claude-3-opus", ()),
        (A, "auto", "bedrock/x", ()),
        (A, "auto", "offline", ()),
        (A, "offline", "gpt-4o", ()),
    ],
)
def test_which_of_a_developers_secrets_are_keys_of_a_model(
    env: dict[str, str], model: str, name: str, expected: tuple[str, ...]
) -> None:
    assert catalog(env, model).key_variables(name) == expected


def test_names_are_those_of_who_is_there() -> None:
    both = catalog(A | OPENAI).names()
    assert {"claude-sonnet-5-5", "gpt-6-luna", "gpt-4o", "offline"} <= set(both)
    assert "gpt-6-luna" not in catalog(A | OLLAMA).names()
    assert BY_BEDROCK[MEDIUM] in catalog({}, "bedrock").names()
    assert not {"claude-sonnet-5-5", "gpt-6-luna"} & set(catalog(A | OPENAI, "offline").names())
