"""Sessions of any length on a local stack whose models a stand-in for the provider answers, and turns of them that can be had again."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any

import anyio
from starlette.types import ASGIApp, Message

from bench.counting import Cost, Counted
from bench.runs import Stuck, make_stack
from local.stack import Stack
from silvercup.adapters.attributes import encode
from silvercup.chat.request import entry_of
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import TABLE, Place, Turn
from silvercup.chat.window import TAIL, Window
from silvercup.http.app import create_app
from silvercup.ids import now_us, uuid7
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Item
from tests.support.provider import FakeProvider
from tests.support.provider_wire import Reply
from tests.support.tables import MemoryBlobs, MemoryTables

MODEL = "claude-sonnet-5-5"
ANSWER = "The quick answer to that is yes, with one condition that the next message should make clear."
ASKED = "And what of number {}? Say it in a few words, please, and give one reason for it."
AGENT = {"name": "Bench", "about": "a patient helper", "model": MODEL, "instructions": ["Be brief", "Give reasons"]}
USER = {"name": "Ann", "about": "an engineer"}


@contextmanager
def world(reply: Reply, **more: str) -> Generator[World]:
    """A stack, with more in its environment, and a provider whose answer is always the same unless it is told another one."""
    with FakeProvider(answer=lambda _: reply) as provider:
        env = {
            "SILVERCUP_MODEL": "anthropic",
            "ANTHROPIC_BASE_URL": provider.url,
            "ANTHROPIC_API_KEY": "none",
            **more,
        }
        with make_stack(**env) as stack:
            yield World(stack, provider)


@dataclass(frozen=True, slots=True)
class Session:
    """A session, and its item as it is before the turn that is measured.

    Attributes:
        place: Where its turns are.
        item: Its item, as DynamoDB's JSON.
        window: What the item says of its history.
    """

    place: Place
    item: Mapping[str, Any]
    window: Window

    @property
    def path(self) -> str:
        """Of its chat."""
        return f"/sessions/{self.place.session}/chat"


class World:
    """What a figure of chats works with.

    Attributes:
        stack: The stack.
        provider: What answers for the models.
        counted: Counts the stack's requests, until ``release``.
    """

    def __init__(self, stack: Stack, provider: FakeProvider) -> None:
        self.stack = stack
        self.provider = provider
        self.counted = Counted(stack)
        self._app = create_app(lambda: stack.container)
        self._ids = {
            "agent": self.call("POST", "/agents", AGENT)["id"],
            "user": self.call("POST", "/users", USER)["id"],
        }

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of the API.

        Raises:
            Stuck: It is an error.
        """
        return send(self._app, method, path, body)

    def chat(self, session: Session) -> Any:
        """One turn."""
        return self.call("POST", session.path, body_of(session))

    def session(self, turns: int, *, packs_next: bool = False, **fields: Any) -> Session:
        """A session of so many turns, the last two of them by the API.

        Args:
            turns: How many.
            packs_next: Add some, until the next turn has to pack others.
            fields: Of the session.
        """
        made = self.call("POST", "/sessions", {**self._ids, "situation": "A long talk", **fields})
        place = Place(DEFAULT_TENANT, made["id"])
        self._fill(place, turns - 2, packs_next=packs_next)
        for _ in range(2):
            session = self._found(place)
            self.chat(session)
        return self._found(place)

    def reset(self, session: Session) -> None:
        """Take back the turn that was made last."""
        client = self.stack.container.clients.get("dynamodb")
        table = self.stack.container.settings.core_table
        client.delete_item(TableName=table, Key={"pk": {"S": session.place.turn(session.window.turns).pk}})
        client.put_item(TableName=table, Item=session.item)

    def cost(self, session: Session) -> Cost:
        """What the next turn takes."""
        with self.counted.everywhere() as cost:
            self.chat(session)
        return cost

    @contextmanager
    def recorded(self) -> Generator[list[tuple[str, Any]]]:
        """The DynamoDB requests that are sent meanwhile."""
        counted = Counted(self.stack)
        try:
            with counted.everywhere() as cost:
                yield cost.sent
        finally:
            counted.release()

    def _found(self, place: Place) -> Session:
        item = self.stack.container.tables.get(place.key)
        assert item is not None
        return Session(place, encode(item), Window.decode(item.get("window")))

    def _fill(self, place: Place, turns: int, *, packs_next: bool) -> None:
        """Write turns as a chat does, in memory; then put them where the stack's are."""
        tables = MemoryTables()
        store = TurnStore(tables, MemoryBlobs())
        known: list[Turn] = []
        window = Window()
        while len(known) < turns or (packs_next and len(window.tail) < TAIL - 3):
            turn, window = store.put(place, a_turn(len(known)), window, {})
            known.append(turn)
            window = store.packs.pack(place, window, known)
        items = [*tables.items.values()]
        client = self.stack.container.clients.get("dynamodb")
        physical = self.stack.container.settings.core_table
        for some in batched(items, 25):
            client.batch_write_item(RequestItems={physical: [{"PutRequest": {"Item": encode(item)}} for item in some]})
        self.stack.container.turns.note(place, window, None, {})


def a_turn(number: int) -> Turn:
    """One turn, about as long as those that are measured."""
    asked = {"role": "user", "content": ASKED.format(number)}
    said = {"role": "assistant", "content": ANSWER}
    entries = (entry_of(asked, "api_request"), entry_of(said, "api_response", finish_reason="stop"))
    tokens = sum(entry["tokens"] for entry in entries)
    return Turn(0, uuid7(), now_us(), entries, tokens, model=MODEL, once=uuid7().replace("-", "")[:32])


def without_packs_of(window: Window, place: Place, store: TurnStore) -> Window:
    """The same history as if every turn had to be read on its own."""
    found = store.get_many(place, range(window.turns))
    return replace(window, packs=(), tail=tuple(found[number].total for number in sorted(found)), tail_first=0)


def item_of(stack: Stack, pk: str) -> Item:
    """An item, as DynamoDB's JSON."""
    client: Any = stack.container.clients.get("dynamodb")
    answer: dict[str, Item] = client.get_item(
        TableName=getattr(stack.container.settings, f"{TABLE}_table"), Key={"pk": {"S": pk}}
    )
    return answer["Item"]


def body_of(session: Session, **more: Any) -> dict[str, Any]:
    """The body of a session's next chat."""
    return {"messages": [{"role": "user", "content": ASKED.format(session.window.turns)}], **more}


def send(app: ASGIApp, method: str, path: str, body: Any = None) -> Any:
    """A request to an app, with as little around it as there can be.

    Raises:
        Stuck: The answer is an error.
    """
    sent: list[Message] = []
    raw = b"" if body is None else json.dumps(body).encode()
    incoming: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive() -> Message:
        return incoming.pop() if incoming else {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer any"), (b"content-type", b"application/json")],
        "server": ("bench", 80),
        "client": ("bench", 1),
    }
    anyio.run(app, scope, receive, keep)
    text = b"".join(message.get("body", b"") for message in sent)
    if sent[0]["status"] >= 400:
        raise Stuck(f"{method} {path}: {sent[0]['status']} {text.decode()}")
    return json.loads(text)
