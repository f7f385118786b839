"""Signing keys over a real client and moto's Secrets Manager."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import uuid4

import pytest

from silvercup.adapters.aws import Clients, Refused
from silvercup.adapters.secrets import KEEP, LOOK_AGAIN, SigningKeys
from silvercup.errors import InternalError, TransientError
from tests.support.moto_aws import make_signing_secret


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def name(aws: Clients) -> str:
    name = f"signing-{uuid4()}"
    make_signing_secret(aws, name, {"current": "k1", "k1": "gehëim"})
    return name


def rotate(aws: Clients, name: str, value: object) -> None:
    aws.get("secretsmanager").put_secret_value(SecretId=name, SecretString=json.dumps(value))


def test_the_current_key_signs_and_older_ones_are_still_known(aws: Clients, name: str):
    keys = SigningKeys(aws.get("secretsmanager"), name)
    assert keys.current() == ("k1", "gehëim".encode())
    assert keys.get("k1") == "gehëim".encode()
    assert keys.get("k0") is None
    assert keys.get("current") is None


def test_a_rotation_is_seen_after_five_minutes(aws: Clients, name: str):
    clock = Clock()
    keys = SigningKeys(aws.get("secretsmanager"), name, clock)
    keys.current()
    rotate(aws, name, {"current": "k2", "k1": "gehëim", "k2": "new"})
    clock.now += KEEP - 1
    assert keys.current()[0] == "k1"
    clock.now += 1
    assert keys.current() == ("k2", b"new")
    assert keys.get("k1") == "gehëim".encode()


def test_a_key_that_another_instance_made_is_found_soon(aws: Clients, name: str):
    clock = Clock()
    keys = SigningKeys(aws.get("secretsmanager"), name, clock)
    keys.current()
    rotate(aws, name, {"current": "k2", "k2": "new"})
    clock.now += LOOK_AGAIN - 1
    assert keys.get("k2") is None
    clock.now += 1
    assert keys.get("k2") == b"new"


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        {},
        {"current": "k1"},
        {"current": "k2", "k1": "x"},
        {"current": "k1", "k1": ""},
        {"current": 1, "k1": "x"},
    ],
)
def test_a_secret_of_another_form_is_named_and_not_shown(aws: Clients, name: str, value: object):
    rotate(aws, name, value)
    with pytest.raises(InternalError, match=f"'{name}' must be a JSON object"):
        SigningKeys(aws.get("secretsmanager"), name).current()


def test_a_secret_that_is_not_there_or_not_named(aws: Clients):
    with pytest.raises(Refused, match="get_secret_value failed with ResourceNotFoundException"):
        SigningKeys(aws.get("secretsmanager"), "none").current()
    with pytest.raises(InternalError, match="SILVERCUP_TOKEN_SECRET is not set"):
        SigningKeys(aws.get("secretsmanager"), "").current()


def test_known_keys_serve_on_while_the_service_is_down(aws: Clients, name: str):
    clock = Clock()
    client = aws.get("secretsmanager")
    keys = SigningKeys(client, name, clock)
    keys.current()
    down = Clients(region="us-east-1", endpoint_url="http://127.0.0.1:9", attempts=1).get("secretsmanager")
    keys._client = down
    clock.now += KEEP
    assert keys.current()[0] == "k1"
    with pytest.raises(TransientError):
        SigningKeys(down, name).current()
