"""Our task tokens: who may answer one wait of one execution, signed by the stack."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Protocol

from silvercup import values
from silvercup.errors import Forbidden
from silvercup.executions.keys import ExecutionRef


class SigningKeys(Protocol):
    """The stack's secret keys, by id; more than one while they rotate."""

    def current(self) -> tuple[str, bytes]:
        """The id and bytes of the key that signs."""
        ...

    def get(self, key_id: str) -> bytes | None:
        """A key by id, or None when it is not (or no longer) one of ours."""
        ...


class TaskTokens:
    """Makes and checks task tokens; the same wait has the same token until the key rotates."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def make(self, ref: ExecutionRef, record_hash: str) -> str:
        """The token that answers the wait whose record has this hash."""
        key_id, key = self._keys.current()
        payload = _encode(values.dumps([ref.tenant, ref.id, record_hash, key_id]).encode())
        return f"{payload}.{_encode(_sign(key, payload))}"

    def open(self, token: str) -> tuple[ExecutionRef, str]:
        """The execution and the record hash that a token stands for.

        Raises:
            Forbidden: It was not made by this stack, or is cut or changed.
        """
        payload, _, signature = token.partition(".")
        try:
            tenant, execution_id, record_hash, key_id = values.loads(_decode(payload))
            key = self._keys.get(str(key_id))
            given = _decode(signature)
        except (ValueError, TypeError, binascii.Error):
            key, given, tenant, execution_id, record_hash = None, b"", "", "", ""
        if key is None or not hmac.compare_digest(_sign(key, payload), given):
            raise Forbidden("The task token is not valid; take it from 'waits' of the execution, whole")
        return ExecutionRef(tenant, execution_id), record_hash


def _sign(key: bytes, payload: str) -> bytes:
    return hmac.new(key, payload.encode(), hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
