"""Secrets: made, listed, changed and taken away; their values go in and never come out here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from silvercup.deletions import deleted
from silvercup.errors import ConditionFailed, Conflict, NotFound
from silvercup.ids import now_us
from silvercup.listing import list_items
from silvercup.paging import Listed, ListQuery
from silvercup.resources.entities import ATTEMPTS, Entities, EntityKind, given
from silvercup.resources.idempotency import RETRY_SECONDS, Claim
from silvercup.resources.secret_items import TABLE, Scope, Vault, check_value, pointer_key, secret_item, shown
from silvercup.resources.secret_moves import Moves
from silvercup.storage import Item, Tables
from silvercup.values import JsonObject, loads

_AGENT = EntityKind("agent", 0)


class SecretService:
    """Secrets of all tenants, and of their agents: with an ``agent_id`` a method is about that agent's, without about the developer's.

    Fields that a caller may set: ``name``, ``value``, ``description``, ``metadata``; their shapes are checked by ``http``. What is stored
    of a value is what the vault makes of it, and nothing else: no hash either, for a short value could be guessed by it.

    Args:
        tables: Where secrets are kept.
        vault: Gives what seals values.
    """

    def __init__(self, tables: Tables, vault: Callable[[], Vault]) -> None:
        self._tables = tables
        self._vault = vault
        self._agents = Entities(tables, _AGENT)
        self._moves = Moves(tables)

    def create(self, tenant: str, fields: JsonObject, *, claimed: Claim, agent_id: str | None = None) -> JsonObject:
        """Make a secret. A POST that comes again is told by what it would make.

        Raises:
            NotFound: There is no such agent.
            Conflict: Another secret of the same owner has the name, or the ``Idempotency-Key`` came before with another body.
            InvalidRequest, TooLarge: The value is empty or over ``MAX_VALUE``, or the rest is too large.
        """
        scope = self._scope(tenant, agent_id)
        value: str = fields["value"]
        check_value(value)
        body: JsonObject = {
            "id": claimed.id,
            "name": fields["name"],
            "description": fields.get("description"),
            "metadata": fields.get("metadata") or {},
            **({} if agent_id is None else {"agent_id": agent_id}),
        }
        now = now_us()
        item = secret_item(scope, body, self._vault().seal(value, scope.context(body["name"])), now, now)
        if (first := self._begin(scope, item, value)) is not None:
            return first
        try:
            self._tables.put(TABLE, item, if_absent=True)
        except ConditionFailed as failure:
            found = dict(failure.found or {})
            if found.get("id") == claimed.id or (claimed.again and _is_fresh(found, now)):
                if found["id"] != claimed.id:
                    self._tables.delete(pointer_key(tenant, claimed.id))
                if self._is_same(scope, found, item, value):
                    return shown(found)
            else:
                self._tables.delete(pointer_key(tenant, claimed.id))
            raise _taken(scope, body["name"]) from None
        return shown(item)

    def get(self, tenant: str, secret_id: str, agent_id: str | None = None) -> JsonObject:
        """One secret.

        Raises:
            NotFound: The owner has none of that id.
        """
        return shown(self._moves.find(Scope(tenant, agent_id), secret_id).item)

    def list(self, tenant: str, query: ListQuery, agent_id: str | None = None) -> Listed[JsonObject]:
        """A page of the developer's secrets, or of an agent's.

        Raises:
            NotFound: There is no such agent.
        """
        scope = Scope(tenant, agent_id)
        owner = None if agent_id is None else self._agents.owner(tenant, agent_id)
        return list_items(self._tables, TABLE, scope.partition, query, owner).map(shown)

    def update(
        self, tenant: str, secret_id: str, fields: JsonObject, agent_id: str | None = None, *, merge: bool = False
    ) -> JsonObject:
        """Change the fields that are given and not None.

        Args:
            tenant: Whose.
            secret_id: Which.
            fields: What is new; a new name is a move: who asks for the old one finds nothing.
            agent_id: Of which agent.
            merge: Whether ``metadata`` is merged, key by key, and not replaced.

        Raises:
            NotFound: The owner has none of that id.
            Conflict: The new name is taken, or others change the secret all the time.
            InvalidRequest, TooLarge: As ``create``.
        """
        scope = Scope(tenant, agent_id)
        if (value := fields.get("value")) is not None:
            check_value(value)
        for _ in range(ATTEMPTS):
            found = self._moves.find(scope, secret_id)
            self._moves.settle(found)
            old = found.item
            new = self._changed(scope, old, fields, merge=merge)
            if new["pk"] != old["pk"]:
                if self._moves.move(found, new):
                    return shown(new)
                continue
            seen = {"seen": old["updated_at"], "id": secret_id}
            try:
                self._tables.put(TABLE, new, condition="#updated_at = :seen AND #id = :id", args=seen)
            except ConditionFailed as failure:
                if dict(failure.found or {}) != new:
                    continue
            return shown(new)
        message = f"Secret {secret_id} is being changed by others at the same time; try again"
        raise Conflict(message, should_retry=True)

    def delete(self, tenant: str, secret_id: str, agent_id: str | None = None) -> JsonObject:
        """Take a secret away; functions that have just read it may use it for a minute more.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: The owner has none of that id.
        """
        self._moves.remove(Scope(tenant, agent_id), secret_id)
        return deleted(secret_id, now_us())

    def _scope(self, tenant: str, agent_id: str | None) -> Scope:
        if agent_id is not None:
            self._agents.existing(tenant, agent_id)
        return Scope(tenant, agent_id)

    def _begin(self, scope: Scope, item: Item, value: str) -> JsonObject | None:
        """Write what leads from the id to the name; the secret, where an earlier attempt under the id has made it.

        Raises:
            Conflict: That attempt made another one.
        """
        pointer = {"pk": pointer_key(scope.tenant, item["id"]).pk, "kind": "secret_id", "id": item["id"]}
        pointer |= {"scope": scope.name, "name": item["name"]}
        try:
            self._tables.put(TABLE, pointer, if_absent=True)
        except ConditionFailed as failure:
            there = dict(failure.found or {})
            if there == pointer:
                return None
            with suppress(NotFound):
                found = self._moves.find(scope, item["id"]).item
                if found["updated_at"] != found["created_at"] or self._is_same(scope, found, item, value):
                    return shown(found)
            raise Conflict("The Idempotency-Key was used before for another secret; take a new key") from None
        return None

    def _is_same(self, scope: Scope, found: Item, item: Item, value: str) -> bool:
        """Whether a secret is what would be made, the id aside."""
        if {**loads(found["body"]), "id": ""} != {**loads(item["body"]), "id": ""}:
            return False
        return self._vault().open(found["sealed"], scope.context(found["name"])) == value

    def _changed(self, scope: Scope, old: Item, fields: JsonObject, *, merge: bool) -> Item:
        before = loads(old["body"])
        changes = given({name: fields.get(name) for name in ("name", "description", "metadata")})
        if merge and "metadata" in changes:
            changes["metadata"] = {**before["metadata"], **changes["metadata"]}
        body = {**before, **changes}
        value, sealed = fields.get("value"), old["sealed"]
        if value is None and body["name"] != old["name"]:
            value = self._vault().open(sealed, scope.context(old["name"]))
        if value is not None:
            sealed = self._vault().seal(value, scope.context(body["name"]))
        return secret_item(scope, body, sealed, old["created_at"], max(now_us(), old["updated_at"] + 1))


def _is_fresh(found: Item, now: int) -> bool:
    """Whether a retry's first attempt may have made it, and nobody has changed it since."""
    age = now - int(found.get("created_at", 0))
    return age < RETRY_SECONDS * 1_000_000 and found["updated_at"] == found["created_at"]


def _taken(scope: Scope, name: str) -> Conflict:
    whose = "" if scope.agent_id is None else " of this agent"
    return Conflict(
        f"There is a secret{whose} with the name {name!r} already; change it with PUT, or take another name"
    )
