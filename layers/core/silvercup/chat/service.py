"""Chats: a turn from a request to an answer, at once or as a stream, and what would be sent without sending it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from silvercup.chat import answers, rounds
from silvercup.chat.asking import Asking, Line, Streaming
from silvercup.chat.keeping import Keeper
from silvercup.chat.prepared import Prepared
from silvercup.chat.preparing import Preparer
from silvercup.chat.request import ChatRequest
from silvercup.chat.rounds import Outcome
from silvercup.ids import derived_uuid7, now_us
from silvercup.llm.service import Models
from silvercup.tool_types import runs_here
from silvercup.tools.calls import ToolCall
from silvercup.values import JsonObject


class ToolRunner(Protocol):
    """What a chat needs of the tools."""

    def run(self, call: ToolCall, /) -> Any:
        """The result of a call, a JSON value.

        Raises:
            SilvercupError: It failed; the message is for the model.
        """
        ...


class ChatService:
    """Chats of all tenants.

    Args:
        models: What is asked.
        preparer: Prepares turns.
        keeper: Keeps them.
        tools: Gives what runs tools.
    """

    def __init__(self, models: Models, preparer: Preparer, keeper: Keeper, tools: Callable[[], ToolRunner]) -> None:
        self._models = models
        self._preparer = preparer
        self._keeper = keeper
        self._tools = tools

    def render(self, tenant: str, session_id: str, request: ChatRequest) -> JsonObject:
        """What ``chat`` would send: ``{messages, docs, tools, tool_choice}``; as in v1, a tool's name stands beside its function too.

        Raises:
            NotFound, InvalidRequest, ContextOverflow, ModelRejected, ModelUnavailable: As ``Preparer.prepare``.
        """
        prepared = self._preparer.prepare(tenant, session_id, request)
        self._keeper.spend(prepared)
        return {
            "messages": prepared.messages(),
            "docs": prepared.docs,
            "tools": [{"name": tool["function"]["name"], **tool} for tool in prepared.prompt.functions],
            "tool_choice": request.tool_choice,
        }

    def chat(self, tenant: str, session_id: str, request: ChatRequest) -> JsonObject:
        """A turn, and v1's answer to it.

        Raises:
            NotFound, InvalidRequest, ContextOverflow, ModelRejected, ModelUnavailable: As ``Preparer.prepare``; nothing is kept.
        """
        prepared = self._preparer.prepare(tenant, session_id, request)
        if (done := answered(prepared)) is not None:
            return done
        outcome = self.answer(prepared)
        turn = self._keeper.keep(prepared, outcome)
        if turn.id != request.id:
            return answers.repeated(turn, prepared.docs)
        return answers.whole(
            id_=turn.id,
            t=turn.t,
            docs=prepared.docs,
            message=outcome.message,
            finish_reason=outcome.finish_reason,
            used=prepared.spent.usage,
        )

    def stream(self, tenant: str, session_id: str, request: ChatRequest) -> ChatStream:
        """A turn whose answer comes in parts. It is prepared here, so that a bad request is refused at once.

        Raises:
            NotFound, InvalidRequest, ContextOverflow, ModelRejected, ModelUnavailable: As ``Preparer.prepare``.
        """
        prepared = self._preparer.prepare(tenant, session_id, request)
        line = Line(request.id, now_us())

        def play(emit: Callable[[JsonObject], None]) -> None:
            asking = Streaming(self._models, self._preparer, prepared, line, emit)
            outcome = self.play(prepared, asking)
            self._keeper.keep(prepared, outcome)
            if not outcome.interrupted:
                asking.finish(outcome)

        return ChatStream(line, play, answered(prepared))

    def answer(self, prepared: Prepared) -> Outcome:
        """Ask the model of a turn, and run its tools; nothing is kept but what was used where it fails.

        Raises:
            ContextOverflow, ModelRejected, ModelUnavailable: As ``chat``.
        """
        return self.play(prepared, Asking(self._models, self._preparer, prepared))

    def play(self, prepared: Prepared, ask: Asking) -> Outcome:
        """As ``answer``, with what asks the model in its own way."""
        tools = prepared.prompt.tools
        talk, request = prepared.conversation, prepared.request

        def runs(name: str) -> bool:
            return prepared.auto and (name not in tools or runs_here(tools[name]))

        def run(tool: JsonObject, arguments: JsonObject, call_id: str) -> Any:
            call = ToolCall(
                tenant=talk.place.tenant,
                tool=tool,
                arguments=arguments,
                seconds=prepared.seconds,
                agent_id=talk.agent["id"],
                session_id=talk.place.session,
                may_use_secrets=not request.by_model or str(tool.get("name")) in talk.tools,
                made_id=derived_uuid7(now_us(), request.id, call_id),
            )
            return self._tools().run(call)

        try:
            return rounds.play(ask, run, tools, prepared.spent, runs=runs)
        except BaseException:
            self._keeper.spend(prepared)
            raise


class ChatStream:
    """A turn whose answer comes in parts: ``run`` in a thread of its own, ``close`` from any other.

    Args:
        line: To the client.
        play: Plays the turn, keeps it, and hands its parts on.
        done: The answer, where the same request has had it before.
    """

    def __init__(
        self, line: Line, play: Callable[[Callable[[JsonObject], None]], None], done: JsonObject | None
    ) -> None:
        self._line = line
        self._play = play
        self._done = done

    @property
    def id(self) -> str:
        """The id of the answer."""
        return self._line.id

    @property
    def t(self) -> int:
        """When it began, microseconds since the epoch."""
        return self._line.t

    def close(self) -> None:
        """Stop the model: the client has gone away. What was said so far is kept, and marked as interrupted."""
        self._line.close()

    def run(self, emit: Callable[[JsonObject], None]) -> None:
        """Play the turn.

        Args:
            emit: Takes each part of the answer.

        Raises:
            SilvercupError: The model can't answer, or not to the end; nothing is kept.
        """
        if self._done is None:
            self._play(emit)
            return
        for one in answers.in_parts(self._done):
            emit(one)


def answered(prepared: Prepared) -> JsonObject | None:
    """The answer that the same request has had, where the client sends it again."""
    if not prepared.request.again:
        return None
    turn = prepared.conversation.answered(prepared.request)
    return None if turn is None else answers.repeated(turn, prepared.docs)
