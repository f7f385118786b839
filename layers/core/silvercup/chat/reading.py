"""What a turn starts from: the session, who takes part, the tools, and as much of the history as can be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from silvercup.chat.packs import packed_from
from silvercup.chat.request import ChatRequest, wrong
from silvercup.chat.summaries import summary_of
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Place, Turn
from silvercup.chat.window import Window
from silvercup.deletions import is_gone
from silvercup.docs.documents import DocOwner, owns_docs
from silvercup.docs.generations import POINTER
from silvercup.errors import InvalidRequest, NotFound
from silvercup.resources.entities import shown
from silvercup.resources.secret_values import ProviderKeys
from silvercup.resources.tools import tool_keys, tools_among
from silvercup.storage import Item, Key, Tables
from silvercup.values import JsonObject, loads

_LOOKED_AT = 4
"""Turns at the end in which the answer to a request that was sent again may be."""
_SLACK = 1.1
"""Room for history that this turn may have beyond what the last one had, without a second read."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A session as a turn finds it.

    Attributes:
        place: Where its turns are.
        item: Its item.
        session: As the API shows it, without its participants.
        window: Its history, with turns that the item does not know of yet.
        agent: The one that speaks.
        agents: All that are there.
        users: All that are there.
        tools: The speaking agent's, by name.
        turns: The turns that were read, whole, in order, without gaps up to the last one.
        start: The first of them that may be sent; those before it were read for another reason.
        summary: What stands for the turns before.
        owners: Whose docs are recalled: of all users and of the speaking agent, as in v1, as far as they have any.
        pointer: The item that names the index of docs.
        secrets: The items of secrets that may be the key of a model's provider, sealed; None: they were not read yet.
    """

    place: Place
    item: Item
    session: JsonObject
    window: Window
    agent: JsonObject
    agents: list[JsonObject]
    users: list[JsonObject]
    tools: dict[str, JsonObject]
    turns: list[Turn]
    start: int
    summary: str | None = None
    owners: tuple[DocOwner, ...] = ()
    pointer: Item | None = field(default=None, repr=False)
    secrets: Mapping[Key, Item] | None = field(default=None, repr=False)

    @property
    def seen(self) -> str | None:
        """The text of the window as the item has it."""
        return self.item.get("window")

    @property
    def tool_ids(self) -> dict[str, list[str]]:
        """Which tools the speaking agent has, for the session's item to remember: then they are read with the agent."""
        return {self.agent["id"]: sorted(str(tool["id"]) for tool in self.tools.values())}

    def answered(self, request: ChatRequest) -> Turn | None:
        """The turn that has answered this request already."""
        if not request.once:
            return None
        recent = (turn for turn in reversed(self.turns) if turn.t >= request.since)
        return next((turn for turn in recent if turn.once == request.once), None)


class Reader:
    """Reads conversations, by key: the session, then all the rest in one batch.

    Args:
        tables: Where they are.
        turns: Reads turns.
        provider_keys: Where developers' own keys of models' providers are; None: nowhere.
    """

    def __init__(self, tables: Tables, turns: TurnStore, provider_keys: ProviderKeys | None = None) -> None:
        self._tables = tables
        self._turns = turns
        self._provider_keys = provider_keys

    def session(self, place: Place) -> Item:
        """A session's item.

        Raises:
            NotFound: The tenant has none of that id.
        """
        item = self._tables.get(place.key)
        if item is None or is_gone(item):
            raise NotFound(f"Session {place.session} not found")
        return item

    def read(self, place: Place, request: ChatRequest) -> Conversation:
        """A conversation.

        Raises:
            NotFound: There is no such session.
            InvalidRequest: The agent that shall speak is none of the session, or was deleted.
        """
        item = self.session(place)
        body = shown(item)
        speaker = _speaker(body, request)
        window = Window.decode(item.get("window"))
        start = start_of(window)
        first = self.first(window, start, again=request.again)
        hinted = tool_keys(place.tenant, loads(item.get("tool_ids") or "{}").get(speaker, ()))
        agents = [Key("core", f"{place.tenant}#agent#{one}") for one in body["agents"]]
        users = [Key("core", f"{place.tenant}#user#{one}") for one in body["users"]]
        summary = [place.summary(window.summary.number)] if window.summary else []
        secrets = self._provider_keys.keys(place.tenant, speaker) if self._provider_keys else []
        keys = [*agents, *users, POINTER, *summary, *hinted, *secrets, *self._turns.keys(place, window, first)]
        found = self._tables.get_many(keys)
        agent_item = found.get(Key("core", f"{place.tenant}#agent#{speaker}"))
        if agent_item is None or is_gone(agent_item):
            raise wrong("agent", f"Agent {speaker} of session {place.session} was deleted")
        read = self._turns.read(place, window, first, found)
        return Conversation(
            place=place,
            item=item,
            session=body,
            window=read.window,
            agent=shown(agent_item),
            agents=_there(found, agents),
            users=_there(found, users),
            tools=self._tools(place.tenant, agent_item, found),
            turns=self._turns.whole(read.turns),
            start=start,
            summary=summary_of(found.get(summary[0])) if summary else None,
            owners=tuple(_owners(place.tenant, found, [DocOwner("user", one) for one in body["users"]], speaker)),
            pointer=found.get(POINTER),
            secrets={key: found[key] for key in secrets if key in found},
        )

    def earlier(self, conversation: Conversation, start: int) -> list[Turn]:
        """The turns from ``start`` on, up to the first that was read."""
        end = conversation.turns[0].number if conversation.turns else conversation.window.turns
        if start >= end:
            return []
        place, window = conversation.place, conversation.window
        known = {place.turn(number) for number in range(end, window.turns + 1)}
        found = self._tables.get_many(key for key in self._turns.keys(place, window, start) if key not in known)
        read = self._turns.read(place, window, start, found)
        return self._turns.whole([turn for turn in read.turns if turn.number < end])

    def first(self, window: Window, start: int, *, again: bool) -> int:
        """The first turn to read for those from ``start`` on: what will be packed is read, and where an answer may be that the client did not get."""
        first = start
        if again:
            first = min(first, max(window.first, window.turns - _LOOKED_AT))
        first = min(first, max(window.first, window.turns - 1))
        packed = packed_from(window)
        return first if packed is None else min(first, packed)

    def _tools(self, tenant: str, agent: Item, found: dict[Key, Item]) -> dict[str, JsonObject]:
        keys = tool_keys(tenant, agent.get("tools") or ())
        missing = [key for key in keys if key not in found]
        more = self._tables.get_many(missing) if missing else {}
        return tools_among({key: item for key, item in {**found, **more}.items() if key in set(keys)}, agent)


def start_of(window: Window) -> int:
    """The first turn that is likely to be sent, by what the last turn had room for."""
    return window.start if window.limit is None else window.back(int(window.limit * _SLACK))


def _speaker(body: JsonObject, request: ChatRequest) -> str:
    agents: Sequence[str] = body["agents"]
    if not agents:
        raise InvalidRequest(f"Session {body['id']} has no agent that could answer")
    if request.agent is None:
        return agents[0]
    if request.agent not in agents:
        raise wrong("agent", f"{request.agent} is no agent of this session; its agents: {', '.join(agents)}")
    return request.agent


def _owners(tenant: str, found: dict[Key, Item], users: Sequence[DocOwner], speaker: str) -> Iterator[DocOwner]:
    for owner in (*users, DocOwner("agent", speaker)):
        item = found.get(owner.key(tenant))
        if item is not None and owns_docs(item):
            yield owner


def _there(found: dict[Key, Item], keys: Sequence[Key]) -> list[dict[str, Any]]:
    return [shown(found[key]) for key in keys if not is_gone(found.get(key))]
