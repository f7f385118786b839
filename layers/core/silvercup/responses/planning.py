"""What comes before the model is asked for a response: what it goes on from, and where it will be kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

from silvercup.chat.calls import open_calls
from silvercup.chat.prepared import Prepared
from silvercup.chat.preparing import Preparer
from silvercup.chat.reading import Conversation
from silvercup.chat.request import ChatRequest
from silvercup.chat.turns import Turn
from silvercup.ids import time_of
from silvercup.llm.model import usage
from silvercup.llm.service import Models
from silvercup.resources.session_fields import DEFAULTS
from silvercup.responses.ids import ResponseId
from silvercup.responses.keeping import agent_of, copies_of
from silvercup.responses.reading import KEPT, MOST_COPIES, Earlier, Found, ResponseReader
from silvercup.responses.request import ResponseRequest, wrong
from silvercup.responses.shapes import output_of, response, status_of
from silvercup.responses.tools import searches_of
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


class Planner:
    """Plans responses.

    Args:
        models: Says which model a name stands for.
        preparer: Prepares turns.
        reader: Reads responses.
    """

    def __init__(self, models: Models, preparer: Preparer, reader: ResponseReader) -> None:
        self._models = models
        self._preparer = preparer
        self._reader = reader

    def plan(self, tenant: str, asked: ResponseRequest, turn_id: str, *, again: bool) -> Plan | JsonObject:
        """What to do; the response itself where the same request has had it before.

        Raises:
            NotFound, InvalidRequest, ContextOverflow, ModelRejected, ModelUnavailable, TooLarge: As ``ResponseService.create``.
        """
        kept = asked.stored()
        agent = agent_of(tenant)
        earlier = None if asked.previous is None else self._reader.earlier(tenant, asked.previous, agent)
        talk = self._reader.nothing(tenant, turn_id, agent) if earlier is None else earlier.talk
        talk = _with_settings(talk, asked)
        if again and (done := self._made(tenant, earlier, turn_id)) is not None:
            return done
        check_outputs(talk, asked)
        prepared = self._preparer.ready(talk, _chat_request(asked, turn_id, again=again))
        behind = earlier is not None and earlier.is_last
        copies = [] if behind else copies_of(prepared.turns, talk.summary, turn_id)
        if behind:
            id_ = ResponseId.of(talk.place.session, talk.window.turns, turn_id)
        else:
            id_ = ResponseId.of(turn_id, len(copies), turn_id)
        model = self._models.resolve(prepared.model, api_key=prepared.api_key).model
        return Plan(id_, asked, prepared, model, behind, copies, kept)

    def _made(self, tenant: str, earlier: Earlier | None, turn_id: str) -> JsonObject | None:
        """The response that the same request has had."""
        number = 0 if earlier is None else earlier.found.turn.number + 1
        places = [ResponseId.of(turn_id, 0, turn_id)]
        if earlier is not None:
            places = [ResponseId.of(earlier.found.place.session, number, turn_id)]
            places += [ResponseId.of(turn_id, one, turn_id) for one in range(1, MOST_COPIES + 1)]
        for id_ in places:
            if (found := self._reader.find(tenant, str(id_))) is not None:
                return shown(str(id_), found)
        return None


def shown(response_id: str, found: Found) -> JsonObject:
    """A response that was kept."""
    turn = found.turn
    asked: JsonObject = loads(found.item[KEPT])
    status, reason = status_of(turn.entries)
    return response(
        response_id,
        t=time_of(turn.id),
        shown=asked,
        model=turn.model,
        status=status,
        reason=reason,
        output=output_of(response_id, turn.entries, searches_of(asked["tools"])),
        used=usage(*(turn.used or (0, 0))),
        session=found.place.session,
    )


def check_outputs(talk: Conversation, asked: ResponseRequest) -> None:
    """Refuse an output whose call is not there.

    Raises:
        InvalidRequest: Says which, and which calls wait for one.
    """
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
