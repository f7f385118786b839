"""Secrets by their ids: found, moved to another name, removed.

A secret stands under its name, so a new name is a new item. An item that leads from the id to the name holds a move together: it names
the place that a move goes to, and for how long nobody else may move the secret. Broken off anywhere, the secret is at one of the two
places that it names, and the first of them counts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from silvercup.errors import ConditionFailed, Conflict, NotFound, SilvercupError, TransientError
from silvercup.ids import now_us
from silvercup.resources.secret_items import TABLE, Scope, pointer_key
from silvercup.storage import Change, Item, Key, Tables

HOLD_US = 120_000_000
"""How long a move keeps others away, in microseconds: longer than the function lives that makes it."""
_OURS = "#id = :id"
_THERE = "attribute_exists(#pk) AND attribute_not_exists(#gone)"


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret, and whose it is.

    Attributes:
        scope: Whose.
        pointer: The item that leads to its name.
        item: Its item.
    """

    scope: Scope
    pointer: Item
    item: Item

    @property
    def id(self) -> str:
        """Its id."""
        return self.item["id"]


class Moves:
    """Finds, moves and removes.

    Args:
        tables: Where secrets are.
        clock: Microseconds since the epoch.
    """

    def __init__(self, tables: Tables, clock: Callable[[], int] = now_us) -> None:
        self._tables = tables
        self._clock = clock

    def find(self, scope: Scope, secret_id: str) -> FoundSecret:
        """A secret by its id.

        Raises:
            NotFound: The owner has none of that id.
        """
        pointer = self._tables.get(pointer_key(scope.tenant, secret_id))
        if pointer is None or pointer["scope"] != scope.name or "gone" in pointer:
            raise _missing(secret_id)
        keys = _places(scope, pointer)
        items = self._tables.get_many(keys)
        for key in keys:
            if items.get(key, {}).get("id") == secret_id:
                return FoundSecret(scope, pointer, items[key])
        raise _missing(secret_id)

    def settle(self, found: FoundSecret) -> None:
        """Clear away what a move left that broke off, before the secret is changed."""
        left, held = found.pointer.get("next"), found.pointer.get("held")
        if left is None or held is None or held > self._clock():
            return
        here = found.item["name"]
        if left != here:
            self._delete(found.scope.key(left), found.id)
        done = Change(set={"name": here}, remove=("next", "held"), condition="#held = :held", args={"held": held})
        with suppress(ConditionFailed):
            self._tables.update(self._pointer(found), done)

    def move(self, found: FoundSecret, new: Item) -> bool:
        """Put a secret under another name.

        Args:
            found: The secret.
            new: Its item as it shall be.

        Returns:
            False when it was changed meanwhile: look again.

        Raises:
            NotFound: It was deleted meanwhile.
            Conflict: The name is taken, or somebody else moves the secret.
            TransientError: The move broke off; it may be tried again at once.
        """
        held = self._clock() + HOLD_US
        try:
            self._hold(found, new["name"], held)
            return self._move(found, new)
        except TransientError:
            given_up = Change(set={"held": 0}, condition="#held = :held", args={"held": held})
            with suppress(SilvercupError):
                self._tables.update(self._pointer(found), given_up)
            raise

    def _move(self, found: FoundSecret, new: Item) -> bool:
        old, target = Key(TABLE, found.item["pk"]), Key(TABLE, new["pk"])
        if not self._put(found.id, new):
            self._let_go(found)
            raise Conflict(f"There is a secret with the name {new['name']!r} already; take another name")
        try:
            seen = {"seen": found.item["updated_at"], "id": found.id}
            self._tables.delete(old, condition="#updated_at = :seen AND #id = :id", args=seen)
        except ConditionFailed as failure:
            if dict(failure.found or {}).get("id") == found.id:
                self._delete(target, found.id)
                self._let_go(found)
                return False
        done = Change(set={"name": new["name"]}, remove=("next", "held"), condition=_THERE)
        try:
            self._tables.update(self._pointer(found), done)
        except ConditionFailed:
            self._delete(target, found.id)
            raise _missing(found.id) from None
        return True

    def remove(self, scope: Scope, secret_id: str) -> None:
        """Take a secret away, wherever a move has brought it.

        Raises:
            NotFound: The owner has none of that id.
        """
        key = pointer_key(scope.tenant, secret_id)
        try:
            gone = Change(set={"gone": 1}, condition="#scope = :scope", args={"scope": scope.name})
            pointer = self._tables.update(key, gone)
        except ConditionFailed:
            raise _missing(secret_id) from None
        for place in _places(scope, pointer):
            self._delete(place, secret_id)
        self._tables.delete(key)

    def _hold(self, found: FoundSecret, name: str, held: int) -> None:
        """Say where the secret goes, and until when nobody else may move it."""
        hold = {"name": found.item["name"], "next": name, "held": held}
        change = Change(set=hold, condition=f"{_THERE} AND attribute_not_exists(#held)")
        try:
            self._tables.update(self._pointer(found), change)
        except ConditionFailed as failure:
            there = dict(failure.found or {"gone": 1})
            if "gone" in there:
                raise _missing(found.id) from None
            if {key: there.get(key) for key in hold} != hold:
                message = f"Secret {found.id} is being given another name; try again in a moment"
                raise Conflict(message, should_retry=True) from None

    def _let_go(self, found: FoundSecret) -> None:
        with suppress(ConditionFailed):
            self._tables.update(self._pointer(found), Change(remove=("next", "held"), condition=_THERE))

    def _put(self, secret_id: str, new: Item) -> bool:
        """Put the item into its new place, which is free or has what an earlier move of this secret left there."""
        try:
            self._tables.put(TABLE, new, if_absent=True)
        except ConditionFailed as failure:
            if dict(failure.found or {}).get("id") != secret_id:
                return False
            self._tables.put(TABLE, new, condition=_OURS, args={"id": secret_id})
        return True

    def _delete(self, key: Key, secret_id: str) -> None:
        with suppress(ConditionFailed):
            self._tables.delete(key, condition=_OURS, args={"id": secret_id})

    @staticmethod
    def _pointer(found: FoundSecret) -> Key:
        return pointer_key(found.scope.tenant, found.id)


def _places(scope: Scope, pointer: Item) -> list[Key]:
    """Where a secret may be, the first that counts first."""
    names = dict.fromkeys([pointer["name"], pointer.get("next") or pointer["name"]])
    return [scope.key(name) for name in names]


def _missing(secret_id: str) -> NotFound:
    return NotFound(f"Secret {secret_id} not found")
