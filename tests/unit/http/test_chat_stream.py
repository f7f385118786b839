"""How a chat's parts become server-sent events: comments in between, an end only where there is one, and a word to the model when the client goes."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import anyio
import pytest

from silvercup.chat.service import ChatStream
from silvercup.errors import ModelUnavailable
from silvercup.http.chat_stream import stream_chat

PART = {"id": "1", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}


class Chat:
    """Plays what it is told, in its thread."""

    id = "1"
    t = 1_000_000

    def __init__(self, *plays: Callable[[Callable[[Any], None]], None]) -> None:
        self.plays = plays
        self.closed = threading.Event()

    def run(self, emit: Callable[[Any], None]) -> None:
        for play in self.plays:
            play(emit)

    def close(self) -> None:
        self.closed.set()


def says(emit: Callable[[Any], None]) -> None:
    emit(PART)


def fails(_: Callable[[Any], None]) -> None:
    raise ModelUnavailable("it is down")


def breaks(_: Callable[[Any], None]) -> None:
    raise ZeroDivisionError


def chat(*plays: Callable[[Callable[[Any], None]], None]) -> tuple[Chat, ChatStream]:
    made = Chat(*plays)
    return made, cast("ChatStream", made)


def sent(stream: ChatStream, *, first_seconds: float = 10.0, keep_alive: float = 15.0) -> list[dict[str, Any]]:
    """What the server is given to send."""
    messages: list[dict[str, Any]] = []

    async def run() -> None:
        response = await stream_chat(stream, stays, first_seconds=first_seconds, keep_alive=keep_alive)

        async def receive() -> Any:
            await anyio.sleep_forever()

        async def send(message: Any) -> None:
            messages.append(message)

        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)

    anyio.run(run)
    return messages


async def stays() -> bool:
    """The client does not go away."""
    return False


def bodies(messages: list[dict[str, Any]]) -> list[bytes]:
    return [one["body"] for one in messages if one["type"] == "http.response.body"]


def test_a_part_is_an_event_and_nothing_follows_the_last():
    _, stream = chat(says, says)
    messages = sent(stream)
    assert messages[0]["status"] == 200
    assert [body[:6] for body in bodies(messages)] == [b"data: ", b"data: ", b""]
    assert all(body.endswith(b"\n\n") for body in bodies(messages)[:-1])
    assert messages[-1]["more_body"] is False


def test_while_the_model_is_silent_comments_come():
    go_on = threading.Event()

    def waits(_: Callable[[Any], None]) -> None:
        assert go_on.wait(30)

    _, stream = chat(says, waits, says)

    async def run() -> list[bytes]:
        response = await stream_chat(stream, stays, keep_alive=0.001)
        body = cast("AsyncIterator[bytes]", response.body_iterator)
        heard = [await anext(body) for _ in range(4)]
        go_on.set()
        return [*heard, *[one async for one in body if one != b": keep-alive\n"]]

    first, *comments, last = anyio.run(run)
    assert first == last
    assert first.startswith(b"data: ")
    assert comments == [b": keep-alive\n"] * 3


def test_a_model_that_is_slow_to_begin_is_not_waited_for():
    go_on = threading.Event()

    def waits(_: Callable[[Any], None]) -> None:
        assert go_on.wait(30)

    _, stream = chat(waits, says)

    async def run() -> list[bytes]:
        response = await stream_chat(stream, stays, first_seconds=0.001, keep_alive=0.001)
        body = cast("AsyncIterator[bytes]", response.body_iterator)
        heard = [await anext(body)]
        go_on.set()
        return [*heard, *[one async for one in body if one != b": keep-alive\n"]]

    comment, part = anyio.run(run)
    assert comment == b": keep-alive\n"
    assert part.startswith(b"data: ")


@pytest.mark.parametrize(("play", "message"), [(fails, "it is down"), (breaks, "Internal error")])
def test_an_error_before_the_first_word_is_an_error_of_the_request(play: Any, message: str):
    _, stream = chat(play)
    with pytest.raises(Exception, match=message):
        sent(stream)


@pytest.mark.parametrize(("play", "code"), [(fails, b"llm_api_error"), (breaks, b"internal_error")])
def test_an_error_in_the_middle_is_an_event_without_an_end(play: Any, code: bytes):
    made, stream = chat(says, play)
    messages = sent(stream)
    *_, last = bodies(messages)
    assert b'"error":' in last
    assert code in last
    assert messages[-1]["more_body"] is True, "the server breaks the connection"
    assert made.closed.is_set()


def test_a_client_that_goes_away_closes_the_chat():
    made = Chat()

    def waits(_: Callable[[Any], None]) -> None:
        assert made.closed.wait(30)

    made.plays = (says, waits, says)

    async def run() -> None:
        response = await stream_chat(cast("ChatStream", made), stays)
        heard = anyio.Event()

        async def receive() -> Any:
            await heard.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                heard.set()

        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        assert made.closed.is_set()

    anyio.run(run)


def test_a_client_that_goes_away_before_the_first_word_closes_the_chat():
    made = Chat()

    def waits(_: Callable[[Any], None]) -> None:
        assert made.closed.wait(30)

    made.plays = (waits,)

    async def goes() -> bool:
        return True

    async def run() -> None:
        await stream_chat(cast("ChatStream", made), goes, first_seconds=3600)
        assert made.closed.is_set()

    anyio.run(run)


def test_a_client_that_goes_away_while_it_is_sent_a_part_ends_the_chat():
    go_on = threading.Event()

    def waits(_: Callable[[Any], None]) -> None:
        assert go_on.wait(30)

    made, stream = chat(says, waits)
    sending = anyio.Event()

    async def receive() -> Any:
        await sending.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sending.set()
            await anyio.sleep_forever()

    async def run() -> None:
        response = await stream_chat(stream, stays)
        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)

    anyio.run(run)
    assert made.closed.is_set()
    go_on.set()
