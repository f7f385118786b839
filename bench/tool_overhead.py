"""What a call of a tool takes beside the same thing done directly: the runner, the sender, the engine of integrations, secrets.

All of a comparison are called one after the other, so that what else the machine does meets all of them. The server is a process of its
own: processor time is the caller's alone.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import urllib3

from bench.figure import table
from bench.loopback import Loopback
from silvercup.adapters.http_calls import HttpCalls
from silvercup.container import Container
from silvercup.ids import uuid7
from silvercup.resources.idempotency import Claim
from silvercup.settings import DEFAULT_TENANT, Settings
from silvercup.tools.calls import ToolCall
from silvercup.tools.outgoing import HttpRequest
from tests.support.secrets import MemoryVault
from tests.support.tables import MemoryTables

ROUNDS = 5
CALLS = 100
SECRET = "Bearer of a key of forty characters or so"
HEADER = ["what", "a call, µs", "compared with", "that, µs", "µs more", "ratio", "ratio of processor time"]

type Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Took:
    """Microseconds of a call: the best of the rounds' medians."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:.0f} ({self.processor:.0f})"


@dataclass(frozen=True, slots=True)
class Compared:
    """Something, and the same done directly."""

    name: str
    work: Work
    beside: str
    direct: Work


def overheads(server: Loopback) -> str:
    """A table of them."""
    rows: list[list[object]] = []
    for one in _comparisons(server):
        whole, direct = timed([one.work, one.direct])
        more, ratio = whole.wall - direct.wall, whole.wall / direct.wall
        shown = [f"{more:.0f}", f"{ratio:.2f}", f"{whole.processor / direct.processor:.2f}"]
        rows.append([one.name, whole, one.beside, direct, *shown])
    return table(HEADER, rows)


def timed(works: Sequence[Work]) -> list[Took]:
    """What each of some works takes, when they are called in turn."""
    for work in works:
        work()
    rounds = [_round(works) for _ in range(ROUNDS)]
    return [Took(*(min(one[place][kind] for one in rounds) / 1000 for kind in (0, 1))) for place in range(len(works))]


def _round(works: Sequence[Work]) -> list[tuple[float, float]]:
    """Of each work: the medians of its calls' nanoseconds, wall and processor time."""
    found: list[list[tuple[int, int]]] = [[] for _ in works]
    gc.collect()
    gc.disable()
    try:
        for _ in range(CALLS):
            for work, times in zip(works, found, strict=True):
                wall, processor = time.perf_counter_ns(), time.process_time_ns()
                work()
                times.append((time.perf_counter_ns() - wall, time.process_time_ns() - processor))
    finally:
        gc.enable()
    return [(median(wall for wall, _ in times), median(processor for _, processor in times)) for times in found]


def _comparisons(server: Loopback) -> Iterator[Compared]:
    parts = _parts(server)
    run, sender = parts.tool_runner.run, HttpCalls(allow_loopback=True)
    get = HttpRequest("GET", f"{server.url}/otters/7?lang=en", {"X-Otter": "1"}, seconds=30)
    plain, with_secret = (_api_call(server, value) for value in ("1", "$ secrets.OTTER_KEY"))
    brave = HttpRequest("GET", f"{server.url}/res/v1/web/search?q=otters&count=3", {"X-Key": "k"}, seconds=30)
    agent_id = parts.agents.create(DEFAULT_TENANT, {"name": "Otter"}, agent_id=uuid7())["id"]
    system = _call({"type": "system", "system": {"resource": "agent", "operation": "get"}}, {"agent_id": agent_id})
    search = _call(
        {"type": "integration", "integration": {"provider": "brave", "setup": {"brave_api_key": "k"}}},
        {"query": "otters"},
    )
    once, kept = _urllib3(get)
    with kept:
        yield Compared("api_call", lambda: run(plain), "the sender", lambda: sender.send(get))
        yield Compared("api_call", lambda: run(plain), "urllib3, a connection each", once)
        yield Compared("the sender", lambda: sender.send(get), "urllib3, a connection each", once)
        yield Compared("the sender", lambda: sender.send(get), "urllib3, a connection kept", lambda: _send(kept, get))
    direct = "the sender, and reading its JSON"
    yield Compared("brave.search", lambda: run(search), direct, lambda: json.loads(sender.send(brave).body))
    secret = "api_call, a secret in a header"
    yield Compared(secret, lambda: run(with_secret), "api_call", lambda: run(plain))
    service = parts.agents
    yield Compared("agent.get", lambda: run(system), "the service", lambda: service.get(DEFAULT_TENANT, agent_id))


def _parts(server: Loopback) -> Container:
    """The product over tables in memory, so that no time of a table's is in what is compared."""
    urls = json.dumps({"brave": server.url})
    parts = Container(Settings(allow_loopback_tools=True, tool_urls=urls))
    parts.__dict__.update(tables=MemoryTables(), vault=MemoryVault())
    fields = {"name": "OTTER_KEY", "value": SECRET}
    parts.secrets.create(DEFAULT_TENANT, fields, claimed=Claim(uuid7(), repeated=False))
    return parts


def _api_call(server: Loopback, header: str) -> ToolCall:
    spec = {"method": "GET", "url": f"{server.url}/otters/{{n}}", "headers": {"X-Otter": header}}
    return _call({"type": "api_call", "api_call": spec}, {"n": "7", "lang": "en"})


def _call(tool: dict[str, Any], arguments: dict[str, Any]) -> ToolCall:
    return ToolCall(DEFAULT_TENANT, {"name": "use", **tool}, arguments, 30)


def _urllib3(request: HttpRequest) -> tuple[Work, urllib3.PoolManager]:
    """A request by urllib3 over a connection of its own, and what keeps one."""

    def once() -> None:
        with urllib3.PoolManager() as pool:
            _send(pool, request)

    return once, urllib3.PoolManager()


def _send(pool: urllib3.PoolManager, request: HttpRequest) -> bytes:
    return pool.request(request.method, request.url, headers=dict(request.headers), timeout=30).data
