"""Responses over tables in memory and a model that is told what to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from silvercup.chat.history import HistoryQuery, HistoryService
from silvercup.chat.keeping import Keeper
from silvercup.chat.preparing import Preparer
from silvercup.chat.service import ChatService
from silvercup.chat.turn_store import TurnStore
from silvercup.deletions import Graves
from silvercup.ids import uuid7
from silvercup.llm.catalog import Catalog
from silvercup.llm.limits import LimitTable
from silvercup.llm.model import Chunk, Completion, ModelRequest, chunk, completion, usage
from silvercup.llm.service import Models
from silvercup.llm.streams import Ready
from silvercup.llm.tokens import estimate
from silvercup.resources.agents import AgentService
from silvercup.resources.projects import ProjectService
from silvercup.resources.sessions import SessionService
from silvercup.responses.bodies import request_of
from silvercup.responses.keeping import ResponseKeeper
from silvercup.responses.reading import ResponseReader
from silvercup.responses.service import ResponseService
from silvercup.settings import Settings
from silvercup.tools.calls import ToolCall
from tests.support.tables import MemoryBlobs, MemoryQueue, MemoryTables

TENANT = "00000000-0000-0000-0000-000000000000"

type Message = dict[str, Any]


def calling(*calls: tuple[str, str, str], text: str | None = None) -> Message:
    """A message that calls functions: (id, name, arguments)."""
    made = [{"id": id_, "type": "function", "function": {"name": name, "arguments": args}} for id_, name, args in calls]
    return {"role": "assistant", "content": text, "tool_calls": made}


class Scripted:
    """A ``ChatModel`` that says what it is told, then ``re: <the last user's words>``; it keeps what it was sent."""

    name = "offline"

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []
        self.answers: list[Message | Exception] = []
        self.finish: str | None = None
        self.chunks: list[Chunk] = []
        self.before: Callable[[], None] = lambda: None

    def _next(self, request: ModelRequest) -> tuple[Message, str]:
        self.requests.append(request)
        self.before()
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
        else:
            last = next(one for one in reversed(request.messages) if one["role"] == "user")
            answer = {"role": "assistant", "content": f"re: {last['content']}"}
        return answer, self.finish or ("tool_calls" if answer.get("tool_calls") else "stop")

    def complete(self, request: ModelRequest) -> Completion:
        answer, finish = self._next(request)
        return completion(id_="c", created=0, model="told", message=answer, finish_reason=finish, used=_used(request))

    def stream(self, request: ModelRequest) -> Ready:
        if self.chunks:
            return Ready(iter(self.chunks))
        answer, finish = self._next(request)
        head: dict[str, Any] = {"id_": "c", "created": 0, "model": "told"}
        words = answer.get("content") or ""
        chunks = [chunk(**head, delta={"content": words[at : at + 3]}) for at in range(0, len(words), 3)]
        for index, call in enumerate(answer.get("tool_calls") or ()):
            function = call["function"]
            first = {"index": index, **call, "function": {"name": function["name"], "arguments": ""}}
            chunks.append(chunk(**head, delta={"tool_calls": [first]}))
            rest = {"index": index, "function": {"arguments": function["arguments"]}}
            chunks.append(chunk(**head, delta={"tool_calls": [rest]}))
        return Ready(iter([*chunks, chunk(**head, finish_reason=finish, used=_used(request))]))

    def count(self, request: ModelRequest) -> int | None:
        return None

    @property
    def sent(self) -> list[tuple[str, Any]]:
        """(role, content) of what it was sent last."""
        return [(one["role"], one.get("content")) for one in self.requests[-1].messages]


def _used(request: ModelRequest) -> dict[str, Any]:
    return usage(estimate([request.messages, request.tools]), 5)


class Tools:
    """Runs tools: the web has one page."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    def run(self, call: ToolCall) -> Any:
        self.calls.append(call)
        return {"result": [{"title": "A page"}]}


class World:
    """All that responses need."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.blobs = MemoryBlobs()
        self.model = Scripted()
        self.tools = Tools()
        self.key: str | None = "brave-key"
        turns = TurnStore(self.tables, self.blobs)
        keeper = Keeper(self.tables, turns)
        graves = Graves(self.tables, MemoryQueue())
        catalog = Catalog(Settings(model="offline"))
        models = Models(catalog, {"offline": lambda: self.model}, LimitTable())
        agents = AgentService(self.tables, lambda: catalog, ProjectService(self.tables), graves)
        self.sessions = SessionService(self.tables, graves)
        preparer = Preparer(self.tables, turns, models, lambda: pytest.fail("no docs are looked for"), keeper.spend)
        self.service = ResponseService(
            ChatService(models, preparer, keeper, lambda: self.tools),
            models,
            preparer,
            ResponseReader(self.tables, turns),
            ResponseKeeper(turns, keeper, self.sessions, agents),
            lambda _: self.key,
        )
        self.histories = HistoryService(self.tables, turns, graves)
        self.agents = agents

    def create(
        self, given: Any, *, tenant: str = TENANT, turn_id: str | None = None, again: bool = False, **fields: Any
    ) -> dict[str, Any]:
        """A response."""
        asked = request_of({"input": given, **fields}, lambda: self.key)
        return self.service.create(tenant, asked, turn_id or uuid7(), again=again)

    def stream(
        self, given: Any, *, turn_id: str | None = None, again: bool = False, **fields: Any
    ) -> list[dict[str, Any]]:
        """The events of a response."""
        asked = request_of({"input": given, **fields}, lambda: self.key)
        events: list[dict[str, Any]] = []
        self.service.stream(TENANT, asked, turn_id or uuid7(), again=again).run(events.append)
        return events

    def get(self, response: dict[str, Any]) -> dict[str, Any]:
        """The response as it is kept."""
        return self.service.get(TENANT, response["id"])

    def history(self, response: dict[str, Any]) -> list[str]:
        """What was said in a response's session."""
        page = self.histories.list(TENANT, response["conversation"]["id"], HistoryQuery())
        return [entry["content"][0]["text"] for entry in page["entries"]]


@pytest.fixture
def world() -> World:
    return World()
