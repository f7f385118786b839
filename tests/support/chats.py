"""Chats in memory: the services of sessions over tables that count, a model that says what it is told, and docs beside them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from silvercup.chat.history import SOURCES, HistoryQuery, HistoryService
from silvercup.chat.keeping import Keeper
from silvercup.chat.packs import packed_from
from silvercup.chat.preparing import SECONDS, Preparer
from silvercup.chat.recall import Recall
from silvercup.chat.remains import Remains
from silvercup.chat.request import ChatRequest
from silvercup.chat.service import ChatService
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Place
from silvercup.chat.window import Window
from silvercup.deletions import Graves
from silvercup.errors import SilvercupError
from silvercup.ids import uuid7
from silvercup.llm import streams
from silvercup.llm.catalog import OFFLINE, Catalog
from silvercup.llm.limits import LimitTable
from silvercup.llm.model import Chunk, ChunkStream, Completion, ModelRequest, chunk, completion, usage
from silvercup.llm.service import Models
from silvercup.llm.tokens import estimate
from silvercup.resources.agents import AgentService
from silvercup.resources.idempotency import Claim
from silvercup.resources.projects import ProjectService
from silvercup.resources.sessions import SessionService
from silvercup.resources.tools import ToolService
from silvercup.resources.users import UserService
from silvercup.settings import Settings
from silvercup.storage import Item, Key
from silvercup.tools.calls import ToolCall
from silvercup.tools.definitions import problems_of
from silvercup.usage.service import UsageService
from silvercup.values import dumps
from tests.support.docs import TENANT, DocWorld
from tests.support.tables import MemoryQueue

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Says:
    """What a model answers.

    Attributes:
        text: The text.
        calls: The tools it calls: (name, arguments), the latter an object or the text of one.
        finish: Why it stops; by default what fits.
        prompt_tokens: What it counts for the prompt; None: the estimate.
        hang: In a stream: waits here, after the text and before the end.
        error: In a stream: breaks off so, after the text.
    """

    text: str = ""
    calls: Sequence[tuple[str, Any]] = ()
    finish: str | None = None
    prompt_tokens: int | None = None
    hang: threading.Event | None = None
    error: SilvercupError | None = None


type Step = Says | SilvercupError | str | Callable[[ModelRequest], Says | SilvercupError | str]


@dataclass
class ScriptedModel:
    """A ``ChatModel``: each step answers one request; after them the answer is ``Echo: <last message>``.

    Attributes:
        requests: What it was asked.
        closed: Set once a stream that hung was closed.
        counts: What ``count`` says; None: it does not count.
    """

    name: str = OFFLINE
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])
    closed: threading.Event = field(default_factory=threading.Event)
    counts: Callable[[ModelRequest], int | None] = lambda _: None
    always: Step | None = None
    _steps: deque[Step] = field(default_factory=deque[Step])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _calls: int = 0

    def script(self, *steps: Step) -> None:
        self._steps.extend(steps)

    def complete(self, request: ModelRequest) -> Completion:
        says = self._next(request)
        if says.error is not None:
            raise says.error
        message, finish = self._message(says)
        return completion(
            id_="chatcmpl-1",
            created=0,
            model="scripted",
            message=message,
            finish_reason=finish,
            used=self._used(request, says),
        )

    def stream(self, request: ModelRequest) -> ChunkStream:
        return streams.Reading(lambda link: self._chunks(request, link), 60)

    def count(self, request: ModelRequest) -> int | None:
        return self.counts(request)

    def _chunks(self, request: ModelRequest, link: streams.Link) -> Iterator[Chunk]:
        says = self._next(request)
        message, finish = self._message(says)
        head: Json = {"id_": "chatcmpl-1", "created": 0, "model": "scripted"}
        yield chunk(**head)
        for word in says.text.split(" ") if says.text else ():
            yield chunk(**head, delta={"content": f"{word} "})
        for index, call in enumerate(message.get("tool_calls") or ()):
            named = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
            yield chunk(**head, delta={"tool_calls": [{"index": index, **named}]})
            arguments = {"arguments": call["function"]["arguments"]}
            yield chunk(**head, delta={"tool_calls": [{"index": index, "function": arguments}]})
        if says.hang is not None:
            hang = says.hang

            def cut() -> None:
                self.closed.set()
                hang.set()

            link.connected(cut)
            hang.wait()
        if says.error is not None:
            raise says.error
        yield chunk(**head, finish_reason=finish, used=self._used(request, says))

    def _next(self, request: ModelRequest) -> Says:
        with self._lock:
            self.requests.append(request)
            step: Step | None = self._steps.popleft() if self._steps else self.always
        if step is None:
            content = f"Echo: {request.messages[-1].get('content')}"
            step = content[: 4 * request.settings.get("max_tokens", 1_000_000)]
        if callable(step):
            step = step(request)
        if isinstance(step, SilvercupError):
            raise step
        return Says(step) if isinstance(step, str) else step

    def _message(self, says: Says) -> tuple[Json, str]:
        message: Json = {"role": "assistant", "content": says.text or None}
        with self._lock:
            if says.calls:
                message["tool_calls"] = [self._call(name, given) for name, given in says.calls]
        return message, says.finish or ("tool_calls" if says.calls else "stop")

    def _call(self, name: str, given: Any) -> Json:
        self._calls += 1
        arguments = given if isinstance(given, str) else dumps(given)
        return {"id": f"call_{self._calls}", "type": "function", "function": {"name": name, "arguments": arguments}}

    def _used(self, request: ModelRequest, says: Says) -> Json:
        prompt = says.prompt_tokens
        counted = estimate(request.messages) + estimate(request.tools)
        return usage(counted if prompt is None else prompt, estimate(says.text))


@dataclass
class ScriptedTools:
    """Runs tools by their names.

    Attributes:
        ran: The calls, in the order in which they began.
    """

    runs: dict[str, Callable[[ToolCall], Any]] = field(default_factory=dict[str, Callable[[ToolCall], Any]])
    ran: list[ToolCall] = field(default_factory=list[ToolCall])

    def run(self, call: ToolCall) -> Any:
        self.ran.append(call)
        return self.runs[call.tool["name"]](call)


FUNCTION: Json = {
    "name": "weather",
    "type": "function",
    "function": {"description": "The weather", "parameters": {"type": "object", "properties": {}}},
}
API_CALL: Json = {
    "name": "lookup",
    "type": "api_call",
    "api_call": {"method": "GET", "url": "https://example.com/x"},
}


class ChatWorld(DocWorld):
    """Sessions with everything around them, in memory.

    Args:
        context: How many tokens the model reads.
    """

    def __init__(self, context: int = 32_000, *, seconds: float = SECONDS) -> None:
        super().__init__()
        self.model = ScriptedModel()
        self.tools = ScriptedTools()
        limits = LimitTable(dumps({OFFLINE: context}))
        self.models = Models(Catalog(Settings(model=OFFLINE), {}), {OFFLINE: lambda: self.model}, limits)
        self.queue = MemoryQueue()
        graves = Graves(self.tables, self.queue)
        projects = ProjectService(self.tables)
        self.turns = TurnStore(self.tables, self.blobs)
        keeper = Keeper(self.tables, self.turns)
        recall = Recall(self.searcher)
        preparer = Preparer(self.tables, self.turns, self.models, lambda: recall, keeper.spend, seconds=seconds)
        self.chats = ChatService(self.models, preparer, keeper, lambda: self.tools)
        self.history = HistoryService(self.tables, self.turns, graves)
        self.agents = AgentService(self.tables, lambda: self.models.catalog, projects, graves)
        self.users = UserService(self.tables, projects, graves)
        self.sessions = SessionService(self.tables, graves)
        self._tools_of = ToolService(self.tables, problems_of)

    def agent(self, **fields: Any) -> str:
        """A new agent's id."""
        return self.agents.create(TENANT, {"name": "Ann", **fields}, agent_id=uuid7())["id"]

    def tool(self, agent: str, tool: Json) -> str:
        """A new tool of an agent."""
        claimed = Claim(uuid7(), repeated=False, once=uuid7())
        return self._tools_of.create(TENANT, agent, tool, claimed=claimed)["id"]

    def user(self, **fields: Any) -> str:
        """A new user's id."""
        return self.users.create(TENANT, {"name": "Bob", **fields}, user_id=uuid7())["id"]

    def session(self, **fields: Any) -> str:
        """A new session's id; of a new agent unless one is given."""
        given = fields if "agent" in fields or "agents" in fields else {"agent": self.agent(), **fields}
        session_id = given.pop("session_id", None) or uuid7()
        return self.sessions.create(TENANT, given, session_id=session_id)["id"]

    def request(self, *said: str | Json, **more: Any) -> ChatRequest:
        """A request; a text is what the user says."""
        messages = [{"role": "user", "content": one} if isinstance(one, str) else one for one in said]
        return ChatRequest(messages=messages, id=more.pop("id", None) or uuid7(), **more)

    def chat(self, session: str, *said: str | Json, **more: Any) -> Json:
        """A turn, and its answer."""
        return self.chats.chat(TENANT, session, self.request(*said, **more))

    def say(self, session: str, *said: str | Json, **more: Any) -> str:
        """A turn, and the text of its answer."""
        return self.chat(session, *said, **more)["choices"][0]["message"]["content"]

    def stream(self, session: str, *said: str | Json, **more: Any) -> list[Json]:
        """A turn, and the parts of its answer."""
        parts: list[Json] = []
        self.chats.stream(TENANT, session, self.request(*said, **more)).run(parts.append)
        return parts

    @property
    def sent(self) -> list[Json]:
        """What the model was sent last."""
        return self.model.requests[-1].messages

    def entries(self, session: str, **query: Any) -> list[Json]:
        """The history, with the traffic of tools."""
        wanted = HistoryQuery(sources=query.pop("sources", SOURCES), **query)
        return self.history.list(TENANT, session, wanted)["entries"]

    def said(self, session: str) -> list[tuple[str, str]]:
        """The history as (role, text)."""
        return [
            (one["role"], "".join(part.get("text", "") for part in one["content"])) for one in self.entries(session)
        ]

    def item(self, session: str) -> Item:
        """A session's item."""
        return self.tables.items[self.place(session).key]

    def window(self, session: str) -> Window:
        """What a session's item says of its history."""
        return Window.decode(self.item(session).get("window"))

    @staticmethod
    def place(session: str) -> Place:
        """Where a session's turns are."""
        return Place(TENANT, session)

    def left(self, session: str) -> list[str]:
        """What there is of a session's turns, packs and summaries."""
        return sorted(key.pk for key in self.tables.items if f"#{session}#" in key.pk)

    def used(self, session: str) -> int:
        """How many calls of models are counted for a session."""
        today, day = datetime.now(UTC).date(), timedelta(1)
        found = UsageService(self.tables).sum(TENANT, start=today - day, end=today + day, session=session)
        return found["totals"]["calls"]

    def remains(self) -> Remains:
        """Removes what was deleted."""
        return Remains(self.tables, self.blobs)

    def requests_of(self, act: Callable[[], Any]) -> list[str]:
        """The requests to tables that something makes."""
        self.tables.requests.clear()
        act()
        return [*self.tables.requests]


SESSION = uuid7()
"""The session of ``written``."""


@cache
def written(entries: int) -> tuple[dict[Key, Item], Item]:
    """The turns and packs of a session with so many entries, two a turn, as chats write them; and what its own item says of them."""
    world = ChatWorld()
    session = world.session(session_id=SESSION)
    place = world.place(session)
    for number in range(entries // 2):
        messages = [{"role": "user", "content": f"q {number} " + "w" * 80}, {"role": "assistant", "content": "a " * 40}]
        world.history.append(TENANT, session, messages, turn_id=uuid7())
        window = world.window(session)
        if (start := packed_from(window)) is not None:
            found = world.tables.get_many(world.turns.keys(place, window, start))
            read = world.turns.read(place, window, start, found)
            seen = window.encode()
            assert world.turns.swap(place, world.turns.packs.pack(place, window, read.turns), seen, {})
    items = {key: item for key, item in world.tables.items.items() if f"#{SESSION}#" in key.pk}
    return items, {name: world.item(session)[name] for name in ("window", "turns")}
