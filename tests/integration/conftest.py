"""AWS for integration tests: one moto server for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from silvercup.adapters.aws import Clients
from tests.support.moto_aws import clients_of, make_bucket, make_tables, moto_server


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
