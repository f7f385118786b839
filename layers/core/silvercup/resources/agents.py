"""Agents: what a task or a session speaks as. One item each, and one per canonical name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from silvercup.errors import ConditionFailed, Conflict, NotFound, TooLarge
from silvercup.ids import now_us
from silvercup.paging import Listed, ListQuery, index_attributes, list_items
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE
from silvercup.resources.names import Names
from silvercup.storage import Item, Key, Tables
from silvercup.times import iso
from silvercup.values import JsonObject, dumps, loads

MAX_BYTES = 170_000
"""The largest agent, in bytes of its JSON; an item may hold 400 KB, and the list's index keeps the metadata once more."""
DEFAULT_PROJECT = "default"
_TABLE = "core"
_ATTEMPTS = 5
_DEFAULTS: Mapping[str, Any] = {
    "about": "",
    "model": "",
    "instructions": [],
    "default_settings": {},
    "default_system_template": DEFAULT_SYSTEM_TEMPLATE,
    "metadata": {},
    "project": DEFAULT_PROJECT,
}


class Resolution(Protocol):
    """What a model name stands for; ``warning`` is for its user, when another model answers."""

    @property
    def warning(self) -> str | None: ...  # noqa: D102


class ModelCatalog(Protocol):
    """What this room needs of the models."""

    def resolve(self, name: str, /) -> Resolution:
        """What serves a model name.

        Raises:
            InvalidRequest: Nothing does; lists the names that are served.
        """
        ...


class AgentService:
    """Agents of all tenants. Every method takes the tenant first; another tenant's agent is not there.

    Fields that a caller may set: ``name``, ``canonical_name``, ``about``, ``model``, ``instructions``, ``default_settings``,
    ``default_system_template``, ``metadata``, ``project``; their shapes are checked by ``http``. A field that is absent or None means its
    default when an agent is written whole, and no change in a patch.

    Args:
        tables: Where agents are kept.
        catalog: Gives the models, when a model name has to be checked.
    """

    def __init__(self, tables: Tables, catalog: Callable[[], ModelCatalog]) -> None:
        self._tables = tables
        self._catalog = catalog
        self._names = Names(tables, "agent", self._carries)

    def create(self, tenant: str, fields: JsonObject, *, agent_id: str, repeated: bool = False) -> JsonObject:
        """Make an agent.

        Args:
            tenant: Whose.
            fields: See the class.
            agent_id: The id to make it under.
            repeated: An earlier attempt may have made it: then it is returned as it is.

        Returns:
            The agent as the API shows it.

        Raises:
            InvalidRequest: Nothing serves the model.
            NotFound: There is no such project.
            Conflict: The canonical name is taken.
            TooLarge: It is over ``MAX_BYTES``.
        """
        body = {**_DEFAULTS, **_given(self._checked(fields)), "id": agent_id}
        _refuse_too_large(body)
        if name := body.get("canonical_name"):
            self._names.take(tenant, name, agent_id)
        else:
            body["canonical_name"] = self._names.take_generated(tenant, agent_id)
        now = now_us()
        item = _item(tenant, body, now, now)
        try:
            self._tables.put(_TABLE, item, if_absent=True)
        except ConditionFailed as failure:
            found = dict(failure.found or {})
            if found and (repeated or found["body"] == item["body"]):
                return _shown(found)
            raise Conflict(f"An agent with the id {agent_id} already exists") from None
        return _shown(item)

    def create_or_update(self, tenant: str, agent_id: str, fields: JsonObject) -> JsonObject:
        """Make an agent under an id that the caller chose, or write the one that has it anew; its canonical name stays.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge: As ``create``.
        """
        if self._find(tenant, agent_id) is None:
            return self.create(tenant, fields, agent_id=agent_id, repeated=True)
        return self.replace(tenant, agent_id, fields | {"canonical_name": None})

    def get(self, tenant: str, agent_id: str) -> JsonObject:
        """One agent.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return _shown(self._existing(tenant, agent_id))

    def list(self, tenant: str, query: ListQuery, *, canonical_name: str | None = None) -> Listed[JsonObject]:
        """A page of agents; with a canonical name, the one agent that has it or none."""
        if canonical_name is None:
            return list_items(self._tables, _TABLE, f"{tenant}#agent", query).map(_shown)
        owner = self._names.owner(tenant, canonical_name)
        item = self._find(tenant, owner) if owner else None
        if item is None or query.offset or query.cursor is not None or not query.matches(item):
            return Listed([])
        agent = _shown(item)
        return Listed([agent] if agent["canonical_name"].lower() == canonical_name.lower() else [])

    def update(self, tenant: str, agent_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given; ``metadata`` is merged, key by key.

        Raises:
            NotFound: The tenant has none of that id, or there is no such project.
            InvalidRequest, Conflict, TooLarge: As ``create``.
        """
        given = _given(self._checked(fields))

        def merged(old: JsonObject) -> JsonObject:
            metadata = {**old["metadata"], **given.get("metadata", {})}
            return {**old, **given, "metadata": metadata}

        return self._rewrite(tenant, agent_id, merged)

    def replace(self, tenant: str, agent_id: str, fields: JsonObject) -> JsonObject:
        """Write an agent anew: what is absent gets its default; an absent canonical name stays.

        Raises:
            NotFound, InvalidRequest, Conflict, TooLarge: As ``update``.
        """
        given = _given(self._checked(fields))

        def anew(old: JsonObject) -> JsonObject:
            return {"id": old["id"], "canonical_name": old["canonical_name"], **_DEFAULTS, **given}

        return self._rewrite(tenant, agent_id, anew)

    def delete(self, tenant: str, agent_id: str) -> JsonObject:
        """Take an agent and its name away.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: The tenant has none of that id.
        """
        item = self._existing(tenant, agent_id)
        self._tables.delete(Key(_TABLE, item["pk"]))
        self._names.release(tenant, loads(item["body"])["canonical_name"], agent_id)
        return {"id": agent_id, "deleted_at": iso(now_us()), "jobs": []}

    def _rewrite(self, tenant: str, agent_id: str, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
        for _ in range(_ATTEMPTS):
            old_item = self._existing(tenant, agent_id)
            old = loads(old_item["body"])
            new = change(old)
            _refuse_too_large(new)
            now = max(now_us(), old_item["updated_at"] + 1)
            item = _item(tenant, new, old_item["created_at"], now)
            renamed = new["canonical_name"].lower() != old["canonical_name"].lower()
            if renamed:
                self._names.take(tenant, new["canonical_name"], agent_id)
            try:
                self._tables.put(_TABLE, item, condition="#updated_at = :seen", args={"seen": old_item["updated_at"]})
            except ConditionFailed as failure:
                if dict(failure.found or {}) != item:
                    continue
            if renamed:
                self._names.release(tenant, old["canonical_name"], agent_id)
            return _shown(item)
        raise Conflict(f"Agent {agent_id} is being changed by others at the same time; try again", should_retry=True)

    def _checked(self, fields: JsonObject) -> JsonObject:
        if fields.get("model"):
            self._catalog().resolve(fields["model"])
        project = fields.get("project")
        if project is None:
            return fields
        if project.lower() != DEFAULT_PROJECT:
            raise NotFound(f"Project {project!r} not found")
        return {**fields, "project": DEFAULT_PROJECT}

    def _find(self, tenant: str, agent_id: str) -> Item | None:
        return self._tables.get(Key(_TABLE, _pk(tenant, agent_id)))

    def _existing(self, tenant: str, agent_id: str) -> Item:
        item = self._find(tenant, agent_id)
        if item is None:
            raise NotFound(f"Agent {agent_id} not found")
        return item

    def _carries(self, tenant: str, agent_id: str, name: str) -> bool:
        item = self._find(tenant, agent_id)
        return item is not None and loads(item["body"])["canonical_name"].lower() == name.lower()


def _pk(tenant: str, agent_id: str) -> str:
    return f"{tenant}#agent#{agent_id}"


def _given(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def _refuse_too_large(body: JsonObject) -> None:
    size = len(dumps(body).encode())
    if size > MAX_BYTES:
        raise TooLarge(f"An agent is at most {MAX_BYTES:,} bytes of JSON; this one is {size:,}")


def _item(tenant: str, body: JsonObject, created_at: int, updated_at: int) -> Item:
    return {
        "pk": _pk(tenant, body["id"]),
        "kind": "agent",
        "id": body["id"],
        "body": dumps(body),
        "metadata": dumps(body["metadata"]),
        "created_at": created_at,
        "updated_at": updated_at,
        **index_attributes(f"{tenant}#agent", body["id"], created_at, updated_at),
    }


def _shown(item: Item) -> JsonObject:
    return {**loads(item["body"]), "created_at": iso(item["created_at"]), "updated_at": iso(item["updated_at"])}
