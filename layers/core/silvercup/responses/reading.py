"""Finding a response by its id, and the conversation up to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from silvercup.chat.reading import Conversation, Reader, start_of
from silvercup.chat.summaries import summary_of
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Place, Turn
from silvercup.chat.window import Window
from silvercup.deletions import is_gone
from silvercup.errors import NotFound
from silvercup.resources.entities import shown
from silvercup.resources.secret_values import ProviderKeys
from silvercup.resources.session_fields import DEFAULTS
from silvercup.responses.ids import ResponseId
from silvercup.storage import Item, Key, Tables
from silvercup.values import JsonObject

KEPT = "response"
"""The attribute of a turn's item that holds what the response shows of its request."""
MOST_COPIES = 4
"""Turns that the history is copied into, at most, where a branch begins."""


@dataclass(frozen=True, slots=True)
class Found:
    """A response.

    Attributes:
        place: Its session.
        session: The session's item.
        item: Its turn's item.
        turn: The turn, whole.
        next: The turn after it, where there is one.
    """

    place: Place
    session: Item
    item: Item
    turn: Turn
    next: Turn | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The conversation up to a response.

    Attributes:
        found: The response.
        talk: The conversation; its last turn is the response's.
        is_last: Whether nothing follows it: then what is new may be written behind it.
    """

    found: Found
    talk: Conversation
    is_last: bool


class ResponseReader:
    """Reads responses, by key.

    Args:
        tables: Where they are.
        turns: Reads turns.
        provider_keys: Where developers' own keys of models' providers are; None: nowhere.
    """

    def __init__(self, tables: Tables, turns: TurnStore, provider_keys: ProviderKeys | None = None) -> None:
        self._tables = tables
        self._provider_keys = provider_keys
        self._turns = turns
        self._reader = Reader(tables, turns)

    def find(self, tenant: str, text: str) -> Found | None:
        """A response by its id; None where the tenant has none of it, or it was deleted."""
        wanted = ResponseId.read(text)
        if wanted is None:
            return None
        found = self._at(Place(tenant, wanted.session), wanted, [wanted.number])
        return found or self._at(Place(tenant, wanted.branch), wanted, range(MOST_COPIES + 1))

    def existing(self, tenant: str, text: str) -> Found:
        """A response by its id.

        Raises:
            NotFound: The tenant has none of it, it was deleted, or it was not stored.
        """
        found = self.find(tenant, text)
        if found is None:
            raise NotFound(f"Response {text[:80]!r} not found; a response is only kept with store: true")
        return found

    def earlier(self, tenant: str, text: str, agent: JsonObject) -> Earlier:
        """The conversation up to a response.

        Args:
            tenant: Whose.
            text: The response's id.
            agent: The one that speaks.

        Raises:
            NotFound: As ``existing``.
        """
        found = self.existing(tenant, text)
        place, turn = found.place, found.turn
        window = Window.decode(found.session.get("window"))
        if turn.number >= window.turns:
            window = self._turns.caught_up(place, window)
        is_last = found.next is None and turn.number == window.turns - 1
        if not is_last:
            window = window.upto(turn.number, turn.total, turn.tokens)
        start = start_of(window)
        first = self._reader.first(window, start, again=False) if is_last else start
        summary = [place.summary(window.summary.number)] if window.summary else []
        secrets = self._secret_keys(tenant, agent)
        keys = [*secrets, *summary, *self._turns.keys(place, window, first)]
        items = self._tables.get_many(key for key in keys if is_last or key != place.turn(window.turns))
        read = self._turns.read(place, window, first, items)
        if is_last and read.window.turns > turn.number + 1:
            is_last = False
            read = replace(
                read,
                window=read.window.upto(turn.number, turn.total, turn.tokens),
                turns=[one for one in read.turns if one.number <= turn.number],
            )
        talk = Conversation(
            place=place,
            item=found.session,
            session=shown(found.session),
            window=read.window,
            agent=agent,
            agents=[agent],
            users=[],
            tools={},
            turns=self._turns.whole(read.turns),
            start=start,
            summary=summary_of(items.get(summary[0])) if summary else None,
            secrets={key: items[key] for key in secrets if key in items},
        )
        return Earlier(found, talk, is_last)

    def nothing(self, tenant: str, session_id: str, agent: JsonObject) -> Conversation:
        """A conversation in which nothing was said yet.

        Args:
            tenant: Whose.
            session_id: The session that it will be.
            agent: The one that speaks.
        """
        secrets = self._secret_keys(tenant, agent)
        return Conversation(
            place=Place(tenant, session_id),
            item={"updated_at": 0},
            session={**DEFAULTS, "id": session_id},
            window=Window(),
            agent=agent,
            agents=[agent],
            users=[],
            tools={},
            turns=[],
            start=0,
            secrets=self._tables.get_many(secrets) if secrets else {},
        )

    def _secret_keys(self, tenant: str, agent: JsonObject) -> list[Key]:
        return self._provider_keys.keys(tenant, agent["id"]) if self._provider_keys else []

    def _at(self, place: Place, wanted: ResponseId, numbers: Sequence[int]) -> Found | None:
        """The response, at one of some places in a session."""
        keys = [place.key, *(place.turn(number) for number in (*numbers, numbers[-1] + 1))]
        items = self._tables.get_many(keys)
        session = items.get(place.key)
        if session is None or is_gone(session):
            return None
        first = Window.decode(session.get("window")).first
        for number in numbers:
            item = items.get(place.turn(number))
            if item is not None and KEPT in item and wanted.is_of(item["id"]) and number >= first:
                after = items.get(place.turn(number + 1))
                following = None if after is None else self._turns.of_item(after)
                return Found(place, session, item, self._turns.of_item(item), following)
        return None
