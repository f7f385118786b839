"""Keeping a turn: the turn itself, whole, then what the session knows of it."""

from __future__ import annotations

import logging
from dataclasses import replace

from silvercup.chat.prepared import Prepared
from silvercup.chat.request import entry_of
from silvercup.chat.rounds import Outcome
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import TABLE, Turn
from silvercup.errors import NotFound, SilvercupError
from silvercup.ids import now_us
from silvercup.resources.sessions import touched
from silvercup.storage import Item, Tables
from silvercup.usage.spending import Call, remains, spent
from silvercup.values import dumps

MOST_HINTED = 20
"""Ids of tools that a session's item remembers, so that they are read with the agent; those of an agent with more take a batch more."""

logger = logging.getLogger(__name__)


class Keeper:
    """Keeps turns.

    Args:
        tables: Where sessions are.
        turns: Their turns.
    """

    def __init__(self, tables: Tables, turns: TurnStore) -> None:
        self._tables = tables
        self._turns = turns

    def keep(self, prepared: Prepared, outcome: Outcome, *, extra: Item | None = None, exact: bool = False) -> Turn:
        """Write a turn down, whole, and tell the session of it.

        Args:
            prepared: The turn before the model was asked.
            outcome: What came of it.
            extra: Further attributes of the turn's item.
            exact: Write it behind the last turn that was read or nowhere.

        Returns:
            The turn; another one when the same request was answered meanwhile.

        Raises:
            NotFound: The session was deleted meanwhile.
            ConditionFailed: ``exact``, and another turn is there.
        """
        request, talk = prepared.request, prepared.conversation
        said = [entry_of(message, "api_request") for message in prepared.prompt.new]
        entries = (*said, *outcome.entries)
        turn = Turn(
            number=talk.window.turns,
            id=request.id,
            t=now_us(),
            entries=entries,
            tokens=sum(entry["tokens"] for entry in entries),
            model=prepared.spent.calls[-1][0] if prepared.spent.calls else "",
            once=request.once,
            again=request.again,
        )
        if not request.save:
            self.spend(prepared)
            return turn
        place = talk.place
        attributes = {**self._spent(prepared, turn.t, turn.id), **(extra or {})}
        written, window = self._turns.put(place, turn, talk.window, attributes, exact=exact)
        ratio = _ratio(prepared, outcome)
        window = replace(window, ratio=ratio, limit=int(prepared.room.most / ratio))
        window = self._turns.packs.pack(place, window, [*talk.turns, written])
        if not self._turns.note(place, window, talk.seen, self._changes(prepared, written)):
            self._turns.forget(place, written)
            self.spend(prepared)
            raise NotFound(f"Session {place.session} was deleted meanwhile")
        return written

    def _changes(self, prepared: Prepared, turn: Turn) -> Item:
        talk = prepared.conversation
        at = max(turn.t, talk.item["updated_at"] + 1)
        changes = touched(talk.place.session, at)
        known = None if len(talk.tools) > MOST_HINTED else dumps(talk.tool_ids)
        return changes if talk.item.get("tool_ids") == known else {**changes, "tool_ids": known}

    def spend(self, prepared: Prepared) -> None:
        """Write down what was used by a turn that is not kept."""
        item = remains(self._spent(prepared, now_us(), prepared.request.id))
        if item is None:
            return
        try:
            self._tables.put(TABLE, item)
        except SilvercupError:
            logger.warning("What a turn used could not be written down")

    def _spent(self, prepared: Prepared, at: int, id_: str) -> Item:
        talk = prepared.conversation
        return spent(
            talk.place.tenant,
            [Call(*call) for call in prepared.spent.calls],
            at=at,
            id_=id_,
            agent=talk.agent["id"],
            session=talk.place.session,
            own_key=prepared.api_key is not None,
        )


def _ratio(prepared: Prepared, outcome: Outcome) -> float:
    """What the provider counted for a token of our estimate; as before where that says little."""
    estimated, counted = prepared.estimated, outcome.first_prompt_tokens
    if estimated < 200 or not counted:
        return prepared.room.ratio
    return min(max(counted / estimated, 0.3), 3.0)
