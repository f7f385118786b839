"""Responses: asked for, at once or as a stream, and found again.

A conversation is a session, and a response is a turn in it. One that goes on from the last response is written behind it; one that goes on from
an earlier one begins a session of its own with a copy of the history that the model was sent, as does one that another overtook. So two may
follow the same one, and a long conversation is never copied while it goes straight on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from silvercup.chat.asking import Line
from silvercup.chat.preparing import Preparer
from silvercup.chat.rounds import Outcome
from silvercup.chat.service import ChatService
from silvercup.chat.turns import Turn
from silvercup.errors import ConditionFailed
from silvercup.ids import now_us, time_of
from silvercup.llm.service import Models
from silvercup.responses.keeping import ResponseKeeper, copies_of
from silvercup.responses.planning import Plan, Planner, shown
from silvercup.responses.reading import ResponseReader
from silvercup.responses.request import ResponseRequest
from silvercup.responses.shapes import output_of, response, status_of
from silvercup.responses.streaming import Telling, Writer
from silvercup.values import JsonObject


class ResponseService:
    """Responses of all tenants. Another tenant's response is not there.

    Args:
        chats: Asks models.
        models: Says which model a name stands for.
        preparer: Prepares turns.
        reader: Reads responses.
        keeper: Keeps them.
        search_key: Gives a developer's key of Brave's search, None where there is none.
    """

    def __init__(
        self,
        chats: ChatService,
        models: Models,
        preparer: Preparer,
        reader: ResponseReader,
        keeper: ResponseKeeper,
        search_key: Callable[[str], str | None],
    ) -> None:
        self._chats = chats
        self._models = models
        self._preparer = preparer
        self._reader = reader
        self._keeper = keeper
        self._planner = Planner(models, preparer, reader)
        self._search_key = search_key

    def search_key(self, tenant: str) -> str | None:
        """A developer's key of Brave's search."""
        return self._search_key(tenant)

    def get(self, tenant: str, response_id: str) -> JsonObject:
        """A response that was kept.

        Raises:
            NotFound: The tenant has none of it, it was deleted, or it was not stored.
        """
        return shown(response_id, self._reader.existing(tenant, response_id))

    def create(self, tenant: str, asked: ResponseRequest, turn_id: str, *, again: bool = False) -> JsonObject:
        """Ask for a response.

        Args:
            tenant: Whose.
            asked: What is asked.
            turn_id: The id of its turn, and of its session where it gets one of its own.
            again: Whether the client may have sent the request before: then that one's response is found by the same ``turn_id``.

        Raises:
            NotFound: There is no response to go on from.
            InvalidRequest, ContextOverflow, ModelRejected, ModelUnavailable: As ``ChatService.chat``; nothing is kept.
            TooLarge: The request is too large to be kept.
        """
        plan = self._planner.plan(tenant, asked, turn_id, again=again)
        if isinstance(plan, dict):
            return plan
        return self._kept(plan, self._chats.answer(plan.prepared))

    def stream(self, tenant: str, asked: ResponseRequest, turn_id: str, *, again: bool = False) -> ResponseStream:
        """As ``create``, in events. It is prepared here, so that a bad request is refused at once."""
        plan = self._planner.plan(tenant, asked, turn_id, again=again)
        line = Line(turn_id, now_us())

        def play(writer: Writer) -> None:
            if isinstance(plan, dict):
                writer.replay(plan)
                return
            outcome = self._chats.play(
                plan.prepared, Telling(self._models, self._preparer, plan.prepared, line, writer)
            )
            made = self._kept(plan, outcome)
            if not outcome.interrupted:
                writer.finish(made)

        first = plan if isinstance(plan, dict) else self._begun(plan)
        searches = frozenset[str]() if isinstance(plan, dict) else asked.searches
        return ResponseStream(line, play, Writer(first, searches))

    def _kept(self, plan: Plan, outcome: Outcome) -> JsonObject:
        """Keep a response, and show it."""
        prepared = plan.prepared
        session: str | None = None
        entries: Sequence[JsonObject] = outcome.entries
        if plan.asked.store:
            entries = self._written(plan, outcome).entries
            session = prepared.conversation.place.session
        else:
            self._keeper.spend(prepared)
        status, reason = status_of(entries)
        id_ = str(plan.id)
        return response(
            id_,
            t=time_of(prepared.request.id),
            shown=plan.asked.shown,
            model=prepared.spent.calls[-1][0] or plan.model,
            status=status,
            reason=reason,
            output=output_of(id_, entries, plan.asked.searches),
            used=prepared.spent.usage,
            session=session,
        )

    def _written(self, plan: Plan, outcome: Outcome) -> Turn:
        prepared, turn_id = plan.prepared, plan.prepared.request.id
        if plan.behind:
            try:
                return self._keeper.behind(prepared, outcome, plan.kept)
            except ConditionFailed:
                # Another response follows the same one by now.
                copies = copies_of(prepared.turns, prepared.conversation.summary, turn_id)
                return self._keeper.begin(prepared, outcome, plan.kept, plan.id.branch, copies)
        return self._keeper.begin(prepared, outcome, plan.kept, turn_id, plan.copies)

    def _begun(self, plan: Plan) -> JsonObject:
        """A response whose model is about to be asked."""
        shown_ = plan.asked.shown
        t = time_of(plan.prepared.request.id)
        return response(str(plan.id), t=t, shown=shown_, model=plan.model, status="in_progress", output=[])


class ResponseStream:
    """A response in events: ``run`` in a thread of its own, ``close`` from any other.

    Args:
        line: To the client.
        play: Plays the turn, keeps it, and tells of it.
        writer: Writes the events.
    """

    def __init__(self, line: Line, play: Callable[[Writer], None], writer: Writer) -> None:
        self._line = line
        self._play = play
        self._writer = writer

    @property
    def id(self) -> str:
        """The response's id."""
        return self._writer.id

    @property
    def t(self) -> int:
        """When it began, microseconds since the epoch."""
        return self._line.t

    def close(self) -> None:
        """Stop the model: the client has gone away. What was said so far is kept; its status is incomplete."""
        self._line.close()

    def run(self, emit: Callable[[JsonObject], None]) -> None:
        """Play the turn.

        Args:
            emit: Takes each event.

        Raises:
            SilvercupError: The model could not begin to answer. Where it could not go on, an event says so.
        """
        self._writer.to(emit)
        with self._writer.failing():
            self._play(self._writer)
