"""Agents: what a task or a session speaks as. One item each, and one per canonical name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from silvercup.deletions import Graves
from silvercup.paging import Listed, ListQuery
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE
from silvercup.resources.entities import Entities, EntityKind, shown
from silvercup.resources.projects import DEFAULT_PROJECT, ProjectService
from silvercup.storage import Tables
from silvercup.values import JsonObject

MAX_BYTES = 170_000
"""The largest agent, in bytes of its JSON."""
_DEFAULTS: Mapping[str, Any] = {
    "about": "",
    "model": "",
    "instructions": [],
    "default_settings": {},
    "default_system_template": DEFAULT_SYSTEM_TEMPLATE,
    "metadata": {},
    "project": DEFAULT_PROJECT,
}
_KIND = EntityKind("agent", MAX_BYTES, _DEFAULTS, name_field="canonical_name")


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
        projects: Says which projects there are.
        graves: Takes what belongs to a deleted agent.
    """

    def __init__(
        self, tables: Tables, catalog: Callable[[], ModelCatalog], projects: ProjectService, graves: Graves
    ) -> None:
        self._agents = Entities(tables, _KIND, graves)
        self._catalog = catalog
        self._projects = projects

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
            Conflict: The canonical name is taken, or the id is.
            TooLarge: It is over ``MAX_BYTES``.
        """
        fields = self._checked(tenant, fields)
        made = self._agents.create(tenant, fields, entity_id=agent_id, repeated=repeated)
        return self._named(tenant, made, fields)

    def create_or_update(self, tenant: str, agent_id: str, fields: JsonObject) -> JsonObject:
        """Make an agent under an id that the caller chose, or write the one that has it anew; its canonical name stays.

        Raises:
            InvalidRequest, NotFound, Conflict, TooLarge: As ``create``.
        """
        if self._agents.find(tenant, agent_id) is None:
            return self.create(tenant, fields, agent_id=agent_id, repeated=True)
        return self.replace(tenant, agent_id, fields | {"canonical_name": None})

    def get(self, tenant: str, agent_id: str) -> JsonObject:
        """One agent.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._named(tenant, self._agents.get(tenant, agent_id))

    def list(self, tenant: str, query: ListQuery, *, canonical_name: str | None = None) -> Listed[JsonObject]:
        """A page of agents; with a canonical name, the one agent that has it or none."""
        if canonical_name is None:
            found = self._agents.list(tenant, query)
            return Listed(self._projects.named(tenant, found.items), found.next_cursor)
        owner = self._agents.names.owner(tenant, canonical_name)
        item = self._agents.find(tenant, owner) if owner else None
        if item is None or query.offset or query.cursor is not None or not query.matches(item):
            return Listed([])
        agent = self._named(tenant, shown(item))
        return Listed([agent] if agent["canonical_name"].lower() == canonical_name.lower() else [])

    def update(self, tenant: str, agent_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given; ``metadata`` is merged, key by key.

        Raises:
            NotFound: The tenant has none of that id, or there is no such project.
            InvalidRequest, Conflict, TooLarge: As ``create``.
        """
        fields = self._checked(tenant, fields)
        return self._named(tenant, self._agents.update(tenant, agent_id, fields), fields)

    def replace(self, tenant: str, agent_id: str, fields: JsonObject) -> JsonObject:
        """Write an agent anew: what is absent gets its default; an absent canonical name stays.

        Raises:
            NotFound, InvalidRequest, Conflict, TooLarge: As ``update``.
        """
        fields = self._checked(tenant, fields)
        return self._named(tenant, self._agents.replace(tenant, agent_id, fields), fields)

    def delete(self, tenant: str, agent_id: str) -> JsonObject:
        """Take an agent and its name away; its tools and tasks, with their executions, follow in slices.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._agents.delete(tenant, agent_id)

    def _named(self, tenant: str, agent: JsonObject, known: JsonObject | None = None) -> JsonObject:
        return self._projects.named(tenant, [agent], known)[0]

    def _checked(self, tenant: str, fields: JsonObject) -> JsonObject:
        if fields.get("model"):
            self._catalog().resolve(fields["model"])
        return self._projects.checked(tenant, fields)
