"""Secrets in envelopes: each value is encrypted with a key of its own (AES-256-GCM), which AWS KMS gives and encrypts, one call each.

The tenant and the name are the encryption context of the key in KMS and the associated data of the value, so that neither is opened under another. Of a sealed
value only the key's ciphertext, the nonce and the value's ciphertext are kept. What was opened is kept in memory for a minute, so that the calls of one conversation cost one Decrypt for each secret.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from silvercup.adapters.aws import Refused, call
from silvercup.errors import InternalError, TransientError
from silvercup.values import dumps

KEEP = 60.0
"""Seconds that an opened value is kept."""
_KEPT = 1_000
_ENVELOPE = b"envelope1:"
"""What a sealed value begins with; a ciphertext of KMS never does."""
_NONCE = 12
_PASSING = frozenset({"KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"})

type _Name = tuple[bytes, tuple[tuple[str, str], ...]]


class KmsVault:
    """``Vault`` over one symmetric KMS key. The context is bound to what is sealed: with another one it can't be opened.

    What the version before sealed with ``Encrypt`` alone is opened as well.

    Args:
        client: Gives a KMS client; asked when a value is sealed or opened first.
        key_id: The key's id or ARN.
        clock: Tells seconds.
    """

    def __init__(self, client: Callable[[], Any], key_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._key_id = key_id
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: dict[_Name, tuple[str, float]] = {}

    def seal(self, value: str, context: Mapping[str, str]) -> bytes:
        """Encrypt a value.

        Args:
            value: At most 4,096 bytes of UTF-8, not empty.
            context: What has to be known to open it; KMS logs it in plain text.

        Raises:
            TransientError: KMS is throttled or does not answer.
            InternalError: There is no key, or it can't be used.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        given = _called(
            self._client().generate_data_key, KeyId=self._key(), KeySpec="AES_256", EncryptionContext=dict(context)
        )
        key, nonce = bytes(given["CiphertextBlob"]), os.urandom(_NONCE)
        text = AESGCM(bytes(given["Plaintext"])).encrypt(nonce, value.encode(), _bound(context))
        return _ENVELOPE + len(key).to_bytes(2) + key + nonce + text

    def open(self, sealed: bytes, context: Mapping[str, str]) -> str:
        """Decrypt a value; errors as ``seal``."""
        name = (sealed, tuple(sorted(context.items())))
        now = self._clock()
        with self._lock:
            value, until = self._opened.get(name, ("", now))
        if now < until:
            return value
        value = self._read(sealed, context)
        with self._lock:
            if len(self._opened) >= _KEPT:
                self._opened.clear()
            self._opened = {known: one for known, one in self._opened.items() if now < one[1]}
            self._opened[name] = (value, now + KEEP)
        return value

    def _read(self, sealed: bytes, context: Mapping[str, str]) -> str:
        if not sealed.startswith(_ENVELOPE):
            return self._decrypted(sealed, context).decode()
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        start = len(_ENVELOPE) + 2
        end = start + int.from_bytes(sealed[start - 2 : start])
        key = self._decrypted(sealed[start:end], context)
        nonce, text = sealed[end : end + _NONCE], sealed[end + _NONCE :]
        try:
            return AESGCM(key).decrypt(nonce, text, _bound(context)).decode()
        except (InvalidTag, ValueError):
            raise InternalError(
                "A secret can't be opened: it was changed where it is stored (InvalidCiphertext)"
            ) from None

    def _decrypted(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        answer = _called(
            self._client().decrypt, KeyId=self._key(), CiphertextBlob=ciphertext, EncryptionContext=dict(context)
        )
        return bytes(answer["Plaintext"])

    def _key(self) -> str:
        if not self._key_id:
            raise InternalError("SILVERCUP_SECRETS_KEY is not set; it must name the KMS key that encrypts secrets")
        return self._key_id


def _bound(context: Mapping[str, str]) -> bytes:
    """The context as the associated data of a cipher."""
    return dumps(sorted(context.items())).encode()


def _called(method: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return call(method, **arguments)
    except Refused as refused:
        if refused.aws_code in _PASSING:
            raise TransientError(f"{refused.message}; it may work later") from refused
        raise
