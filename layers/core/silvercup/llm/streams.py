"""Reading an answer in a thread of its own, so that whoever waits for it can stop at any time, and does at the deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Self

from silvercup.errors import ModelUnavailable
from silvercup.llm.model import Chunk

_END = object()


class Link:
    """The connection that an answer comes over, for whoever wants to break it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cut: Callable[[], None] | None = None
        self.closed = False

    def connected(self, cut: Callable[[], None]) -> None:
        """From now on ``cut`` breaks the connection; it is called at once when it should have been already."""
        with self._lock:
            self._cut = cut
            late = self.closed
        if late:
            self._call()

    def cut(self) -> None:
        """Break the connection, now or as soon as there is one."""
        with self._lock:
            first = not self.closed
            self.closed = True
        if first:
            self._call()

    def _call(self) -> None:
        if self._cut is not None:
            with suppress(Exception):
                self._cut()


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class Reading[T]:
    """What ``read`` gives, item by item; for chunks it is a ``ChunkStream``.

    Args:
        read: Gives the items. It runs in a thread that starts at the first ``next``, and tells the link how to break its connection.
        seconds: How long it may take altogether, from the first ``next`` on.
    """

    def __init__(self, read: Callable[[Link], Iterable[T]], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._link = Link()
        self._items: SimpleQueue[object] = SimpleQueue()
        self._deadline: float | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._link.closed:
            raise StopIteration
        if self._deadline is None:
            self._deadline = time.monotonic() + self._seconds
            thread = threading.Thread(
                target=_pump, args=(self._read, self._link, self._items), name="model-answer", daemon=True
            )
            thread.start()
        try:
            item = self._items.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except Empty:
            self.close()
            raise too_slow() from None
        if self._link.closed or item is _END:
            self.close()
            raise StopIteration
        if isinstance(item, _Failed):
            self.close()
            raise item.error
        return item  # pyright: ignore[reportReturnType]

    def close(self) -> None:
        """See ``ChunkStream.close``."""
        self._link.cut()
        self._items.put(_END)

    def __del__(self) -> None:
        self._link.cut()


class Ready:
    """A ``ChunkStream`` of chunks that need no connection."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = iter(chunks)
        self._closed = False

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        if self._closed:
            raise StopIteration
        return next(self._chunks)

    def close(self) -> None:
        """See ``ChunkStream.close``."""
        self._closed = True


def within[T](seconds: float, read: Callable[[Link], T]) -> T:
    """What ``read`` returns, or raises, if that comes in time.

    Raises:
        ModelUnavailable: It did not; what ``read`` gives later is thrown away.
    """

    def once(link: Link) -> Generator[T]:
        yield read(link)

    reading = Reading(once, seconds)
    try:
        return next(reading)
    finally:
        reading.close()


def too_slow() -> ModelUnavailable:
    """The error of an answer that took too long."""
    return ModelUnavailable("The model's provider did not answer in time")


def _pump[T](read: Callable[[Link], Iterable[T]], link: Link, items: SimpleQueue[object]) -> None:
    try:
        given = read(link)
        try:
            for item in given:
                if link.closed:
                    break
                items.put(item)
        finally:
            if isinstance(given, Generator):
                given.close()
    except BaseException as error:  # noqa: BLE001
        items.put(_Failed(error))
    items.put(_END)
