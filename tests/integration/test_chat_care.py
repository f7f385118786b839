"""Chats when things go wrong: many at once, sent again, bad requests, bad providers, clients that go away, deletions; and their cost."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from julep import APIStatusError, Julep, Stream

from local.stack import Stack
from silvercup.chat.keeping import Keeper
from silvercup.chat.preparing import Preparer
from silvercup.chat.recall import Recall
from silvercup.chat.service import ChatService
from silvercup.chat.turns import Place
from silvercup.chat.window import TAIL
from silvercup.ids import uuid7
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Change
from tests.support.chats import SESSION, written
from tests.support.docs import TENANT
from tests.support.local import running
from tests.support.provider import Drop, Failure, FakeProvider, Garbage, Hang, Reply, Stall
from tests.support.provider import last_user_text as last_text
from tests.support.runs import Api, wait_until

AGAIN = {"retry-after-ms": "1"}
NEVER = {"x-should-retry": "false"}


class Gate:
    """Answers with an echo once so many requests are there at the same time."""

    def __init__(self) -> None:
        self.barrier: threading.Barrier | None = None

    def __call__(self, body: dict[str, Any]) -> Reply:
        if self.barrier is not None:
            self.barrier.wait()
        return Reply(f"Echo: {last_text(body)}")


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def provider(gate: Gate) -> Iterator[FakeProvider]:
    with FakeProvider(answer=gate) as started:
        yield started


@pytest.fixture(scope="module")
def stack(provider: FakeProvider) -> Iterator[Stack]:
    with running(provider) as started:
        yield started


@pytest.fixture
def session(api: Api, provider: FakeProvider) -> str:
    provider.clear()
    return new_session(api)


def new_session(api: Api, **fields: Any) -> str:
    agent = api.agent(default_settings={"max_tokens": 100})
    return api.call("POST", "/sessions", {"agent": agent, **fields})["id"]


def user(text: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def post(api: Api, session: str, body: Any, **headers: str) -> httpx.Response:
    return api.http.post(f"/sessions/{session}/chat", json=body, headers=headers)


def said(api: Api, session: str) -> list[str]:
    entries = api.call("GET", f"/sessions/{session}/history?sources=all")["entries"]
    return ["".join(part["text"] for part in one["content"]) for one in entries]


def usable(api: Api, session: str, provider: FakeProvider, *before: str) -> None:
    """Nothing was kept but what was there before, and the session answers."""
    provider.clear()
    assert said(api, session) == [*before]
    assert post(api, session, user("still there?")).status_code == 201
    assert said(api, session) == [*before, "still there?", "Echo: still there?"]


@pytest.mark.parametrize("chats", [2, 10])
def test_chats_at_once_are_all_kept_whole_and_in_one_order(
    api: Api, provider: FakeProvider, gate: Gate, session: str, chats: int
):
    rounds = 3
    gate.barrier = threading.Barrier(chats, timeout=60)

    def talk(number: int) -> list[str]:
        return [
            post(api, session, user(f"{number}.{round_}")).json()["choices"][0]["message"]["content"]
            for round_ in range(rounds)
        ]

    try:
        with ThreadPoolExecutor(chats) as threads:
            answers = [*threads.map(talk, range(chats))]
    finally:
        gate.barrier = None
    assert answers == [[f"Echo: {number}.{round_}" for round_ in range(rounds)] for number in range(chats)]
    texts = said(api, session)
    asked = texts[::2]
    assert texts[1::2] == [f"Echo: {text}" for text in asked], "none is between the halves of another"
    assert sorted(asked) == sorted(f"{number}.{round_}" for number in range(chats) for round_ in range(rounds))
    for number in range(chats):
        assert [text for text in asked if text.startswith(f"{number}.")] == [f"{number}.{one}" for one in range(rounds)]
    post(api, session, user("last"))
    sent = [last_text({"messages": [one]}) for one in provider.requests[-1].body["messages"] if one["role"] == "user"]
    assert sent == [*asked, "last"], "the model sees the same order"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("by", ["retry", "key"])
def test_a_request_that_comes_again_is_one_turn(api: Api, provider: FakeProvider, session: str, by: str, stream: bool):
    first: dict[str, str] = {"idempotency-key": uuid7()} if by == "key" else {}
    second = first or {"x-stainless-retry-count": "1"}
    body = user("once", stream=stream)
    one, two = post(api, session, body, **first), post(api, session, body, **second)
    assert one.status_code == two.status_code == (200 if stream else 201)
    if not stream:
        assert one.json() == two.json()
    assert "Echo: once" in gathered(two) == gathered(one)
    assert len(provider.requests) == 1
    assert said(api, session) == ["once", "Echo: once"]
    if by == "key":
        other = post(api, session, user("another"), **first)
        assert other.status_code == 409
        assert first["idempotency-key"] in other.text


def gathered(response: httpx.Response) -> str:
    """The text of an answer, streamed or not."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        return response.json()["choices"][0]["message"]["content"]
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    return "".join(event["choices"][0]["delta"]["content"] for event in events)


def test_without_a_retry_the_same_is_said_twice(api: Api, provider: FakeProvider, session: str):
    for _ in range(2):
        assert post(api, session, user("yes")).status_code == 201
    assert said(api, session) == ["yes", "Echo: yes"] * 2
    for _ in range(2):
        answer = api.http.post(f"/sessions/{session}/history", json={"entries": [{"role": "user", "content": "too"}]})
        assert answer.status_code == 201
    assert said(api, session)[-2:] == ["too", "too"]


BAD: dict[str, tuple[Any, int, str]] = {
    "no messages": ({"messages": []}, 422, "messages"),
    "no body": ({}, 422, "messages"),
    "nothing said": (user(" "), 400, "messages[0].content"),
    "a role": ({"messages": [{"role": "robot", "content": "x"}]}, 422, "messages"),
    "a part": (user([{"type": "sound", "url": "x"}]), 400, "messages[0].content[0].type"),
    "an agent": (user("x", agent=uuid7()), 400, "no agent of this session"),
    "an agent that is no id": (user("x", agent="Ann"), 400, "no agent of this session"),
    "a result": (
        {"messages": [{"role": "tool", "tool_call_id": "call_9", "content": "x"}]},
        400,
        "'call_9' is the id of no call",
    ),
    "a result without an id": ({"messages": [{"role": "tool", "content": "x"}]}, 400, "messages[0].tool_call_id"),
    "a template": (user("first\n{{ a.b }}"), 400, "a (line 2)"),
    "a broken template": (user("{% if %}"), 400, "line 1"),
    "a model": (user("x", model="gpt-99-turbo"), 400, "Available models: ["),
    "a tool": (user("x", tools=[{"type": "function"}]), 400, "tools[0]"),
    "a choice": (user("x", tool_choice="maybe"), 400, "tool_choice"),
    "a temperature": (user("x", temperature=7), 422, "temperature"),
    "a message of 10 MB": (user("x" * 10_000_000), 413, "the limit is"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_says_what_and_where_and_leaves_nothing(
    api: Api, provider: FakeProvider, session: str, name: str, stream: bool
):
    body, status, message = BAD[name]
    answer = post(api, session, {**body, "stream": stream})
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]["message"]
    assert provider.requests == []
    usable(api, session, provider)


def test_an_agent_that_was_deleted_can_not_speak(api: Api, provider: FakeProvider):
    gone, stays = api.agent(), api.agent()
    session = api.call("POST", "/sessions", {"agents": [gone, stays]})["id"]
    api.call("DELETE", f"/agents/{gone}")
    answer = post(api, session, user("x"))
    assert answer.status_code == 400
    assert f"Agent {gone}" in answer.json()["error"]["message"]
    assert post(api, session, user("x", agent=stays)).status_code == 201


def test_a_template_of_the_session_that_fails_says_which(api: Api, provider: FakeProvider):
    session = new_session(api, system_template="You are\n{{ nobody.name }}")
    answer = post(api, session, user("x"))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "nobody (line 2)" in error["message"]
    assert error["details"][0]["loc"] == "session.system_template"
    api.call("PATCH", f"/sessions/{session}", {"system_template": "You are it."})
    usable(api, session, provider)


FAILS: dict[str, tuple[list[Any], int, str]] = {
    "400": ([Failure(400, "the temperature is wrong")], 400, "the temperature is wrong"),
    "401": ([Failure(401, "invalid x-api-key")], 400, "ANTHROPIC_API_KEY"),
    "429": ([Failure(429, "slow down", headers=NEVER)], 502, "rate limit"),
    "500": ([Failure(500, "it broke", headers=NEVER)], 502, "it broke"),
    "529": ([Failure(529, "overloaded", headers=NEVER)], 502, "overloaded"),
    "three times 500": ([Failure(500, "it broke", headers=AGAIN)] * 3, 502, "it broke"),
    "garbage": ([Garbage(b"<html>Bad Gateway</html>")], 502, "The model's provider"),
    "half": ([Garbage(b'{"id": "msg_1", "type": "mess')], 502, "The model's provider"),
    "another shape": ([Garbage(b'{"hello": "world"}')], 502, "The model's provider"),
    "a long prompt": ([Failure(400, "prompt is too long: 9 tokens > 8 maximum")], 400, "9 tokens > 8 maximum"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAILS)
def test_a_provider_that_fails_is_told_and_leaves_nothing(
    api: Api, provider: FakeProvider, session: str, name: str, stream: bool
):
    steps, status, message = FAILS[name]
    provider.script(*steps)
    answer = post(api, session, user("x", stream=stream))
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]["message"]
    usable(api, session, provider)


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_fails_once_is_asked_again(api: Api, provider: FakeProvider, session: str, stream: bool):
    provider.script(Failure(529, "overloaded", headers=AGAIN))
    assert gathered(post(api, session, user("x", stream=stream))) == "Echo: x"
    assert said(api, session) == ["x", "Echo: x"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_hangs_is_given_up(
    api: Api, stack: Stack, provider: FakeProvider, session: str, stream: bool, monkeypatch: pytest.MonkeyPatch
):
    made = stack.container
    keeper, recall = Keeper(made.tables, made.turns), Recall(made.doc_search)
    preparer = Preparer(made.tables, made.turns, made.models, lambda: recall, keeper.spend, seconds=0.1)
    hasty = ChatService(made.models, preparer, keeper, lambda: made.tool_runner)
    hang = Hang()
    provider.script(hang)
    with monkeypatch.context() as patch:
        patch.setitem(vars(made), "chat", hasty)
        answer = post(api, session, user("x", stream=stream))
    hang.released.set()
    assert answer.status_code == 502, answer.text
    assert "in time" in answer.json()["error"]["message"]
    usable(api, session, provider)


@pytest.mark.parametrize(
    "step", [Drop(after_events=5), Failure(529, "overloaded in the middle", mid_stream=True)], ids=["cut", "error"]
)
def test_a_stream_that_breaks_off_says_why_and_ends_the_connection(
    api: Api, stack: Stack, provider: FakeProvider, session: str, step: Any
):
    provider.script(step)
    with api.http.stream("POST", f"/sessions/{session}/chat", json=user("x", stream=True)) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    provider.script(step)
    with Julep(api_key="any", base_url=f"{stack.url}/api", max_retries=0) as client:
        got: list[Any] = []
        stream = client.post(
            f"/sessions/{session}/chat",
            body=user("x", stream=True),
            cast_to=object,
            stream=True,
            stream_cls=Stream[object],
        )
        with pytest.raises((httpx.RemoteProtocolError, APIStatusError)):
            got.extend(stream)
    assert got[-1]["error"]["code"] == "llm_api_error"
    assert got[-1]["choices"] == []
    usable(api, session, provider)


@pytest.mark.parametrize("events", [3, 6])
def test_a_client_that_goes_away_stops_the_provider(
    api: Api, stack: Stack, provider: FakeProvider, session: str, events: int
):
    stall = Stall("Once upon a time there was", after_events=events)
    provider.script(stall)
    with api.http.stream("POST", f"/sessions/{session}/chat", json=user("tell", stream=True)) as answer:
        lines = answer.iter_lines()
        heard = json.loads(next(lines)[6:])["choices"][0]["delta"]["content"]
        while events == 6 and len(heard) < 14:
            line = next(lines)
            heard += json.loads(line[6:])["choices"][0]["delta"]["content"] if line else ""
    assert stall.gone.wait(30), "the provider's connection was closed"
    wait_until(lambda: len(said(api, session)) == 2, "the turn is kept")
    entries = api.call("GET", f"/sessions/{session}/history")["entries"]
    assert entries[1]["interrupted"] is True
    assert said(api, session)[1].startswith(heard)
    assert len(said(api, session)[1]) < len(stall.text)
    assert post(api, session, user("go on")).status_code == 201
    assert api.call("GET", f"/usage?session={session}")["totals"]["calls"] == 2


def test_a_client_that_goes_away_before_the_first_word_stops_the_provider(
    api: Api, stack: Stack, provider: FakeProvider, session: str
):
    stall = Stall("never said", after_events=0)
    provider.script(stall)
    body = json.dumps(user("tell", stream=True)).encode()
    head = f"POST /api/sessions/{session}/chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer any\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(stack.url).port or 0)) as line:
        line.sendall(head.encode() + body)
        wait_until(lambda: len(provider.requests) == 1, "the provider is asked")
    assert stall.gone.wait(30)
    wait_until(lambda: len(said(api, session)) == 2, "the turn is kept")
    assert said(api, session) == ["tell", ""]
    assert post(api, session, user("again?")).status_code == 201


def test_ten_streams_at_once(api: Api, provider: FakeProvider, gate: Gate, session: str):
    gate.barrier = threading.Barrier(10, timeout=60)
    try:
        with ThreadPoolExecutor(10) as threads:
            answers = [*threads.map(lambda n: gathered(post(api, session, user(str(n), stream=True))), range(10))]
    finally:
        gate.barrier = None
    assert answers == [f"Echo: {n}" for n in range(10)]
    texts = said(api, session)
    assert texts[1::2] == [f"Echo: {text}" for text in texts[::2]]
    assert sorted(texts[::2]) == sorted(map(str, range(10)))


@contextmanager
def counted(stack: Stack) -> Generator[Counter[str]]:
    """The requests to DynamoDB, as they leave for the wire."""
    found: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        found[model.name] += 1

    events = stack.container.clients.get("dynamodb").meta.events
    events.register("after-call", count)
    try:
        yield found
    finally:
        events.unregister("after-call", count)


@pytest.mark.parametrize("mode", ["truncate", "adaptive"])
def test_a_turn_after_ten_thousand_entries_takes_as_few(api: Api, stack: Stack, provider: FakeProvider, mode: str):
    agent = api.agent(default_settings={"max_tokens": 100})
    fields = {"agent": agent, "context_overflow": mode, "token_budget": 4_000}
    api.call("POST", f"/sessions/{SESSION}", fields)
    tables = stack.container.tables
    key = Place(DEFAULT_TENANT, SESSION).key
    items, mine = written(10_000)
    if tables.get(Place(DEFAULT_TENANT, SESSION).turn(0)) is None:
        tables.put_many(
            (key.table, {**item, "pk": one.pk.replace(TENANT, DEFAULT_TENANT)}) for one, item in items.items()
        )
    tables.update(key, Change(set=mine))
    provider.clear()
    for number in range(2):
        post(api, SESSION, user(f"warm {number}"))
    counts: list[int] = []
    for number in range(10):
        provider.clear()
        with counted(stack) as found:
            assert post(api, SESSION, user(str(number))).status_code == 201
        counts.append(found.total())
        assert found.total() <= 6 + 2 * (len(provider.requests) > 1), found
    assert min(counts) == 4
    sent = provider.requests[-1].body["messages"]
    assert 20 < len(sent) < 400


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_takes_four_requests_to_the_database(
    api: Api, stack: Stack, provider: FakeProvider, session: str, stream: bool
):
    for _ in range(3):
        post(api, session, user("warm"))
    with counted(stack) as found:
        gathered(post(api, session, user("now", stream=stream)))
        wait_until(lambda: found["UpdateItem"] > 0, "the session knows of it")
    assert found == {"GetItem": 1, "BatchGetItem": 1, "PutItem": 1, "UpdateItem": 1}


def test_the_turn_that_packs_takes_one_more(api: Api, stack: Stack, provider: FakeProvider):
    session = new_session(api, context_overflow="truncate")
    packed: list[int] = []
    for number in range(TAIL + 6):
        with counted(stack) as found:
            assert post(api, session, user(str(number))).status_code == 201
        assert found.total() in {4, 5}
        packed += [number] if found.total() == 5 else []
    assert packed == [TAIL - 1]
    assert len(provider.requests[-1].body["messages"]) == 2 * (TAIL + 6) - 1


def test_a_session_that_is_deleted_takes_everything_with_it_but_the_usage(
    api: Api, stack: Stack, provider: FakeProvider, session: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stack.container.remover, "_linger", 0)
    for number in range(TAIL + 2):
        post(api, session, user(str(number)))
    post(api, session, user("x" * 100_000))
    post(api, session, user("y" * 100_000, stream=True))
    folder = f"{DEFAULT_TENANT}/sessions/{session}/"
    assert len(stack.container.blobs.names(folder, 10)) == 2
    used = api.call("GET", f"/usage?session={session}")
    assert used["totals"]["calls"] == TAIL + 4

    place = Place(DEFAULT_TENANT, session)
    keys = [*map(place.turn, range(TAIL + 6)), *map(place.pack, range(3)), *map(place.summary, range(3))]

    def left() -> int:
        return len(stack.container.tables.get_many(keys))

    assert left() == TAIL + 5
    api.call("DELETE", f"/sessions/{session}")
    assert post(api, session, user("x")).status_code == 404
    wait_until(lambda: left() == 0, "its items are gone")
    assert stack.container.blobs.names(folder, 10) == []
    assert api.call("GET", f"/usage?session={session}") == used


def test_a_history_that_is_cleared_is_gone_and_the_session_goes_on(
    api: Api, stack: Stack, provider: FakeProvider, session: str
):
    for number in range(3):
        post(api, session, user(str(number)))
    assert api.call("DELETE", f"/sessions/{session}/history")["id"] == session
    assert said(api, session) == []
    post(api, session, user("afresh"))
    assert len(provider.requests[-1].body["messages"]) == 1

    place = Place(DEFAULT_TENANT, session)

    def turns() -> int:
        return len(stack.container.tables.get_many(map(place.turn, range(5))))

    wait_until(lambda: turns() == 1, "the old turns are gone")
    assert said(api, session) == ["afresh", "Echo: afresh"]


def test_a_history_is_paged(api: Api, session: str):
    for number in range(5):
        entries = [{"role": "user", "content": f"{number}.{part}"} for part in range(3)]
        api.call("POST", f"/sessions/{session}/history", {"entries": entries})
    wanted = [f"{number}.{part}" for number in range(5) for part in range(3)]
    for direction, order in (("asc", wanted), ("desc", wanted[::-1])):
        found: list[str] = []
        cursor = ""
        while True:
            page = api.call(
                "GET", f"/sessions/{session}/history?limit=4&direction={direction}" + (cursor and f"&cursor={cursor}")
            )
            found += [one["content"][0]["text"] for one in page["entries"]]
            if not (cursor := page.get("next_cursor")):
                break
        assert found == order
    page = api.call("GET", f"/sessions/{session}/history?limit=2&offset=3")
    assert [one["content"][0]["text"] for one in page["entries"]] == wanted[3:5]
    wrong = api.http.get(f"/sessions/{session}/history?direction=up")
    assert wrong.status_code == 400
    assert "asc or desc" in wrong.text
