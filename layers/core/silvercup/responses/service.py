"""Responses: asked for, at once or as a stream, and found again.

A conversation is a session, and a response is a turn in it. One that goes on from the last response is written behind it; one that goes on from
an earlier one begins a session of its own with a copy of the history that the model was sent, as does one that another overtook. So two may
follow the same one, and a long conversation is never copied while it goes straight on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from silvercup.chat.asking import Line
from silvercup.chat.calls import open_calls
from silvercup.chat.preparing import Prepared, Preparer
from silvercup.chat.reading import Conversation
from silvercup.chat.request import ChatRequest
from silvercup.chat.rounds import Outcome
from silvercup.chat.service import ChatService
from silvercup.chat.turns import Place, Turn
from silvercup.chat.window import Window
from silvercup.errors import ConditionFailed
from silvercup.ids import now_us, time_of
from silvercup.llm.model import usage
from silvercup.llm.service import Models
from silvercup.resources.session_fields import DEFAULTS
from silvercup.responses.ids import ResponseId
from silvercup.responses.keeping import ResponseKeeper, agent_of, copies_of
from silvercup.responses.reading import KEPT, Earlier, Found, ResponseReader
from silvercup.responses.request import ResponseRequest, wrong
from silvercup.responses.shapes import output_of, response, status_of
from silvercup.responses.streaming import Telling, Writer
from silvercup.values import JsonObject, loads


@dataclass(frozen=True, slots=True)
class Plan:
    """A response before the model is asked.

    Attributes:
        id: Its id.
        asked: What is asked.
        prepared: Its turn.
        model: The model that will answer.
        behind: Whether it is written behind the one before.
        copies: What a session of its own begins with.
        kept: What is kept of the request.
    """

    id: ResponseId
    asked: ResponseRequest
    prepared: Prepared
    model: str
    behind: bool
    copies: list[Turn]
    kept: str


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
        plan = self._plan(tenant, asked, turn_id, again=again)
        if isinstance(plan, dict):
            return plan
        return self._kept(plan, self._chats.answer(plan.prepared))

    def stream(self, tenant: str, asked: ResponseRequest, turn_id: str, *, again: bool = False) -> ResponseStream:
        """As ``create``, in events. It is prepared here, so that a bad request is refused at once."""
        plan = self._plan(tenant, asked, turn_id, again=again)
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

    def _plan(self, tenant: str, asked: ResponseRequest, turn_id: str, *, again: bool) -> Plan | JsonObject:
        """What to do; the response itself where it was made before."""
        kept = asked.stored()
        agent = agent_of(tenant)
        earlier = None if asked.previous is None else self._reader.earlier(tenant, asked.previous, agent)
        talk = _nothing(tenant, turn_id, agent) if earlier is None else earlier.talk
        talk = _with_settings(talk, asked)
        if again and (done := self._made(tenant, earlier, turn_id)) is not None:
            return done
        self._check_calls(talk, asked)
        prepared = self._preparer.ready(talk, _chat_request(asked, turn_id, again=again))
        behind = earlier is not None and earlier.is_last
        copies = [] if behind else copies_of(prepared.turns, talk.summary, turn_id)
        if behind:
            id_ = ResponseId.of(talk.place.session, talk.window.turns, turn_id)
        else:
            id_ = ResponseId.of(turn_id, len(copies), turn_id)
        model = self._models.resolve(prepared.model, api_key=asked.api_key).model
        return Plan(id_, asked, prepared, model, behind, copies, kept)

    def _made(self, tenant: str, earlier: Earlier | None, turn_id: str) -> JsonObject | None:
        """The response that the same request has had."""
        number = 0 if earlier is None else earlier.found.turn.number + 1
        places = [ResponseId.of(turn_id, 0, turn_id)]
        if earlier is not None:
            places = [ResponseId.of(earlier.found.place.session, number, turn_id)]
            places += [ResponseId.of(turn_id, one, turn_id) for one in (1, 2, 3, 4)]
        for id_ in places:
            if (found := self._reader.find(tenant, str(id_))) is not None:
                return shown(str(id_), found)
        return None

    def _check_calls(self, talk: Conversation, asked: ResponseRequest) -> None:
        """Refuse an output whose call is not there."""
        waiting = open_calls(entry for turn in talk.turns for entry in turn.said)
        for message, place in zip(asked.messages, asked.places, strict=True):
            if message["role"] != "tool":
                waiting = open_calls([message])
                continue
            if message["tool_call_id"] not in waiting:
                raise wrong(
                    f"{place}.call_id",
                    f"{message['tool_call_id']!r} is the call_id of no function_call that waits for its output;"
                    f" those that wait: {', '.join(waiting) or 'none'}",
                    "send the function_call before it, or previous_response_id of the response that made it",
                )
            waiting.remove(message["tool_call_id"])

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
            output=output_of(id_, entries),
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


def shown(response_id: str, found: Found) -> JsonObject:
    """A response that was kept."""
    turn = found.turn
    status, reason = status_of(turn.entries)
    return response(
        response_id,
        t=time_of(turn.id),
        shown=loads(found.item[KEPT]),
        model=turn.model,
        status=status,
        reason=reason,
        output=output_of(response_id, turn.entries),
        used=usage(*(turn.used or (0, 0))),
        session=found.place.session,
    )


def _nothing(tenant: str, session_id: str, agent: JsonObject) -> Conversation:
    """A conversation in which nothing was said."""
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
    )


def _with_settings(talk: Conversation, asked: ResponseRequest) -> Conversation:
    """A conversation whose session is as this request wants it."""
    overflow = "truncate" if asked.shown["truncation"] == "auto" else None
    session = {**talk.session, **DEFAULTS, "context_overflow": overflow, "render_templates": False}
    return replace(talk, session=session)


def _chat_request(asked: ResponseRequest, turn_id: str, *, again: bool) -> ChatRequest:
    return ChatRequest(
        messages=asked.messages,
        id=turn_id,
        settings=asked.settings,
        tools=[*asked.tools.values()],
        tool_choice=asked.tool_choice,
        recall=False,
        save=asked.store,
        auto_run_tools=bool(asked.searches),
        api_key=asked.api_key,
        once=turn_id,
        again=again,
        system=asked.instructions,
    )
