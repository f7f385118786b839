"""Tools of agents: what chats and tasks that inherit them can call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from silvercup.errors import ConditionFailed, Conflict, InvalidRequest
from silvercup.paging import Listed, ListQuery
from silvercup.resources.entities import Entities, EntityKind, given
from silvercup.resources.idempotency import Claim
from silvercup.storage import Change, Item, Key, Tables
from silvercup.values import JsonObject, loads

if TYPE_CHECKING:
    from statemachines.tools import ToolCheck

MAX_BYTES = 170_000
"""The largest tool, in bytes of its JSON."""
MAX_TOOLS = 1000
"""How many an agent can have; their ids stand in its item."""
_AGENT = EntityKind("agent", 0)
_KIND = EntityKind("tool", MAX_BYTES, name_field="name", parent_field="agent_id", fold_names=False)


class ToolService:
    """Tools of all tenants' agents. Every method takes the tenant and the agent first; another agent's tool is not there.

    Fields that a caller may set: ``name``, ``type``, ``description`` and the definition, under the name of the type; their shapes are
    checked by ``http``, the definition here, as the task compiler does. The agent's item holds the ids of its tools, so that they are
    found by key: an id that was noted for a tool that then was not made does no harm.

    Args:
        tables: Where they are kept.
        check_tool: Says what is wrong with what a tool's type defines.
    """

    def __init__(self, tables: Tables, check_tool: ToolCheck) -> None:
        self._tables = tables
        self._check_tool = check_tool
        self._agents = Entities(tables, _AGENT)
        self._tools = Entities(tables, _KIND)

    def create(self, tenant: str, agent_id: str, fields: JsonObject, *, claimed: Claim) -> JsonObject:
        """Make a tool; see ``Entities.create``. Its name, which is there once, tells a retry from another POST.

        Raises:
            NotFound: There is no such agent.
            InvalidRequest: The definition has problems, or the agent has too many tools.
            Conflict: Another tool of the agent has the name, or another one the id.
            TooLarge: It is over ``MAX_BYTES``.
        """
        self._check(given(fields))
        body = {**fields, "agent_id": agent_id}
        first = self._first(tenant, body, claimed)
        try:
            return self._make(tenant, body, first or claimed)
        except Conflict:
            first = self._first(tenant, body, claimed)
            if first is None:
                raise
            return self._make(tenant, body, first)

    def get(self, tenant: str, agent_id: str, tool_id: str) -> JsonObject:
        """One tool.

        Raises:
            NotFound: The agent has none of that id.
        """
        return self._tools.get(tenant, tool_id, agent_id)

    def list(self, tenant: str, agent_id: str, query: ListQuery) -> Listed[JsonObject]:
        """A page of an agent's tools.

        Raises:
            NotFound: There is no such agent.
        """
        return self._tools.list(tenant, query, agent_id, self._agents.owner(tenant, agent_id))

    def update(self, tenant: str, agent_id: str, tool_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given; a definition of the same type is merged, key by key.

        Raises:
            NotFound: The agent has none of that id.
            InvalidRequest, Conflict, TooLarge: As ``create``.
        """
        changes = given(fields)

        def merged(old: JsonObject) -> JsonObject:
            new = {**old, **changes}
            if new["type"] != old["type"] and old["type"] not in changes:
                new.pop(old["type"], None)
            before, after = old.get(new["type"]), changes.get(new["type"])
            if isinstance(before, dict) and isinstance(after, dict):
                new[new["type"]] = {**before, **after}
            self._check(new)
            return new

        return self._tools.rewrite(tenant, tool_id, merged, agent_id)

    def replace(self, tenant: str, agent_id: str, tool_id: str, fields: JsonObject) -> JsonObject:
        """Write a tool anew.

        Raises:
            NotFound, InvalidRequest, Conflict, TooLarge: As ``update``.
        """
        self._check(given(fields))

        def anew(old: JsonObject) -> JsonObject:
            return {**given(fields), "agent_id": agent_id, "id": old["id"]}

        return self._tools.rewrite(tenant, tool_id, anew, agent_id)

    def delete(self, tenant: str, agent_id: str, tool_id: str) -> JsonObject:
        """Take a tool away; tasks that were compiled with it keep it.

        Raises:
            NotFound: The agent has none of that id.
        """
        answer = self._tools.delete(tenant, tool_id, agent_id)
        change = Change(delete_from={"tools": {tool_id}}, condition="attribute_exists(#pk)")
        with suppress(ConditionFailed):
            self._tables.update(self._agents.key(tenant, agent_id), change)
        return answer

    def _check(self, tool: JsonObject) -> None:
        from statemachines.parse import check_tool
        from statemachines.problems import Problems
        from statemachines.source import Source

        problems = Problems(Source(tool))
        check_tool(tool, "", problems)
        problems.take(self._check_tool(tool), ())
        if problems.errors:
            first = problems.errors[0]
            raise InvalidRequest(f"The tool is not well defined: {first.loc} {first.msg}", problems.errors)

    def _first(self, tenant: str, body: JsonObject, claimed: Claim) -> Claim | None:
        if not claimed.again:
            return None
        tool_id = self._tools.names.first(tenant, body["name"], claimed.once, body["agent_id"])
        return None if tool_id is None else Claim(tool_id, repeated=True)

    def _make(self, tenant: str, body: JsonObject, claimed: Claim) -> JsonObject:
        self._note(tenant, body["agent_id"], claimed.id)
        return self._tools.create(tenant, body, entity_id=claimed.id, repeated=claimed.repeated, once=claimed.once)

    def _note(self, tenant: str, agent_id: str, tool_id: str) -> None:
        change = Change(add_to={"tools": {tool_id}}, condition="attribute_exists(#pk) AND attribute_not_exists(#gone)")
        try:
            agent = self._tables.update(self._agents.key(tenant, agent_id), change)
        except ConditionFailed:
            raise self._agents.missing(agent_id) from None
        if len(agent["tools"]) > MAX_TOOLS:
            undo = Change(delete_from={"tools": {tool_id}}, condition="attribute_exists(#pk)")
            self._tables.update(self._agents.key(tenant, agent_id), undo)
            raise InvalidRequest(f"An agent has at most {MAX_TOOLS:,} tools")


def tools_of(tables: Tables, tenant: str, agent: Item) -> dict[str, JsonObject]:
    """An agent's tools by name, read by key.

    Args:
        tables: Where they are kept.
        tenant: Whose.
        agent: The agent's item.
    """
    keys = tool_keys(tenant, agent.get("tools") or ())
    return tools_among(tables.get_many(keys) if keys else {}, agent)


def tool_keys(tenant: str, ids: Iterable[str]) -> list[Key]:
    """The keys of some tools."""
    return [Key("core", f"{tenant}#tool#{tool_id}") for tool_id in sorted(ids)]


def tools_among(found: Mapping[Key, Item], agent: Item) -> dict[str, JsonObject]:
    """Those of the items that are tools of an agent, by name."""
    bodies: list[dict[str, Any]] = [loads(item["body"]) for item in found.values()]
    return {body["name"]: body for body in bodies if body["agent_id"] == agent["id"]}
