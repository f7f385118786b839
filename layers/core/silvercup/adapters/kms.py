"""Secrets sealed and opened by AWS KMS, each with one call: the key never leaves KMS, and no cipher of our own is at work.

What was opened is kept in memory for a minute, so that the calls of one conversation cost one Decrypt for each secret.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from silvercup.adapters.aws import Refused, call
from silvercup.errors import InternalError, TransientError

KEEP = 60.0
"""Seconds that an opened value is kept."""
_KEPT = 1_000
_PASSING = frozenset({"KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"})

type _Name = tuple[bytes, tuple[tuple[str, str], ...]]


class KmsVault:
    """``Vault`` over one symmetric KMS key. The context is bound to what is sealed: with another one it can't be opened.

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
        answer = _called(
            self._client().encrypt, KeyId=self._key(), Plaintext=value.encode(), EncryptionContext=dict(context)
        )
        return bytes(answer["CiphertextBlob"])

    def open(self, sealed: bytes, context: Mapping[str, str]) -> str:
        """Decrypt a value; errors as ``seal``."""
        name = (sealed, tuple(sorted(context.items())))
        now = self._clock()
        with self._lock:
            value, until = self._opened.get(name, ("", now))
        if now < until:
            return value
        answer = _called(
            self._client().decrypt, KeyId=self._key(), CiphertextBlob=sealed, EncryptionContext=dict(context)
        )
        value = bytes(answer["Plaintext"]).decode()
        with self._lock:
            if len(self._opened) >= _KEPT:
                self._opened.clear()
            self._opened = {known: one for known, one in self._opened.items() if now < one[1]}
            self._opened[name] = (value, now + KEEP)
        return value

    def _key(self) -> str:
        if not self._key_id:
            raise InternalError("SILVERCUP_SECRETS_KEY is not set; it must name the KMS key that encrypts secrets")
        return self._key_id


def _called(method: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return call(method, **arguments)
    except Refused as refused:
        if refused.aws_code in _PASSING:
            raise TransientError(f"{refused.message}; it may work later") from refused
        raise
