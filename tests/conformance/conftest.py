"""One stack for all cases, and the official client on it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from julep import Julep
from julep.types import Agent

from tests.conformance.stack import Running, deployed, local


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    there = deployed()
    if there:
        yield there
        return
    with local(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="session")
def client(stack: Running) -> Iterator[Julep]:
    """The official client, which refuses every answer that its types don't describe."""
    with Julep(api_key=stack.key, base_url=stack.url, _strict_response_validation=True) as made:
        yield made


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
def raw(stack: Running) -> Iterator[httpx.Client]:
    """Plain requests with the key, for what the client has no words for."""
    headers = {"authorization": f"Bearer {stack.key}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as made:
        yield made


@pytest.fixture(scope="module")
def agent(client: Julep) -> Iterator[Agent]:
    made = client.agents.create(name="Conformance")
    yield made
    client.agents.delete(made.id)
