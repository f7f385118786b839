"""Keeping a response: behind the one before where nothing follows that yet, else as the beginning of a session of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from silvercup.chat.keeping import Keeper
from silvercup.chat.prepared import Prepared
from silvercup.chat.request import entry_of
from silvercup.chat.rounds import Outcome
from silvercup.chat.summaries import HEADING
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Place, Turn
from silvercup.chat.window import Window
from silvercup.errors import Conflict, InvalidRequest
from silvercup.ids import derived_uuid7, now_us
from silvercup.resources.agents import AgentService
from silvercup.resources.sessions import SessionService
from silvercup.responses.reading import KEPT, MOST_COPIES
from silvercup.values import JsonObject

_AGENTS = 4
_LONGEST = 50_000
"""Characters of instructions up to which a session has them too, for chats in it."""


def agent_of(tenant: str, number: int = 0) -> JsonObject:
    """The agent of a developer's responses: it has nothing of its own, a request says all.

    Args:
        tenant: Whose.
        number: Which; a later one is for when those before are being deleted.
    """
    return {
        "id": derived_uuid7(0, tenant, f"responses {number}"),
        "name": "Responses",
        "about": "Answers requests of the Responses API",
        "metadata": {"made_for": "responses"},
    }


class ResponseKeeper:
    """Keeps responses.

    Args:
        turns: Where turns are.
        keeper: Keeps a turn.
        sessions: Makes sessions.
        agents: Makes the agent of a developer's responses.
    """

    def __init__(self, turns: TurnStore, keeper: Keeper, sessions: SessionService, agents: AgentService) -> None:
        self._turns = turns
        self._keeper = keeper
        self._sessions = sessions
        self._agents = agents

    def spend(self, prepared: Prepared) -> None:
        """Write down what was used by a response that is not kept."""
        self._keeper.spend(prepared)

    def behind(self, prepared: Prepared, outcome: Outcome, kept: str) -> Turn:
        """Write a response behind the one before.

        Args:
            prepared: The turn before the model was asked.
            outcome: What came of it.
            kept: What the response shows of its request, JSON text.

        Raises:
            ConditionFailed: Something else follows that one by now.
            NotFound: The session was deleted meanwhile.
        """
        return self._keeper.keep(prepared, outcome, extra={KEPT: kept}, exact=True)

    def begin(
        self, prepared: Prepared, outcome: Outcome, kept: str, session_id: str, copies: Sequence[Turn] = ()
    ) -> Turn:
        """Write a response into a session of its own.

        Args:
            prepared: The turn before the model was asked.
            outcome: What came of it.
            kept: As for ``behind``.
            session_id: The session's id.
            copies: What was said before, see ``copies_of``.
        """
        talk, request = prepared.conversation, prepared.request
        tenant = talk.place.tenant
        agent = self._make(tenant, session_id, request.system or "", talk.session)
        place = Place(tenant, session_id)
        window = Window()
        for copy in copies:
            _, window = self._turns.put(place, copy, window, {})
        prepared.conversation = replace(talk, agent=agent, place=place, item={"updated_at": 0}, window=window, turns=[])
        return self._keeper.keep(prepared, outcome, extra={KEPT: kept})

    def _make(self, tenant: str, session_id: str, instructions: str, session: JsonObject) -> JsonObject:
        """Make a session, and the agent where that is not there yet.

        Returns:
            The agent.
        """
        fields: JsonObject = {"render_templates": False, "context_overflow": session["context_overflow"]}
        if len(instructions) <= _LONGEST:
            # A situation is a value: braces in it are no template.
            fields |= {"situation": instructions, "system_template": "{{ session.situation }}"}
        for agent in (agent_of(tenant, number) for number in range(_AGENTS)):
            own = {"agent": agent["id"], **fields}
            try:
                self._sessions.create(tenant, own, session_id=session_id, repeated=True)
            except InvalidRequest:
                with suppress(Conflict):  # it is still being deleted
                    self._agents.create(tenant, _written(agent), agent_id=agent["id"], repeated=True)
                    self._sessions.create(tenant, own, session_id=session_id, repeated=True)
                    return agent
            else:
                return agent
        raise Conflict("The agents of responses are being deleted; try again in a moment", should_retry=True)


def _written(agent: JsonObject) -> JsonObject:
    return {name: agent[name] for name in ("name", "about", "metadata")}


def copies_of(turns: Sequence[Turn], summary: str | None, session_id: str) -> list[Turn]:
    """A history in at most ``MOST_COPIES`` turns of about the same size, so that the beginning of a branch is a few writes at any length.

    Args:
        turns: The history.
        summary: What stands for what was before.
        session_id: The session that it is for.
    """
    parts: list[list[JsonObject]] = []
    share = sum(turn.tokens for turn in turns) / MOST_COPIES
    done = 0
    for turn in turns:
        place = min(int(done / share), MOST_COPIES - 1) if share else 0
        if not parts or place > len(parts) - 1:
            parts.append([])
        parts[-1].extend(turn.said)
        done += turn.tokens
    if summary:
        heading = entry_of({"role": "system", "content": HEADING + summary}, "summarizer")
        parts = [[heading, *parts[0]], *parts[1:]] if parts else [[heading]]
    now = now_us()
    return [
        Turn(
            number=index,
            id=derived_uuid7(now, session_id, str(index)),
            t=now,
            entries=tuple(entries),
            tokens=sum(int(entry["tokens"]) for entry in entries),
        )
        for index, entries in enumerate(parts)
    ]
