"""Secrets through a whole stack: as keys of models' providers in chats and prompt steps, and gone with their agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from local.stack import Stack
from tests.support.local import Runs
from tests.support.provider import FakeProvider
from tests.support.runs import Api, wait_until

KEY = "sk-ant-developers"


def chat(api: Api, session: str, text: str, **more: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": text}], **more}
    return api.call("POST", f"/sessions/{session}/chat", body)


def keys_used(provider: FakeProvider) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in provider.requests]


def usage(api: Api) -> dict[str, Any]:
    return api.call("GET", "/usage")["totals"]


@pytest.fixture
def session(api: Api) -> Iterator[str]:
    yield api.call("POST", "/sessions", {"agent": api.agent()})["id"]
    for secret in api.call("GET", "/secrets"):
        api.call("DELETE", f"/secrets/{secret['id']}")


def test_a_secret_of_the_providers_name_is_the_key_of_a_chat(api: Api, session: str, provider: FakeProvider):
    provider.clear()
    before = usage(api)["own_key_calls"]
    chat(api, session, "one")
    secret = api.call("POST", "/secrets", {"name": "ANTHROPIC_API_KEY", "value": KEY})["id"]
    chat(api, session, "two")
    own = {"authorization": "Bearer any", "x-custom-api-key": "sk-ant-callers"}
    body = {"messages": [{"role": "user", "content": "three"}]}
    assert api.http.post(f"/sessions/{session}/chat", json=body, headers=own).status_code == 201
    assert keys_used(provider) == ["planted-key", KEY, "sk-ant-callers"]
    assert usage(api)["own_key_calls"] == before + 2
    api.call("DELETE", f"/secrets/{secret}")
    chat(api, session, "four")
    assert keys_used(provider)[-1] == "planted-key"


def test_a_secret_costs_a_chat_no_request_to_dynamodb_and_one_to_kms_a_minute(api: Api, session: str, stack: Stack):
    clients = [stack.container.clients.get(name) for name in ("dynamodb", "kms")]
    sent: list[str] = []

    def note(model: Any, **_: Any) -> None:
        sent.append(model.name)

    def requests_of_a_chat() -> Counter[str]:
        sent.clear()
        chat(api, session, "hello")
        return Counter(sent)

    for client in clients:
        client.meta.events.register("before-call", note)
    try:
        requests_of_a_chat()
        without = requests_of_a_chat()
        api.call("POST", "/secrets", {"name": "ANTHROPIC_API_KEY", "value": f"{KEY}-counted"})
        first, second = requests_of_a_chat(), requests_of_a_chat()
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", note)
    assert first == without + Counter({"Decrypt": 1})
    assert second == without


def test_an_agents_key_is_that_agents_alone(api: Api, session: str, provider: FakeProvider):
    provider.clear()
    agent = api.agent()
    api.call("POST", f"/agents/{agent}/secrets", {"name": "ANTHROPIC_API_KEY", "value": "sk-ant-agents"})
    chat(api, api.call("POST", "/sessions", {"agent": agent})["id"], "one")
    chat(api, session, "two")
    assert keys_used(provider) == ["sk-ant-agents", "planted-key"]


def test_it_is_the_key_of_prompt_steps_too(api: Api, session: str, stack: Stack, provider: FakeProvider):
    provider.clear()
    runs = Runs(api, stack)
    before = usage(api)["own_key_calls"]
    api.call("POST", "/secrets", {"name": "ANTHROPIC_API_KEY", "value": KEY})
    runs.until(runs.start({"prompt": "one", "unwrap": True}), "succeeded")
    assert keys_used(provider) == [KEY]
    assert usage(api)["own_key_calls"] == before + 1


def test_a_secret_that_is_no_key_is_told(api: Api, session: str, provider: FakeProvider):
    api.call("POST", "/secrets", {"name": "ANTHROPIC_API_KEY", "value": "planted two words"})
    body = {"messages": [{"role": "user", "content": "hello"}]}
    answer = api.http.post(f"/sessions/{session}/chat", json=body)
    assert answer.status_code == 400
    assert "The secret ANTHROPIC_API_KEY is no API key" in answer.json()["error"]["message"]
    assert "two words" not in answer.text


def test_the_secrets_of_a_deleted_agent_go_with_it(api: Api, stack: Stack):
    agent, kept = api.agent(), api.agent()
    for one in (agent, kept):
        api.call("POST", f"/agents/{one}/secrets", {"name": "A", "value": "x"})
    api.call("DELETE", f"/agents/{agent}")
    kinds = {"secret", "secret_id"}

    def gone() -> bool:
        left = stack.aws.client("dynamodb").scan(TableName=stack.container.settings.core_table)["Items"]
        return not [item for item in left if item["kind"]["S"] in kinds and agent in repr(item)]

    wait_until(gone, "the secrets of the agent")
    assert len(api.call("GET", f"/agents/{kept}/secrets")["items"]) == 1
