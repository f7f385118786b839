"""Users: whom an agent speaks with."""

from __future__ import annotations

from silvercup.deletions import Graves
from silvercup.paging import Listed, ListQuery
from silvercup.resources.entities import Entities, EntityKind
from silvercup.resources.projects import DEFAULT_PROJECT, ProjectService
from silvercup.storage import Tables
from silvercup.values import JsonObject

MAX_BYTES = 170_000
"""The largest user, in bytes of its JSON."""
_KIND = EntityKind("user", MAX_BYTES, {"name": "", "about": "", "metadata": {}, "project": DEFAULT_PROJECT})


class UserService:
    """Users of all tenants. Every method takes the tenant first; another tenant's user is not there.

    Fields that a caller may set: ``name``, ``about``, ``metadata``, ``project``; their shapes are checked by ``http``. A field that is
    absent or None means its default when a user is written whole, and no change in a patch.

    Args:
        tables: Where users are kept.
        projects: Says which projects there are.
        graves: Takes what belongs to a deleted user.
    """

    def __init__(self, tables: Tables, projects: ProjectService, graves: Graves) -> None:
        self._users = Entities(tables, _KIND, graves)
        self._projects = projects

    def create(self, tenant: str, fields: JsonObject, *, user_id: str, repeated: bool = False) -> JsonObject:
        """Make a user; see ``Entities.create``.

        Raises:
            NotFound: There is no such project.
            Conflict: Another user has the id.
            TooLarge: It is over ``MAX_BYTES``.
        """
        fields = self._projects.checked(tenant, fields)
        made = self._users.create(tenant, fields, entity_id=user_id, repeated=repeated)
        return self._named(tenant, made, fields)

    def create_or_update(self, tenant: str, user_id: str, fields: JsonObject) -> JsonObject:
        """Make a user under an id that the caller chose, or write the one that has it anew.

        Raises:
            NotFound, Conflict, TooLarge: As ``create``.
        """
        if self._users.find(tenant, user_id) is None:
            return self.create(tenant, fields, user_id=user_id, repeated=True)
        return self.replace(tenant, user_id, fields)

    def get(self, tenant: str, user_id: str) -> JsonObject:
        """One user.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._named(tenant, self._users.get(tenant, user_id))

    def list(self, tenant: str, query: ListQuery) -> Listed[JsonObject]:
        """A page of users."""
        found = self._users.list(tenant, query)
        return Listed(self._projects.named(tenant, found.items), found.next_cursor)

    def update(self, tenant: str, user_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given; ``metadata`` is merged, key by key.

        Raises:
            NotFound: The tenant has none of that id, or there is no such project.
            Conflict, TooLarge: As ``create``.
        """
        fields = self._projects.checked(tenant, fields)
        return self._named(tenant, self._users.update(tenant, user_id, fields), fields)

    def replace(self, tenant: str, user_id: str, fields: JsonObject) -> JsonObject:
        """Write a user anew: what is absent gets its default.

        Raises:
            NotFound, Conflict, TooLarge: As ``update``.
        """
        fields = self._projects.checked(tenant, fields)
        return self._named(tenant, self._users.replace(tenant, user_id, fields), fields)

    def delete(self, tenant: str, user_id: str) -> JsonObject:
        """Take a user away, and their docs.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._users.delete(tenant, user_id)

    def _named(self, tenant: str, user: JsonObject, known: JsonObject | None = None) -> JsonObject:
        return self._projects.named(tenant, [user], known)[0]
