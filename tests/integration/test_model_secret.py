"""The provider's API key from Secrets Manager, as ``ModelSecretArn`` of the template sets it up."""

from __future__ import annotations

import os

import pytest

from silvercup.adapters.aws import Clients
from silvercup.container import Container
from silvercup.errors import InternalError
from silvercup.settings import Settings
from tests.support.openai_wire import FakeOpenAI
from tests.support.provider import FakeProvider

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")


def settings(url: str, secret: str) -> Settings:
    return Settings(endpoint_url=url, model="anthropic", model_secret=secret)


def test_the_key_of_the_secret_signs_the_calls(aws: Clients, aws_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.get("secretsmanager").create_secret(Name="model-key", SecretString=" planted in the secret\n")
    with FakeProvider() as provider:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
        answer = Container(settings(aws_url, "model-key")).models.complete(MESSAGES)
        headers = {name.lower(): value for name, value in provider.requests[0].headers.items()}
    assert answer["choices"][0]["message"]["content"] == "Echo: hello"
    assert headers["authorization"] == "Bearer planted in the secret"


def test_a_key_in_the_environment_wins(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from the environment")
    with FakeProvider() as provider:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
        Container(settings(aws_url, "there is none")).models.complete(MESSAGES)
    assert os.environ["ANTHROPIC_API_KEY"] == "from the environment"


def test_a_secret_that_is_not_there_is_said(aws_url: str) -> None:
    with pytest.raises(InternalError, match="get_secret_value"):
        Container(settings(aws_url, "there is none")).models.complete(MESSAGES)


def test_a_secret_may_hold_the_key_of_openai(aws: Clients, aws_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    aws.get("secretsmanager").create_secret(Name="openai-key", SecretString="sk-proj-planted")
    with FakeOpenAI() as provider:
        chosen = Settings(
            endpoint_url=aws_url, model="openai", model_secret="openai-key", model_base_url=provider.openai_url
        )
        models = Container(chosen).models
        assert models.complete(MESSAGES)["choices"][0]["message"]["content"] == "Echo: hello"
        models._made["openai"].close()  # pyright: ignore[reportAttributeAccessIssue]
        assert provider.requests[0].headers["authorization"] == "Bearer sk-proj-planted"
