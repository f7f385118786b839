"""What makes a POST safe to repeat: the id of what it makes is chosen once and found again (RUNTIME.md 6)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from silvercup.errors import ConditionFailed, Conflict
from silvercup.ids import uuid7
from silvercup.storage import Item, Tables

RETRY_SECONDS = 300
"""How long a retry by the client itself (``x-stainless-retry-count``) finds its first attempt."""
KEY_SECONDS = 86_400
"""How long an ``Idempotency-Key`` is remembered."""
_TABLE = "core"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A POST as it came.

    Attributes:
        tenant: Whose.
        method: ``POST``.
        path: Without the ``/api`` prefix.
        body: Its bytes.
        key: The ``Idempotency-Key`` header, where there is one.
        retries: The ``x-stainless-retry-count`` header; 0 when absent.
    """

    tenant: str
    method: str
    path: str
    body: bytes
    key: str | None = None
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a POST makes its thing under.

    Attributes:
        id: The thing's id.
        repeated: Whether an earlier attempt may have made it already.
        once: What the reservation of the thing's name has to hold, so that a retry finds it there; empty: the claim was written.
        again: Whether this is a retry of a POST whose first attempt is found by that.
        unwritten: The claim itself, to be written before the thing is; None: it was.
    """

    id: str
    repeated: bool
    once: str = ""
    again: bool = False
    unwritten: Item | None = None


class IdempotencyService:
    """One claim is one request (two when a stale one stands in its place), or none: by a name, or later."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def claim(self, attempt: Attempt, *, by_name: bool = False, later: bool = False) -> Claim:
        """The id that belongs to a POST.

        Args:
            attempt: The POST.
            by_name: It makes what always reserves a name of its own: then that remembers the attempt, unless there is a key.
            later: The caller writes the claim, where nothing has to be looked up: see ``Claim.unwritten``.

        Raises:
            Conflict: The ``Idempotency-Key`` came before with another body.
        """
        body = hashlib.sha256(attempt.body).hexdigest()
        now = int(time.time())
        if attempt.key is not None:
            name = _hash("key", attempt.method, attempt.path, attempt.key)
            item = _item(attempt.tenant, name, body, now + KEY_SECONDS)
            return self._first_or_found(item, now, attempt.key)
        name = _hash("body", attempt.method, attempt.path, body)
        if by_name:
            return Claim(uuid7(), repeated=False, once=name, again=attempt.retries > 0)
        item = _item(attempt.tenant, name, body, now + RETRY_SECONDS)
        if attempt.retries > 0:
            return self._first_or_found(item, now, None)
        if later:
            return Claim(item["id"], repeated=False, unwritten=item)
        self._tables.put(_TABLE, item)
        return Claim(item["id"], repeated=False)

    def _first_or_found(self, item: Item, now: int, key: str | None) -> Claim:
        try:
            self._tables.put(_TABLE, item, if_absent=True)
        except ConditionFailed as failure:
            found = failure.found
        else:
            return Claim(item["id"], repeated=False)
        if found is None or found["expires"] <= now:
            self._tables.put(_TABLE, item)
            return Claim(item["id"], repeated=False)
        if found["id"] == item["id"]:
            return Claim(item["id"], repeated=False)
        if found["body"] != item["body"]:
            raise Conflict(
                f"The Idempotency-Key {(key or '')[:80]!r} was used before with another body; take a new key"
            )
        return Claim(found["id"], repeated=True)


def _item(tenant: str, name: str, body: str, expires: int) -> Item:
    return {"pk": f"{tenant}#once#{name}", "kind": "once", "id": uuid7(), "body": body, "expires": expires}


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
