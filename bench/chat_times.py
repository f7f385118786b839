"""Times of a turn: beside the model's SDK alone, and beside a handler that calls it between the same DynamoDB requests and does nothing else.

Of each round the three come one after the other, so that what else the machine does meets all of them; every turn begins with the
session as the first one found it. The stack is one process, so its processor time is the whole work: that of the stand-ins for AWS and for
the provider too, which is in all three.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import httpx
from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from bench.chat_world import ANSWER, Session, World, body_of, send
from tests.support.provider_wire import Reply

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types import Message

ROUNDS = 40
SECONDS = 20.0
"""After which no round begins."""
STREAMS = 20
DELAY, PAUSE = 0.03, 0.01
"""Seconds until the stand-in for the provider begins to answer, and between the events of its stream."""
WRITES = frozenset({"PutItem", "UpdateItem"})

type Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Time:
    """Milliseconds, medians."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} ({self.processor:.1f})"


@dataclass(frozen=True, slots=True)
class Times:
    """A turn, and what it is compared with.

    Attributes:
        turn: A turn.
        bare: The handler with the same requests and the call of the SDK.
        model: The call of the SDK alone.
        own: What a turn takes more than ``bare``; the median of the rounds' differences.
        ratio: Processor time of a turn over that of ``bare``.
        ratio_without_model: The same, the model's time taken from both.
    """

    turn: Time
    bare: Time
    model: Time
    own: Time
    ratio: float
    ratio_without_model: float


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """Milliseconds from a request to the first text of a streamed answer, the best and the median.

    Attributes:
        turn: Of a turn, over HTTP.
        model: Of the SDK alone.
    """

    turn: tuple[float, float]
    model: tuple[float, float]


def times(here: World, session: Session) -> Times:
    """Time a session's next turn."""
    here.provider.requests.clear()
    here.reset(session)
    with here.recorded() as sent:
        here.chat(session)
    asked = here.provider.requests[-1].body
    model = _client(here)
    bare = _bare(here, sent, model, asked)
    body = body_of(session)
    works: list[Work] = [
        lambda: here.chat(session),
        lambda: send(bare, "POST", "/chat", body),
        lambda: _complete(model, asked),
    ]
    rounds: list[list[tuple[float, float]]] = []
    until = time.monotonic() + SECONDS
    for number in range(ROUNDS + 2):
        if number > 6 and time.monotonic() > until:
            break
        order = [0, 1, 2] if number % 2 else [1, 0, 2]
        found = {place: _timed(here, session, works[place]) for place in order}
        rounds.append([found[place] for place in sorted(found)])
    return of_rounds(rounds[2:])


def first_tokens(here: World, session: Session) -> FirstTokens:
    """Time the first text of a streamed turn, over HTTP, and of the model's own stream."""
    here.provider.clear()
    here.reset(session)
    here.chat(session)
    asked = here.provider.requests[-1].body
    model = _client(here)
    pairs: list[tuple[float, float]] = []
    with httpx.Client(base_url=here.stack.url, headers={"authorization": "Bearer any"}, timeout=30) as client:
        for _ in range(STREAMS + 2):
            here.reset(session)
            here.provider.script(*[Reply(ANSWER, delay=DELAY, pause=PAUSE)] * 2)
            pairs.append((_of_turn(client, session), _of_model(model, asked)))
    ours, theirs = (sorted(pair[side] * 1000 for pair in pairs[2:]) for side in (0, 1))
    return FirstTokens((ours[0], median(ours)), (theirs[0], median(theirs)))


def _client(here: World) -> Anthropic:
    from anthropic import Anthropic

    return Anthropic(api_key="none", base_url=here.provider.url, max_retries=0)


def _complete(model: Anthropic, asked: Any) -> Message:
    return cast("Message", model.messages.create(**asked))


def _bare(here: World, sent: list[tuple[str, Any]], model: Anthropic, asked: Any) -> FastAPI:
    """An app whose one route reads a body, sends the requests with the model's call between reads and writes, and answers."""
    client: Any = here.stack.container.clients.get("dynamodb")
    calls = {"BatchGetItem": client.batch_get_item, "PutItem": client.put_item, "GetItem": client.get_item}
    calls["UpdateItem"] = client.update_item
    reads = [(calls[name], params) for name, params in sent if name not in WRITES]
    writes = [(calls[name], params) for name, params in sent if name in WRITES]

    def turn() -> Any:
        for request, params in reads:
            request(**params)
        answer = _complete(model, asked)
        for request, params in writes:
            request(**params)
        return answer.model_dump(mode="json")

    app = FastAPI(openapi_url=None)

    @app.post("/chat")
    async def chat(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        await request.json()
        return JSONResponse(await to_thread.run_sync(turn), 201)

    return app


def _timed(here: World, session: Session, work: Work) -> tuple[float, float]:
    """Wall and processor time of a piece of work."""
    here.reset(session)
    here.provider.requests.clear()
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def of_rounds(rounds: list[list[tuple[float, float]]]) -> Times:
    """What rounds say.

    Args:
        rounds: Of each: seconds of (wall, processor) of a turn, of the bare handler, of the SDK alone.
    """

    def of(take: Callable[[list[tuple[float, float]], int], float]) -> Time:
        return Time(*(median(take(one, kind) for one in rounds) * 1000 for kind in (0, 1)))

    turn, bare, model = (of(lambda one, kind, place=place: one[place][kind]) for place in range(3))
    own = of(lambda one, kind: one[0][kind] - one[1][kind])
    requests = of(lambda one, kind: one[1][kind] - one[2][kind])
    ratios = (1 + own.processor / beside.processor for beside in (bare, requests))
    return Times(turn, bare, model, own, *ratios)


def _of_turn(client: httpx.Client, session: Session) -> float:
    began, first = time.perf_counter(), 0.0
    with client.stream("POST", session.path, json=body_of(session, stream=True)) as answer:
        for line in answer.iter_lines():
            if not first and line.startswith("data: ") and _text_of(json.loads(line[6:])):
                first = time.perf_counter() - began
    return first


def _text_of(part: Any) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in part["choices"])


def _of_model(model: Anthropic, asked: Any) -> float:
    began, first = time.perf_counter(), 0.0
    with model.messages.create(**asked, stream=True) as events:
        for event in events:
            if not first and event.type == "content_block_delta":
                first = time.perf_counter() - began
    return first
