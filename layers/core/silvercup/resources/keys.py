"""API keys: made, shown once, kept as a hash, looked up by one request.

A key's text is ``sc_<tenant, 32 hex digits>_<secret>``: it names its tenant, so that its item is found by key. The secret is 256 random
bits, for which a plain SHA-256 is a sound hash at rest.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from silvercup.errors import ConditionFailed, Forbidden, InvalidRequest, NotFound, SilvercupError, Unauthenticated
from silvercup.ids import is_uuid, now_us
from silvercup.listing import list_items
from silvercup.paging import Listed, ListQuery, index_attributes
from silvercup.settings import DEFAULT_TENANT, Settings
from silvercup.storage import Change, Item, Key, Tables
from silvercup.times import iso

CACHE_SECONDS = 60.0
"""How long a function trusts a key without looking; a revoked key works at most this much longer."""
USE_SECONDS = 3600
"""A key's last use is written at most this often."""
_CACHE_SIZE = 10_000
_TEXT = re.compile(r"sc_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_TABLE = "core"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What is known of a key; its text is not.

    Attributes:
        id: What ``revoke`` takes.
        tenant: Whose requests it signs.
        name: What its maker called it.
        created_at: ISO 8601, UTC.
        used_at: When it was last used, to the hour; None: never.
    """

    id: str
    tenant: str
    name: str
    created_at: str
    used_at: str | None = None


class SignedTokens(Protocol):
    """Tokens that sign in beside the keys."""

    def looks_like_one(self, text: str, /) -> bool:
        """Whether a text is one of them and no key."""
        ...

    def tenant_of(self, text: str, /) -> str:
        """The tenant that a token stands for.

        Raises:
            Unauthenticated: It has expired.
            Forbidden: It is not valid.
        """
        ...


class KeyService:
    """Keys of all tenants.

    Args:
        tables: Where they are kept.
        settings: The fixed key, and whether any key will do.
        tokens: What else signs in; None: nothing does.
    """

    def __init__(self, tables: Tables, settings: Settings, tokens: SignedTokens | None = None) -> None:
        self._tables = tables
        self._fixed = _hash(settings.api_key) if settings.api_key else None
        self._any = settings.allow_any_key
        self._tokens = tokens
        self._cache: dict[str, tuple[str, float]] = {}

    def create(self, tenant: str, name: str) -> tuple[KeyInfo, str]:
        """Make a key for a tenant (which exists by having one).

        Returns:
            What is known of it, and its text, which can't be had again.

        Raises:
            InvalidRequest: The tenant is no UUID, or the name is empty or over 255 characters.
        """
        if not is_uuid(tenant):
            raise InvalidRequest(f"A tenant is a lower-case UUID; {tenant[:40]!r} is not")
        if not 1 <= len(name) <= 255:
            raise InvalidRequest(f"A key's name has 1 to 255 characters; this one has {len(name)}")
        text = f"sc_{tenant.replace('-', '')}_{secrets.token_urlsafe(32)}"
        hashed = _hash(text)
        key_id = _key_id(hashed)
        now = now_us()
        item: Item = {
            "pk": _pk(tenant, key_id),
            "kind": "key",
            "id": key_id,
            "name": name,
            "hash": hashed,
            "created_at": now,
            "used_at": 0,
        }
        self._tables.put(_TABLE, item | index_attributes(f"{tenant}#key", key_id, now, now))
        return _info(tenant, item), text

    def list(self, tenant: str, query: ListQuery | None = None) -> Listed[KeyInfo]:
        """A tenant's keys, newest first."""
        listed = list_items(self._tables, _TABLE, f"{tenant}#key", query or ListQuery())
        return listed.map(lambda item: _info(tenant, item))

    def revoke(self, tenant: str, key_id: str) -> None:
        """Take a key away; other functions may accept it for ``CACHE_SECONDS`` more.

        Raises:
            NotFound: The tenant has no such key.
        """
        key = Key(_TABLE, _pk(tenant, key_id))
        if self._tables.get(key) is None:
            raise NotFound(f"Key {key_id[:40]!r} not found")
        self._tables.delete(key)
        self._cache.clear()

    def tenant_of(self, text: str) -> str:
        """The tenant that a key signs for.

        Raises:
            Unauthenticated: The text is empty, or a token that has expired.
            Forbidden: It is not one of ours, or was revoked.
        """
        if not text:
            raise Unauthenticated("The API key is missing: send the header 'Authorization: Bearer <key>'")
        hashed = _hash(text)
        if self._fixed is not None and hmac.compare_digest(hashed, self._fixed):
            return DEFAULT_TENANT
        if match := _TEXT.fullmatch(text):
            return self._stored(match[1], hashed)
        if self._tokens is not None and self._tokens.looks_like_one(text):
            return self._tokens.tenant_of(text)
        if self._any:
            return DEFAULT_TENANT
        raise Forbidden("Could not validate the API key")

    def _stored(self, tenant_hex: str, hashed: str) -> str:
        now = time.monotonic()
        tenant, until = self._cache.get(hashed, ("", 0.0))
        if now < until:
            return tenant
        h = tenant_hex
        tenant = f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        item = self._tables.get(Key(_TABLE, _pk(tenant, _key_id(hashed))))
        if item is None or not hmac.compare_digest(hashed, str(item["hash"])):
            self._cache.pop(hashed, None)
            raise Forbidden("Could not validate the API key: it is unknown or was revoked")
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[hashed] = (tenant, now + CACHE_SECONDS)
        self._note_use(item)
        return tenant

    def _note_use(self, item: Item) -> None:
        """Write down that a key is used; a request is not refused because that fails."""
        now, seen = now_us(), item.get("used_at", 0)
        if now - seen < USE_SECONDS * 1_000_000:
            return
        change = Change(set={"used_at": now}, condition="#used_at = :seen", args={"seen": seen})
        try:
            with suppress(ConditionFailed):
                self._tables.update(Key(_TABLE, item["pk"]), change)
        except SilvercupError:
            logger.warning("The last use of a key could not be written")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key_id(hashed: str) -> str:
    return hashed[:24]


def _pk(tenant: str, key_id: str) -> str:
    return f"{tenant}#key#{key_id}"


def _info(tenant: str, item: Item) -> KeyInfo:
    used_at = item.get("used_at")
    return KeyInfo(item["id"], tenant, item["name"], iso(item["created_at"]), iso(used_at) if used_at else None)
