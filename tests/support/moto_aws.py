"""A moto server of this process, and the tables of ``template.yaml`` in it."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from moto.core.config import default_user_config
from moto.server import ThreadedMotoServer

from silvercup.adapters.aws import Clients

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machines"
STEPS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:steps"
TABLES = {"core": "silvercup-core", "runs": "silvercup-runs"}
BUCKET = "silvercup-data"
INDEXES: dict[str, list[tuple[str, str, str, Literal["S", "N"]]]] = {
    "core": [
        ("by_created", "ix", "created", "S"),
        ("by_updated", "ix", "updated", "S"),
        ("by_tenant", "all", "created", "S"),
        ("by_state", "state", "created", "S"),
        ("sweep", "sweep", "sweep_at", "N"),
        ("usage", "spent", "spent_at", "S"),
    ],
    "runs": [
        ("by_run", "run", "t", "N"),
        ("sweep", "sweep", "sweep_at", "N"),
        ("inbox", "inbox", "inbox_at", "S"),
        ("usage", "spent", "spent_at", "S"),
    ],
}


@contextmanager
def moto_server() -> Generator[str]:
    """Its address, on loopback, until the block ends; one at a time."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        os.environ["MOTO_PORT"] = str(port)  # where its state machines look for the other services
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def clients_of(url: str) -> Clients:
    return Clients(region=REGION, endpoint_url=url)


def make_tables(clients: Clients) -> None:
    """The tables ``core`` and ``runs``, empty."""
    client = clients.get("dynamodb")
    for logical, indexes in INDEXES.items():
        types: dict[str, Literal["S", "N"]] = {"pk": "S"}
        for _, hash_name, range_name, kind in indexes:
            types |= {hash_name: "S", range_name: kind}
        client.create_table(
            TableName=TABLES[logical],
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index,
                    "KeySchema": [
                        {"AttributeName": hash_name, "KeyType": "HASH"},
                        {"AttributeName": range_name, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, hash_name, range_name, _ in indexes
            ],
        )


def make_bucket(clients: Clients) -> None:
    clients.get("s3").create_bucket(Bucket=BUCKET)


def make_signing_secret(clients: Clients, name: str, keys: dict[str, str]) -> None:
    clients.get("secretsmanager").create_secret(Name=name, SecretString=json.dumps(keys))
