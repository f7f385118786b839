"""The keys that sign task tokens, from AWS Secrets Manager.

The secret is a JSON object: ``{"current": "k1", "k1": "<text>"}``. To rotate, add ``k2`` and let ``current`` name it; tokens
that ``k1`` signed stay good as long as ``k1`` is there.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from silvercup.adapters.aws import call
from silvercup.errors import InternalError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEEP = 300.0
"""Seconds that keys are kept before they are read again."""
LOOK_AGAIN = 10.0
"""Seconds after which an unknown key makes them be read again: another instance may have seen a rotation first."""


class SigningKeys:
    """The signing keys, kept for five minutes; while the service is down the known ones go on serving."""

    def __init__(
        self, client: SecretsManagerClient, secret_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take a client and the secret's name or ARN; ``clock`` tells seconds."""
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, bytes] = {}
        self._current = ""
        self._read_at: float | None = None

    def current(self) -> tuple[str, bytes]:
        """The id and the bytes of the key that signs new tokens.

        Raises:
            TransientError: The keys have never been read and the service does not answer.
            InternalError: There is no such secret, or it has another form.
        """
        with self._lock:
            self._refresh(KEEP)
            return self._current, self._keys[self._current]

    def get(self, key_id: str) -> bytes | None:
        """The bytes of the key of this id, or None when there is no such key; errors as in ``current``."""
        with self._lock:
            self._refresh(KEEP)
            if key_id not in self._keys:
                self._refresh(LOOK_AGAIN)
            return self._keys.get(key_id)

    def _refresh(self, keep: float) -> None:
        now = self._clock()
        if self._read_at is not None and now - self._read_at < keep:
            return
        try:
            self._current, self._keys = self._read()
        except TransientError:
            if self._read_at is None:
                raise
        self._read_at = now

    def _read(self) -> tuple[str, Mapping[str, bytes]]:
        if not self._secret_id:
            raise InternalError("SILVERCUP_TOKEN_SECRET is not set; it must name the secret that signs task tokens")
        text = call(self._client.get_secret_value, SecretId=self._secret_id).get("SecretString", "")
        try:
            secret = json.loads(text)
        except ValueError:
            secret = None
        if isinstance(secret, dict):
            entries = cast("dict[str, Any]", secret)
            keys = {name: key.encode() for name, key in entries.items() if name != "current" and isinstance(key, str)}
            current = entries.get("current")
            if isinstance(current, str) and keys.get(current):
                return current, keys
        raise InternalError(
            f"The secret {self._secret_id!r} must be a JSON object like "
            '{"current": "k1", "k1": "a long random text"}, in which "current" names one of its keys'
        )


def read_text(client: SecretsManagerClient, secret_id: str) -> str:
    """The text of a secret, without blanks around it.

    Raises:
        TransientError: The service does not answer.
        InternalError: There is no such secret, or it has no text.
    """
    text = call(client.get_secret_value, SecretId=secret_id).get("SecretString", "").strip()
    if not text:
        raise InternalError(f"The secret {secret_id!r} has no text")
    return text
