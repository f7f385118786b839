"""Sessions: who speaks with whom, and how. One item each, and one link per participant (``session_links``)."""

from __future__ import annotations

from dataclasses import replace

from silvercup.deletions import Graves, is_gone
from silvercup.errors import ConditionFailed
from silvercup.ids import now_us
from silvercup.listing import item_listing, list_page
from silvercup.paging import Listed, ListQuery, index_attributes
from silvercup.resources.entities import ATTEMPTS, Entities, EntityKind
from silvercup.resources.session_fields import (
    DEFAULTS,
    Given,
    nobody,
    recall_options,
    session_shown,
    unknown,
    written,
)
from silvercup.resources.session_links import (
    Links,
    Participant,
    filters_of,
    has_all,
    listing_of,
    participants_of,
)
from silvercup.storage import Item, Tables
from silvercup.values import JsonObject

MAX_BYTES = 100_000
"""The largest session, in bytes of its JSON; the rest of the item's 400 KB is for what a chat keeps there."""
_TABLE = "core"
_KIND = EntityKind("session", MAX_BYTES, DEFAULTS, show=session_shown)
_OF_CHATS = ("turns", "window")


class SessionService:
    """Sessions of all tenants. Every method takes the tenant first; another tenant's session is not there.

    Fields that a caller may set: ``agent`` or ``agents``, ``user`` or ``users`` (ids), ``situation``, ``system_template``,
    ``render_templates``, ``token_budget``, ``context_overflow``, ``forward_tool_calls``, ``auto_run_tools``, ``recall_options``,
    ``metadata``; their shapes are checked by ``http``. A field that is absent or None means its default when a session is written whole, and no change
    in a patch; participants that are given take the place of those of the same role.

    A chat keeps attributes of its own on a session's item; nothing here touches them.

    Args:
        tables: Where sessions are kept.
        graves: Takes what belongs to a deleted session.
    """

    def __init__(self, tables: Tables, graves: Graves) -> None:
        self._tables = tables
        self._graves = graves
        self._sessions = Entities(tables, _KIND, graves)
        self._links = Links(tables)

    def create(self, tenant: str, fields: JsonObject, *, session_id: str, repeated: bool = False) -> JsonObject:
        """Make a session.

        Args:
            tenant: Whose.
            fields: See the class.
            session_id: The id to make it under.
            repeated: An earlier attempt may have made it: then it is returned as it is.

        Returns:
            The session as the API shows it; see ``session_shown``.

        Raises:
            InvalidRequest: There is no agent, both forms of a role are given, a participant is not there (names it), or a text is blank.
            Conflict: Another session has the id.
            TooLarge: It is over ``MAX_BYTES``.
        """
        who = self._checked(tenant, fields, whole=True)
        body = {**DEFAULTS, **_whole(fields), **who.after({"users": []})}
        self._sessions.refuse_too_large({**body, "id": session_id})
        now = now_us()
        self._links.write(tenant, session_id, now, who.participants)
        item = self._sessions.make(tenant, body, entity_id=session_id, repeated=repeated, created_at=now)
        shown = session_shown(item)
        if item["created_at"] != now:
            self._links.write(tenant, session_id, item["created_at"], participants_of(shown))
        return shown

    def create_or_update(self, tenant: str, session_id: str, fields: JsonObject) -> JsonObject:
        """Make a session under an id that the caller chose, or write the one that has it anew, participants included; its history stays.

        Raises:
            InvalidRequest, Conflict, TooLarge: As ``create``.
        """
        if self._sessions.find(tenant, session_id) is None:
            return self.create(tenant, fields, session_id=session_id, repeated=True)
        who = self._checked(tenant, fields, whole=True)
        return self._rewrite(tenant, session_id, fields, replace(who, users=who.users or []), whole=True)

    def get(self, tenant: str, session_id: str) -> JsonObject:
        """One session.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._sessions.get(tenant, session_id)

    def list(
        self, tenant: str, query: ListQuery, *, agent: str | None = None, user: str | None = None
    ) -> Listed[JsonObject]:
        """A page of sessions; with an agent or a user, of those that it takes part in; with both, that both do.

        In the order of ``created_at`` those are found from the participant's own list, else all sessions are looked through.

        Raises:
            NotFound: There is no such agent or user.
        """
        wanted = [Participant("user", user)] if user is not None else []
        if agent is not None:
            wanted.append(Participant("agent", agent))
        if not wanted:
            return self._sessions.list(tenant, query)
        for other in wanted[1:]:
            if is_gone(self._tables.get(other.key(tenant))):
                raise other.missing()
        if query.sort_by == "created_at":
            listing = listing_of(tenant, wanted, query.matches)
        else:
            owner = wanted[0].owner(tenant)
            everything = item_listing(_TABLE, f"{tenant}#session", query, owner, lambda item: has_all(item, wanted))
            listing = replace(everything, picks=True, filters=filters_of(wanted))
        return list_page(self._tables, listing, query).map(session_shown)

    def update(self, tenant: str, session_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given; ``metadata`` and ``recall_options`` are merged, key by key.

        Raises:
            NotFound: The tenant has none of that id.
            InvalidRequest, Conflict, TooLarge: As ``create``.
        """
        return self._rewrite(tenant, session_id, fields, self._checked(tenant, fields), whole=False)

    def replace(self, tenant: str, session_id: str, fields: JsonObject) -> JsonObject:
        """Write a session anew: what is absent gets its default; participants of whom nothing is said stay.

        Raises:
            NotFound, InvalidRequest, Conflict, TooLarge: As ``update``.
        """
        return self._rewrite(tenant, session_id, fields, self._checked(tenant, fields), whole=True)

    def delete(self, tenant: str, session_id: str) -> JsonObject:
        """Take a session away; its history follows in slices.

        Its tombstone keeps ``participants`` (names, see ``session_links``), ``turns`` and ``window``.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: The tenant has none of that id.
            Conflict: Chats change it all the time.
        """
        for _ in range(ATTEMPTS):
            item = self._sessions.existing(tenant, session_id)
            keep: Item = {name: item[name] for name in _OF_CHATS if name in item}
            keep["participants"] = [one.name for one in participants_of(session_shown(item))]
            try:
                return self._graves.bury("session", tenant, session_id, keep, seen=item["updated_at"])
            except ConditionFailed:
                continue
        raise self._sessions.busy(session_id)

    def _checked(self, tenant: str, fields: JsonObject, *, whole: bool = False) -> Given:
        """The participants that are given; they are there."""
        who = Given.of(fields)
        if whole and who.agents is None:
            raise nobody()
        written(fields)
        if not who.is_nothing:
            keys = {one.key(tenant): one for one in who.participants}
            found = self._tables.get_many(keys) if keys else {}
            if missing := [one for key, one in keys.items() if is_gone(found.get(key))]:
                raise unknown(missing)
        return who

    def _rewrite(self, tenant: str, session_id: str, fields: JsonObject, who: Given, *, whole: bool) -> JsonObject:
        changes = written(fields)
        left: list[Item] = []

        def changed(old: JsonObject, item: Item) -> JsonObject:
            if whole:
                new = {"id": old["id"], **DEFAULTS, **_whole(fields), **who.after(old)}
            else:
                new = {
                    **old,
                    **changes,
                    **who.after(old),
                    "metadata": {**old["metadata"], **changes.get("metadata", {})},
                }
                new["recall_options"] = recall_options(changes.get("recall_options"), old["recall_options"])
            if not who.is_nothing:
                self._sessions.refuse_too_large(new)
                kept = participants_of(new)
                gone = [one for one in participants_of(old) if one not in kept]
                self._links.write(tenant, session_id, item["created_at"], who.participants)
                left[:] = self._links.found(tenant, session_id, gone)
            return new

        item = self._sessions.rewrite_item(tenant, session_id, changed)
        self._links.drop(left)
        return session_shown(item)


def touched(session_id: str, at: int) -> Item:
    """The attributes that make a session the one that was changed last.

    Args:
        session_id: Which.
        at: When, in microseconds since the epoch; later than before, or its change is not seen by those who change it at the same time.
    """
    return {"updated_at": at, "updated": index_attributes("", session_id, 0, at)["updated"]}


def _whole(fields: JsonObject) -> JsonObject:
    changes = written(fields)
    return {**changes, "recall_options": recall_options(changes.get("recall_options"))}
