"""Secrets sealed and opened by KMS, as moto has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.adapters.aws import Clients
from silvercup.adapters.kms import KEEP, KmsVault
from silvercup.errors import InternalError, TransientError
from silvercup.resources.secret_items import MAX_VALUE

CONTEXT = {"silvercup:tenant": "t", "silvercup:scope": "developer", "silvercup:secret": "A"}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """A client whose requests are counted by operation."""

    def __init__(self, client: Any) -> None:
        self.sent: list[str] = []
        self.client = client
        client.meta.events.register("before-call", self.count)

    def count(self, model: Any, **_: Any) -> None:
        self.sent.append(model.name)


@pytest.fixture
def kms(aws: Clients) -> Iterator[Counted]:
    counted = Counted(aws.get("kms"))
    yield counted
    counted.client.meta.events.unregister("before-call", counted.count)


@pytest.fixture
def key(aws: Clients) -> str:
    return str(aws.get("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.mark.parametrize("value", ["x", "ü😀 \n\t", "x" * MAX_VALUE, "ü" * (MAX_VALUE // 2)])
def test_what_was_sealed_is_opened(kms: Counted, key: str, value: str):
    sealed = KmsVault(lambda: kms.client, key).seal(value, CONTEXT)
    assert value.encode() not in sealed or len(value) == 1
    assert KmsVault(lambda: kms.client, key).open(sealed, CONTEXT) == value


@pytest.mark.parametrize("name", [*CONTEXT])
def test_with_another_context_it_is_not_opened(kms: Counted, key: str, name: str):
    vault = KmsVault(lambda: kms.client, key)
    sealed = vault.seal("planted-value", CONTEXT)
    assert vault.open(sealed, CONTEXT) == "planted-value"
    with pytest.raises(InternalError, match="InvalidCiphertext"):
        vault.open(sealed, {**CONTEXT, name: "x"})


def test_what_was_changed_is_not_opened(kms: Counted, key: str):
    vault = KmsVault(lambda: kms.client, key)
    sealed = vault.seal("planted-value", CONTEXT)
    with pytest.raises(InternalError):
        vault.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), CONTEXT)


@pytest.mark.parametrize("place", [0, 11, 40, -40, -1])
def test_no_byte_may_be_changed(kms: Counted, key: str, place: int):
    vault = KmsVault(lambda: kms.client, key)
    sealed = bytearray(vault.seal("planted-value", CONTEXT))
    sealed[place] ^= 1
    with pytest.raises(InternalError):
        vault.open(bytes(sealed), CONTEXT)


def test_each_value_has_a_key_and_a_nonce_of_its_own(kms: Counted, key: str):
    vault = KmsVault(lambda: kms.client, key)
    kms.sent.clear()
    assert vault.seal("planted-value", CONTEXT)[-40:] != vault.seal("planted-value", CONTEXT)[-40:]
    assert kms.sent == ["GenerateDataKey"] * 2


def test_what_kms_encrypted_itself_is_opened_too(kms: Counted, key: str):
    """As the version before sealed values."""
    sealed = kms.client.encrypt(KeyId=key, Plaintext=b"planted-value", EncryptionContext=CONTEXT)["CiphertextBlob"]
    assert KmsVault(lambda: kms.client, key).open(sealed, CONTEXT) == "planted-value"


def test_one_value_is_opened_once_a_minute(kms: Counted, key: str):
    clock = Clock()
    vault = KmsVault(lambda: kms.client, key, clock)
    sealed = vault.seal("planted-value", CONTEXT)
    kms.sent.clear()
    for later, calls in ((0, 1), (KEEP - 1, 1), (KEEP, 2), (KEEP + 1, 2)):
        clock.now = 1_000.0 + later
        assert vault.open(sealed, CONTEXT) == "planted-value"
        assert kms.sent == ["Decrypt"] * calls


def test_without_a_key_the_setting_is_named(kms: Counted):
    with pytest.raises(InternalError, match="SILVERCUP_SECRETS_KEY"):
        KmsVault(lambda: kms.client, "").seal("x", CONTEXT)


def test_trouble_that_passes_may_be_tried_again(key: str):
    nowhere = Clients(region="us-east-1", endpoint_url="http://127.0.0.1:9", attempts=1)
    with pytest.raises(TransientError):
        KmsVault(lambda: nowhere.get("kms"), key).seal("planted-value", CONTEXT)
