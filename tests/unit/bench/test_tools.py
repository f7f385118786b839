"""What the bench of tools counts, and how it compares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, cast

import pytest
import urllib3
from botocore.hooks import HierarchicalEmitter

from bench.counting import Counted
from bench.loopback import ANSWER, Counting, Seen, loopback
from bench.tool_overhead import CALLS, ROUNDS, timed
from local.stack import Stack
from tests.support.each_tool import strangers


def test_the_server_tells_how_many_requests_were_open_at_once():
    async def ask() -> list[bytes]:
        counting = Counting()
        await asyncio.gather(*(counting.answer(f"/after/0/{n}") for n in range(3)))
        await counting.answer("/quick")
        return [await counting.answer("/seen"), await counting.answer("/seen")]

    first, second = asyncio.run(ask())
    assert first == b'{"paths": ["/after/0/0", "/after/0/1", "/after/0/2", "/quick"], "most": 3}'
    assert second == b'{"paths": [], "most": 0}'


def test_the_server_answers_over_a_connection_that_is_kept():
    with loopback() as server, urllib3.HTTPConnectionPool("127.0.0.1", int(server.url.rpartition(":")[2])) as pool:
        assert pool.request("POST", "/a?b=c", body=b"12345").json() == ANSWER
        assert pool.request("GET", "/d").json() == ANSWER
        assert pool.num_connections == 1
        assert server.seen() == Seen(["/a?b=c", "/d"], 1)
        assert server.seen() == Seen([], 0)


@pytest.mark.parametrize(
    ("paths", "wrong"),
    [
        (["b", "a"], None),
        (["a"], "1 calls did not arrive, 0 came again, 0 were not expected"),
        (["a", "b", "a"], "0 calls did not arrive, 1 came again, 0 were not expected"),
        (["a", "c"], "1 calls did not arrive, 0 came again, 1 were not expected"),
    ],
)
def test_every_call_has_to_arrive_once(paths: list[str], wrong: str | None):
    assert Seen(paths, 1).wrong(["a", "b"]) == wrong


def test_what_is_compared_is_called_in_turn():
    called: list[str] = []
    took = timed([lambda: called.append("one"), lambda: called.append("other")])
    assert called == ["one", "other"] * (1 + ROUNDS * CALLS)
    assert len(took) == 2


def test_a_module_is_a_stranger_to_all_but_its_owners():
    modules = {"smtplib", "json", "silvercup.tools.integrations.files"}
    assert strangers("email", modules) == ["silvercup.tools.integrations.files"]
    assert strangers("llama_parse", modules) == ["smtplib"]
    assert strangers("", modules) == ["silvercup.tools.integrations.files", "smtplib"]


def test_requests_of_threads_are_counted_under_the_label_that_they_work_for():
    emitter = HierarchicalEmitter()
    stack = SimpleNamespace(
        container=SimpleNamespace(
            clients=SimpleNamespace(
                get=lambda service: SimpleNamespace(meta=SimpleNamespace(events=_Of(emitter, service)))
            )
        ),
        aws=SimpleNamespace(invoker=SimpleNamespace(load=lambda _: None, replace=lambda *_: None)),
    )
    counted = Counted(cast("Stack", stack), whole=False)
    try:
        with counted.under("mine") as mine, counted.everywhere() as others, ThreadPoolExecutor(2) as pool:
            pool.submit(copy_context().run, _send, emitter).result()
            pool.submit(_send, emitter).result()
    finally:
        counted.release()
    assert (mine.requests, others.requests) == ({"dynamodb:GetItem": 1}, {"dynamodb:GetItem": 1})


class _Of:
    """The events of one service's client."""

    def __init__(self, emitter: HierarchicalEmitter, service: str) -> None:
        self._emitter, self._service = emitter, service

    def register(self, event: str, handler: Callable[..., Any]) -> None:
        self._emitter.register(f"{event}.{self._service}", handler)

    def unregister(self, event: str, handler: Callable[..., Any]) -> None:
        self._emitter.unregister(f"{event}.{self._service}", handler)


def _send(emitter: HierarchicalEmitter) -> None:
    model = SimpleNamespace(name="GetItem", service_model=SimpleNamespace(endpoint_prefix="dynamodb"))
    emitter.emit("after-call.dynamodb.GetItem", model=model, parsed={})
