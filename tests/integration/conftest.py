"""What integration tests share: one moto server, one OpenSearch node."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from local.stack import Stack
from silvercup.adapters.aws import Clients
from tests.support.local import running
from tests.support.moto_aws import clients_of, make_bucket, make_tables, moto_server
from tests.support.opensearch_node import missing, running_node
from tests.support.opensearch_rules import Server, serverless
from tests.support.provider import FakeProvider
from tests.support.runs import Api


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def aws(aws_url: str) -> Clients:
    """Clients of a server that has the tables and the bucket; tests share them, so each takes keys of its own."""
    clients = clients_of(aws_url)
    make_tables(clients)
    make_bucket(clients)
    return clients


@pytest.fixture(scope="session")
def opensearch_node() -> Iterator[str]:
    """The address of a real OpenSearch node; tests share it, so each takes names of its own."""
    if reason := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with running_node() as url:
        yield url


@pytest.fixture(scope="session")
def opensearch_collection(opensearch_node: str) -> Iterator[Server]:
    """A serverless collection over that node, as far as it can be had here."""
    with serverless(opensearch_node) as server:
        yield server


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    """The model provider of ``stack``."""
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def stack(provider: FakeProvider) -> Iterator[Stack]:
    """A whole stack in this process."""
    with running(provider) as started:
        yield started


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[Api]:
    """The API of ``stack``."""
    made = Api(stack.url)
    yield made
    made.close()
