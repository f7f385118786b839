"""Which sessions an agent or a user takes part in: an item for each pair, in the list of the agent or user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched

from silvercup.deletions import is_gone
from silvercup.errors import ConditionFailed
from silvercup.ids import uuid7
from silvercup.listing import Listing
from silvercup.paging import index_attributes
from silvercup.resources.members import Member
from silvercup.storage import Item, Key, Tables
from silvercup.values import JsonObject, loads

_TABLE = "core"
_BATCH = 25


@dataclass(frozen=True, slots=True)
class Participant(Member):
    """An agent or a user of a session."""

    def among(self, body: JsonObject) -> bool:
        """Whether it takes part in a session."""
        return self.id in body[f"{self.role}s"]


def participants_of(body: JsonObject) -> list[Participant]:
    """Those of a session, the agents first."""
    agents = [Participant("agent", agent_id) for agent_id in body["agents"]]
    return agents + [Participant("user", user_id) for user_id in body["users"]]


def session_key(tenant: str, session_id: str) -> Key:
    """A session's key."""
    return Key(_TABLE, f"{tenant}#session#{session_id}")


def link_key(tenant: str, participant: Participant, session_id: str) -> Key:
    """The key of the item that says that a participant is one of a session."""
    return Key(_TABLE, f"{tenant}#sessionof#{participant.name}#{session_id}")


def partition(tenant: str, participant: Participant) -> str:
    """The list of a participant's links, in the order in which the sessions were made."""
    return f"{tenant}#sessions#{participant.name}"


def has_all(item: Item, wanted: Iterable[Participant]) -> bool:
    """Whether all of some participants are those of a session's item."""
    body: JsonObject = loads(item["body"])
    return all(participant.among(body) for participant in wanted)


def listing_of(tenant: str, wanted: Sequence[Participant], matches: Callable[[Item], bool]) -> Listing[Item]:
    """The sessions that all of some participants are in, in the order in which they were made: from the links of the first.

    The session says who is in it; a link that was left behind shows nothing.

    Args:
        tenant: Whose.
        wanted: The participants; the list belongs to the first.
        matches: Whether a session's item is wanted.
    """

    def is_shown(item: Item | None) -> bool:
        return item is not None and not is_gone(item) and matches(item) and has_all(item, wanted)

    def keys(entry: Item) -> Iterable[Key]:
        return (session_key(tenant, entry["id"]),)

    def show(entries: Sequence[Item], found: Mapping[Key, Item]) -> Sequence[Item | None]:
        items = [found.get(session_key(tenant, entry["id"])) for entry in entries]
        return [item if is_shown(item) else None for item in items]

    return Listing(
        _TABLE,
        "by_created",
        "created",
        partition(tenant, wanted[0]),
        keys,
        show,
        wanted[0].owner(tenant),
        picks=True,
        filters=filters_of(wanted),
    )


def filters_of(wanted: Sequence[Participant]) -> str:
    """What a cursor of such a list is bound to."""
    return " ".join(participant.name for participant in wanted)


class Links:
    """The links of all tenants' sessions.

    A link is written before the session says the same, and taken away after: so a session is always in the lists of its participants.
    Its ``stamp`` is new at each writing, and one is only taken away as it was seen before the session was changed: who makes an agent
    or a user a participant again at the same moment, loses no link.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def write(self, tenant: str, session_id: str, created_at: int, participants: Iterable[Participant]) -> None:
        """Write the links of some participants, 25 in a request.

        Args:
            tenant: Whose.
            session_id: Of which session.
            created_at: The session's, in microseconds since the epoch.
            participants: Which.
        """
        stamp = uuid7()
        for some in batched(participants, _BATCH):
            items: list[tuple[str, Item]] = []
            for participant in some:
                listed = index_attributes(partition(tenant, participant), session_id, created_at, created_at)
                del listed["updated"]
                pk = link_key(tenant, participant, session_id).pk
                items.append((_TABLE, {"pk": pk, "kind": "sessionof", "id": session_id, "stamp": stamp, **listed}))
            self._tables.put_many(items)

    def found(self, tenant: str, session_id: str, participants: Iterable[Participant]) -> list[Item]:
        """The links of some participants that are there, in one batch."""
        keys = [link_key(tenant, participant, session_id) for participant in participants]
        return [*self._tables.get_many(keys).values()] if keys else []

    def drop(self, links: Iterable[Item]) -> None:
        """Take links away, but not those that were written again."""
        for link in links:
            with suppress(ConditionFailed):
                self._tables.delete(Key(_TABLE, link["pk"]), condition="#stamp = :stamp", args={"stamp": link["stamp"]})
