"""Projects: what agents and users are filed under, by canonical name. ``default`` is always there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from silvercup.errors import InvalidRequest, NotFound
from silvercup.ids import derived_uuid7
from silvercup.paging import Listed, ListQuery
from silvercup.resources.entities import Entities, EntityKind, shown
from silvercup.storage import Tables
from silvercup.times import iso
from silvercup.values import JsonObject, dumps

MAX_BYTES = 170_000
"""The largest project, in bytes of its JSON."""
DEFAULT_PROJECT = "default"
_KIND = EntityKind("project", MAX_BYTES, {"metadata": {}}, name_field="canonical_name")
_DEFAULT: JsonObject = {"name": "Default Project", "canonical_name": DEFAULT_PROJECT, "metadata": {"is_default": True}}


class ProjectService:
    """Projects of all tenants. Every method takes the tenant first; another tenant's project is not there.

    Fields that a caller may set: ``name``, ``canonical_name``, ``metadata``; their shapes are checked by ``http``. A field that is absent
    or None means its default when a project is written whole, and no change in a patch. Agents and users keep the id of their project
    beside its name (``project_id``, which nobody is shown), so that they follow when it is renamed; once it is deleted they belong to
    ``default``.
    """

    def __init__(self, tables: Tables) -> None:
        self._projects = Entities(tables, _KIND)
        self._with_default: set[str] = set()

    def create(self, tenant: str, fields: JsonObject, *, project_id: str, repeated: bool = False) -> JsonObject:
        """Make a project; see ``Entities.create``.

        Raises:
            Conflict: Another project has the canonical name, or the id.
            TooLarge: It is over ``MAX_BYTES``.
        """
        self._make_default(tenant)
        return self._projects.create(tenant, fields, entity_id=project_id, repeated=repeated)

    def create_or_update(self, tenant: str, project_id: str, fields: JsonObject) -> JsonObject:
        """Make a project under an id that the caller chose, or write the one that has it anew; its canonical name stays.

        Raises:
            Conflict, TooLarge: As ``create``.
        """
        self._make_default(tenant)
        if self._projects.find(tenant, project_id) is None:
            return self.create(tenant, fields, project_id=project_id, repeated=True)
        return self.replace(tenant, project_id, fields | {"canonical_name": None})

    def get(self, tenant: str, project_id: str) -> JsonObject:
        """One project.

        Raises:
            NotFound: The tenant has none of that id.
        """
        if project_id == default_id(tenant) and self._projects.find(tenant, project_id) is None:
            return _unwritten(tenant)
        return self._projects.get(tenant, project_id)

    def list(self, tenant: str, query: ListQuery) -> Listed[JsonObject]:
        """A page of projects."""
        found = self._projects.list(tenant, query)
        first = not query.offset and query.cursor is None
        if not found.items and first and self._projects.find(tenant, default_id(tenant)) is None:
            project = _unwritten(tenant)
            return Listed([project] if query.matches({"metadata": dumps(project["metadata"])}) else [])
        return found

    def update(self, tenant: str, project_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given; ``metadata`` is merged, key by key.

        Raises:
            NotFound: The tenant has none of that id.
            InvalidRequest: It would rename ``default``.
            Conflict, TooLarge: As ``create``.
        """
        self._refuse_renaming_default(tenant, project_id, fields)
        return self._projects.update(tenant, project_id, fields)

    def replace(self, tenant: str, project_id: str, fields: JsonObject) -> JsonObject:
        """Write a project anew: what is absent gets its default; an absent canonical name stays.

        Raises:
            NotFound, InvalidRequest, Conflict, TooLarge: As ``update``.
        """
        self._refuse_renaming_default(tenant, project_id, fields)
        return self._projects.replace(tenant, project_id, fields)

    def delete(self, tenant: str, project_id: str) -> JsonObject:
        """Take a project away; its agents and users belong to ``default`` then.

        Raises:
            NotFound: The tenant has none of that id.
            InvalidRequest: It is ``default``.
        """
        if project_id == default_id(tenant):
            raise InvalidRequest("The project 'default' can't be deleted: what has no other project belongs to it")
        return self._projects.delete(tenant, project_id)

    def checked(self, tenant: str, fields: JsonObject) -> JsonObject:
        """The fields of an agent or a user, with the id of its project and the name as that is written.

        Raises:
            NotFound: There is no such project.
        """
        project = fields.get("project")
        if project is None:
            return fields
        if project.lower() == DEFAULT_PROJECT:
            return {**fields, "project": DEFAULT_PROJECT, "project_id": ""}
        owner = self._projects.names.owner(tenant, project)
        found = self._projects.find(tenant, owner) if owner else None
        written = "" if found is None else str(shown(found)["canonical_name"])
        if written.lower() != project.lower():
            raise NotFound(f"Project {project!r} not found")
        return {**fields, "project": written, "project_id": owner}

    def named(self, tenant: str, listed: Sequence[JsonObject], known: JsonObject | None = None) -> list[JsonObject]:
        """Agents or users as the API shows them: with the name that their project has now.

        Args:
            tenant: Whose.
            listed: As they are kept.
            known: ``checked`` fields, whose project need not be read.
        """
        ids = {str(one.get("project_id") or "") for one in listed} - {"", str((known or {}).get("project_id"))}
        names = {project["id"]: project["canonical_name"] for project in self._projects.find_many(tenant, ids)}
        if known is not None and known.get("project_id"):
            names[known["project_id"]] = known["project"]
        return [_named(one, names) for one in listed]

    def _refuse_renaming_default(self, tenant: str, project_id: str, fields: JsonObject) -> None:
        self._make_default(tenant)
        name = fields.get("canonical_name")
        if project_id == default_id(tenant) and name is not None and name != DEFAULT_PROJECT:
            raise InvalidRequest("The project 'default' keeps its canonical_name")

    def _make_default(self, tenant: str) -> None:
        """Make the tenant's default project where it is not there; one look per tenant and process."""
        if tenant in self._with_default:
            return
        project_id = default_id(tenant)
        if self._projects.find(tenant, project_id) is None:
            self._projects.create(tenant, _DEFAULT, entity_id=project_id, repeated=True)
        self._with_default.add(tenant)


def _named(entity: JsonObject, names: Mapping[str, str]) -> JsonObject:
    entity = dict(entity)
    if project_id := entity.pop("project_id", ""):
        entity["project"] = names.get(project_id, DEFAULT_PROJECT)
    return entity


def _unwritten(tenant: str) -> JsonObject:
    """The default project of a tenant that has written no project; reading writes nothing."""
    return {**_DEFAULT, "id": default_id(tenant), "created_at": iso(0), "updated_at": iso(0)}


def default_id(tenant: str) -> str:
    """The id of a tenant's project ``default``."""
    return derived_uuid7(0, "project", tenant, DEFAULT_PROJECT)
