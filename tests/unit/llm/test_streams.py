"""Reading in a thread of its own: order, errors, the deadline, closing from anywhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.errors import ModelRejected, ModelUnavailable
from silvercup.llm.streams import Link, Reading, Ready, within


def test_items_come_in_order_and_the_end_stays_the_end() -> None:
    reading = Reading(lambda _: range(1000), 5)
    assert list(reading) == list(range(1000))
    assert list(reading) == []


def test_nothing_is_read_before_the_first_next() -> None:
    read: list[Link] = []

    def items(link: Link) -> Iterator[int]:
        read.append(link)
        yield 1

    reading = Reading(items, 5)
    assert read == []
    reading.close()
    assert list(reading) == []
    assert read == []


def test_an_error_comes_after_what_was_read() -> None:
    def items(_: Link) -> Iterator[int]:
        yield 1
        raise ModelRejected("no")

    reading = Reading(items, 5)
    assert next(reading) == 1
    with pytest.raises(ModelRejected, match="no"):
        next(reading)
    assert list(reading) == []


class Stalled:
    """Gives one item and waits until its connection is cut; ``ended`` says that its reader left."""

    def __init__(self, *, cuttable: bool = True) -> None:
        self.waiting = threading.Event()
        self.cut = threading.Event()
        self.ended = threading.Event()
        self._cuttable = cuttable

    def __call__(self, link: Link) -> Iterator[int]:
        try:
            yield 1
            if self._cuttable:
                link.connected(self.cut.set)
            self.waiting.set()
            self.cut.wait(5)
            yield 2
        finally:
            self.ended.set()


@pytest.mark.parametrize("cuttable", [True, False])
def test_closing_ends_a_next_that_waits(cuttable: bool) -> None:
    stalled = Stalled(cuttable=cuttable)
    reading = Reading(stalled, 60)
    assert next(reading) == 1
    got: list[list[int]] = []
    reader = threading.Thread(target=lambda: got.append(list(reading)))
    reader.start()
    assert stalled.waiting.wait(5)
    reading.close()
    reader.join(5)
    assert got == [[]]
    assert stalled.cut.is_set() == cuttable
    stalled.cut.set()
    assert stalled.ended.wait(5)


def test_the_deadline_cuts_the_connection() -> None:
    stalled = Stalled()
    reading = Reading(stalled, 0.1)
    assert next(reading) == 1
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        next(reading)
    assert stalled.ended.wait(5)
    assert list(reading) == []


def test_a_reading_that_is_dropped_is_closed() -> None:
    stalled = Stalled()
    for _ in Reading(stalled, 60):
        break
    assert stalled.ended.wait(5)


def test_a_connection_that_comes_after_the_end_is_cut_at_once() -> None:
    link = Link()
    link.cut()
    cuts: list[str] = []
    link.connected(lambda: cuts.append("cut"))
    link.cut()
    assert cuts == ["cut"]


def test_a_cut_that_fails_is_no_matter() -> None:
    link = Link()

    def fail() -> None:
        raise OSError("gone already")

    link.connected(fail)
    link.cut()
    assert link.closed


def test_within() -> None:
    assert within(5, lambda _: 7) == 7
    stop = threading.Event()
    with pytest.raises(ModelUnavailable, match="in time"):
        within(0.05, lambda _: stop.wait(5))
    stop.set()

    def fail(_: Link) -> Any:
        raise ModelRejected("no")

    with pytest.raises(ModelRejected, match="no"):
        within(5, fail)


def test_chunks_that_are_ready() -> None:
    ready = Ready([{"a": 1}, {"a": 2}])
    assert next(ready) == {"a": 1}
    ready.close()
    ready.close()
    assert list(ready) == []
