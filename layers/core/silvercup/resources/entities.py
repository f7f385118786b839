"""What agents, users, projects and tools share: one item each, lists in order, names, conditional rewrites."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from silvercup.deletions import Graves, Kind, deleted, is_gone
from silvercup.errors import ConditionFailed, Conflict, NotFound, TooLarge
from silvercup.ids import now_us
from silvercup.listing import Owner, list_items
from silvercup.paging import Listed, ListQuery, index_attributes
from silvercup.resources.names import Names
from silvercup.storage import Change, Item, Key, Tables
from silvercup.times import iso
from silvercup.values import JsonObject, dumps, loads

TABLE = "core"
ATTEMPTS = 5
"""How often a change is tried while others change the same entity."""


def shown(item: Item) -> JsonObject:
    """An entity as the API shows it."""
    return {**loads(item["body"]), "created_at": iso(item["created_at"]), "updated_at": iso(item["updated_at"])}


@dataclass(frozen=True, slots=True)
class EntityKind:
    """One kind of entity.

    Attributes:
        name: ``agent``, ...; part of its keys.
        max_bytes: Its largest JSON; an item may hold 400 KB, and the list's index keeps the metadata once more.
        defaults: Its fields that a caller may leave out, where they have a default.
        name_field: The field that is unique, where one is.
        parent_field: The field that names what it belongs to, where it belongs to something: lists and names are that one's.
        fold_names: Whether the case of names does not matter.
        show: Makes of an item what the API shows.
        attributes: Gives more attributes of its item, by its body and when it was made (microseconds since the epoch).
    """

    name: str
    max_bytes: int
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name_field: str | None = None
    parent_field: str | None = None
    fold_names: bool = True
    show: Callable[[Item], JsonObject] = shown
    attributes: Callable[[JsonObject, int], Item] | None = None

    @property
    def title(self) -> str:
        """For messages: ``Agent``."""
        return self.name.capitalize()


class Entities:
    """The entities of one kind, of all tenants. Another tenant's entity is not there.

    Args:
        tables: Where they are kept.
        kind: Which.
        graves: For those that take more with them than themselves.
    """

    def __init__(self, tables: Tables, kind: EntityKind, graves: Graves | None = None) -> None:
        self._tables = tables
        self._kind = kind
        self._graves = graves
        name_field = kind.name_field or ""
        self.names = Names(tables, kind.name, self._carries, field=name_field, fold=kind.fold_names)

    def key(self, tenant: str, entity_id: str) -> Key:
        """An entity's key."""
        return Key(TABLE, f"{tenant}#{self._kind.name}#{entity_id}")

    def create(self, tenant: str, fields: JsonObject, *, entity_id: str, repeated: bool, once: str = "") -> JsonObject:
        """Make an entity.

        Args:
            tenant: Whose.
            fields: What the caller gave; None means the default.
            entity_id: The id to make it under.
            repeated: An earlier attempt may have made it: then it is returned as it is.
            once: See ``Claim.once``.

        Returns:
            The entity as the API shows it.

        Raises:
            Conflict: Its name is taken, or its id is.
            TooLarge: It is over the limit.
        """
        return self._kind.show(self.make(tenant, fields, entity_id=entity_id, repeated=repeated, once=once))

    def make(
        self,
        tenant: str,
        fields: JsonObject,
        *,
        entity_id: str,
        repeated: bool,
        once: str = "",
        created_at: int | None = None,
    ) -> Item:
        """See ``create``; the item. ``created_at`` is in microseconds since the epoch, now when absent."""
        body = {**self._kind.defaults, **given(fields), "id": entity_id}
        self.refuse_too_large(body)
        self._take_name(tenant, body, once)
        now = now_us() if created_at is None else created_at
        item = self._item(tenant, body, now, now)
        try:
            self._tables.put(TABLE, item, if_absent=True)
        except ConditionFailed as failure:
            found = dict(failure.found or {})
            if "gone" in found and self._graves is not None:
                self._graves.make_anew(item, found)
            elif found and (repeated or found["body"] == item["body"]):
                return found
            else:
                raise Conflict(f"There is a {self._kind.name} with the id {entity_id} already") from None
        return item

    def find(self, tenant: str, entity_id: str) -> Item | None:
        """An entity's item, or None."""
        item = self._tables.get(self.key(tenant, entity_id))
        return None if is_gone(item) else item

    def find_many(self, tenant: str, entity_ids: Iterable[str]) -> list[JsonObject]:
        """Those of some entities that are there, as the API shows them, in one batch."""
        keys = [self.key(tenant, entity_id) for entity_id in entity_ids]
        found = self._tables.get_many(keys) if keys else {}
        return [self._kind.show(item) for item in found.values() if not is_gone(item)]

    def existing(self, tenant: str, entity_id: str) -> Item:
        """An entity's item.

        Raises:
            NotFound: The tenant has none of that id.
        """
        item = self.find(tenant, entity_id)
        if item is None:
            raise self.missing(entity_id)
        return item

    def get(self, tenant: str, entity_id: str, parent: str | None = None) -> JsonObject:
        """An entity as the API shows it.

        Raises:
            NotFound: The tenant has none of that id, or it does not belong to ``parent``.
        """
        found = self._kind.show(self.existing(tenant, entity_id))
        if parent is not None and found.get(self._kind.parent_field or "") != parent:
            raise self.missing(entity_id)
        return found

    def missing(self, entity_id: str) -> NotFound:
        """The error for an id that nothing has."""
        return NotFound(f"{self._kind.title} {entity_id} not found")

    def busy(self, entity_id: str) -> Conflict:
        """The error for an entity that others change all the time."""
        message = f"{self._kind.title} {entity_id} is being changed by others at the same time; try again"
        return Conflict(message, should_retry=True)

    def owner(self, tenant: str, entity_id: str) -> Owner:
        """An entity as what a list belongs to."""
        return Owner(self.key(tenant, entity_id), lambda: self.missing(entity_id))

    def list(
        self, tenant: str, query: ListQuery, parent: str | None = None, owner: Owner | None = None
    ) -> Listed[JsonObject]:
        """A page of them; with a parent, of those that belong to it.

        Raises:
            NotFound: The owner is not there.
        """
        return list_items(self._tables, TABLE, self._partition(tenant, parent), query, owner).map(self._kind.show)

    def rewrite(
        self, tenant: str, entity_id: str, change: Callable[[JsonObject], JsonObject], parent: str | None = None
    ) -> JsonObject:
        """Change an entity that nobody else changes at the same moment.

        Args:
            tenant: Whose.
            entity_id: Which.
            change: Makes the new body of the old one.
            parent: What it has to belong to.

        Raises:
            NotFound: The tenant has none of that id.
            Conflict: Its new name is taken, or others change it all the time.
            TooLarge: It is over the limit.
        """

        def changed(old: JsonObject, _: Item) -> JsonObject:
            return change(old)

        return self._kind.show(self.rewrite_item(tenant, entity_id, changed, parent))

    def rewrite_item(
        self,
        tenant: str,
        entity_id: str,
        change: Callable[[JsonObject, Item], JsonObject],
        parent: str | None = None,
    ) -> Item:
        """See ``rewrite``; ``change`` gets the old item too and is asked at every attempt. All of the item as it is then."""
        for _ in range(ATTEMPTS):
            old_item = self.existing(tenant, entity_id)
            old = loads(old_item["body"])
            if parent is not None and old.get(self._kind.parent_field or "") != parent:
                raise self.missing(entity_id)
            new = change(old, old_item)
            self.refuse_too_large(new)
            now = max(now_us(), old_item["updated_at"] + 1)
            item = self._item(tenant, new, old_item["created_at"], now)
            renamed = self._name(new) != self._name(old)
            if renamed:
                self._take_name(tenant, new)
            attributes = {name: value for name, value in item.items() if name != "pk"}
            written = Change(set=attributes, condition="#updated_at = :seen", args={"seen": old_item["updated_at"]})
            try:
                whole = self._tables.update(self.key(tenant, entity_id), written)
            except ConditionFailed as failure:
                whole = dict(failure.found or {})
                if {name: whole.get(name) for name in item} != item:
                    continue
            if renamed:
                self._release_name(tenant, old)
            return whole
        raise self.busy(entity_id)

    def update(self, tenant: str, entity_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given and not None; ``metadata`` is merged, key by key. See ``rewrite``."""
        changes = given(fields)

        def merged(old: JsonObject) -> JsonObject:
            return {**old, **changes, "metadata": {**old["metadata"], **changes.get("metadata", {})}}

        return self.rewrite(tenant, entity_id, merged)

    def replace(self, tenant: str, entity_id: str, fields: JsonObject) -> JsonObject:
        """Write an entity anew: what is absent gets its default; an absent unique name stays. See ``rewrite``."""
        name_field = self._kind.name_field

        def anew(old: JsonObject) -> JsonObject:
            kept = {name: old[name] for name in ("id", name_field) if name is not None}
            return {**kept, **self._kind.defaults, **given(fields)}

        return self.rewrite(tenant, entity_id, anew)

    def delete(self, tenant: str, entity_id: str, parent: str | None = None) -> JsonObject:
        """Take an entity and its name away; what belongs to it follows in slices.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: The tenant has none of that id.
        """
        body = loads(self.existing(tenant, entity_id)["body"])
        if parent is not None and body.get(self._kind.parent_field or "") != parent:
            raise self.missing(entity_id)
        if self._graves is None:
            self._tables.delete(self.key(tenant, entity_id))
            answer = deleted(entity_id, now_us())
        else:
            kind: Kind = self._kind.name  # pyright: ignore[reportAssignmentType]
            answer = self._graves.bury(kind, tenant, entity_id, {"name": body.get(self._kind.name_field or "")})
        self._release_name(tenant, body)
        return answer

    def refuse_too_large(self, body: JsonObject) -> None:
        """Stop here when a body is over the limit.

        Raises:
            TooLarge: It is.
        """
        size = len(dumps(body).encode())
        if size > self._kind.max_bytes:
            article = "An" if self._kind.name[0] in "aeiou" and self._kind.name != "user" else "A"
            limit = f"{self._kind.max_bytes:,}"
            raise TooLarge(f"{article} {self._kind.name} is at most {limit} bytes of JSON; this one is {size:,}")

    def _take_name(self, tenant: str, body: JsonObject, once: str = "") -> None:
        """Reserve the name of a body; one that has none is given one."""
        if self._kind.name_field is None:
            return
        if name := body.get(self._kind.name_field):
            self.names.take(tenant, name, body["id"], self._scope(body), once)
        else:
            body[self._kind.name_field] = self.names.take_generated(tenant, body["id"])

    def _release_name(self, tenant: str, body: JsonObject) -> None:
        if self._kind.name_field is not None:
            self.names.release(tenant, body[self._kind.name_field], body["id"], self._scope(body))

    def _name(self, body: JsonObject) -> str:
        name = str(body.get(self._kind.name_field or "", ""))
        return name.lower() if self._kind.fold_names else name

    def _scope(self, body: JsonObject) -> str:
        return str(body[self._kind.parent_field]) if self._kind.parent_field else ""

    def _carries(self, tenant: str, entity_id: str, name: str) -> bool:
        item = self.find(tenant, entity_id)
        if item is None:
            return False
        return self._name(loads(item["body"])) == (name.lower() if self._kind.fold_names else name)

    def _partition(self, tenant: str, parent: str | None) -> str:
        return f"{tenant}#{self._kind.name}" if parent is None else f"{tenant}#{self._kind.name}#{parent}"

    def _item(self, tenant: str, body: JsonObject, created_at: int, updated_at: int) -> Item:
        partition = self._partition(tenant, self._scope(body) or None)
        more = self._kind.attributes(body, created_at) if self._kind.attributes else {}
        return {
            **more,
            "pk": self.key(tenant, body["id"]).pk,
            "kind": self._kind.name,
            "id": body["id"],
            "body": dumps(body),
            "metadata": dumps(body.get("metadata") or {}),
            "created_at": created_at,
            "updated_at": updated_at,
            **index_attributes(partition, body["id"], created_at, updated_at),
        }


def given(fields: JsonObject) -> JsonObject:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
