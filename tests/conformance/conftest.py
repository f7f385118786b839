"""One stack for all cases, and the official client on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from julep import DefaultHttpxClient, Julep
from julep.types import Agent

from silvercup.settings import DEFAULT_TENANT
from tests.conformance.stack import Running, deployed, local
from tests.support.secrets import found_in, in_files

PLANTED = "planted-value"
"""What every secret's value begins with."""


@pytest.fixture(scope="session")
def answered() -> list[str]:
    """What the stack has answered to the clients of this file."""
    return []


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, answered: list[str]) -> Iterator[Running]:
    """The stack; when all cases have run, nothing that it stored, printed or answered holds the value of a secret."""
    there = deployed()
    if there:
        yield there
        return
    state, printed = tmp_path_factory.mktemp("state"), list[str]()
    with local(state, printed) as running:
        yield running
    stored = in_files(state)
    assert DEFAULT_TENANT in stored, "the search sees what is stored"
    for what, text in (("stored", stored), ("printed", "".join(printed)), ("answered", "\n".join(answered))):
        assert not found_in(text, [PLANTED]), f"a secret's value was {what}"


@pytest.fixture(scope="session")
def client(stack: Running, answered: list[str]) -> Iterator[Julep]:
    """The official client, which refuses every answer that its types don't describe."""
    with (
        DefaultHttpxClient(event_hooks=_keeping(answered)) as http,
        Julep(api_key=stack.key, base_url=stack.url, http_client=http, _strict_response_validation=True) as made,
    ):
        yield made


def _keeping(answered: list[str]) -> dict[str, list[Callable[[httpx.Response], None]]]:
    """Hooks that keep all answers but streams."""

    def keep(response: httpx.Response) -> None:
        if "event-stream" not in response.headers.get("content-type", ""):
            answered.append(response.read().decode("utf-8", "replace"))

    return {"response": [keep]}


@pytest.fixture(scope="session")
def lenient(stack: Running) -> Iterator[Julep]:
    """The official client as users make it: strict validation can't read ``transitions.stream``, which it types as JSON."""
    with Julep(api_key=stack.key, base_url=stack.url) as made:
        yield made


@pytest.fixture
def other(stack: Running) -> Iterator[Julep]:
    """Another developer."""
    if stack.other_key is None:
        pytest.skip("SILVERCUP_E2E_OTHER_KEY is not set")
    with Julep(api_key=stack.other_key, base_url=stack.url, _strict_response_validation=True) as made:
        yield made


@pytest.fixture(scope="session")
def raw(stack: Running, answered: list[str]) -> Iterator[httpx.Client]:
    """Plain requests with the key, for what the client has no words for."""
    headers = {"authorization": f"Bearer {stack.key}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=30, event_hooks=_keeping(answered)) as made:
        yield made


@pytest.fixture(scope="module")
def agent(client: Julep) -> Iterator[Agent]:
    made = client.agents.create(name="Conformance")
    yield made
    client.agents.delete(made.id)
