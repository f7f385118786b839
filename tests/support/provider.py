"""A stand-in for Anthropic's Messages API on loopback: the real wire format over real HTTP.

    with FakeProvider() as provider:
        provider.script("Hello", Failure(529), Reply(tools=[("get_weather", {"city": "Oslo"})]))
        ...  # ANTHROPIC_BASE_URL=provider.url
        assert provider.requests[0].body["model"] == "claude-sonnet-5-5"

Each scripted step answers one request; after them (or without any) the answer is ``Echo: <last user message>``. A request that the real
API would refuse gets 400 with its reason and uses up no step. ``python -m tests.support.provider --port 8099`` runs it alone.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self, cast

from tests.support.provider_wire import Drop, Failure, Garbage, Handler, Hang, Recorded, Reply, Server, Stall, Step

__all__ = ["Drop", "Failure", "FakeProvider", "Garbage", "Hang", "Recorded", "Reply", "Stall", "Step"]


class FakeProvider:
    """The server; a context manager, or ``start`` and ``stop``.

    Args:
        port: Where to listen on loopback; 0 for a free one.
        answer: What answers when no step is scripted: from the request's body to a step.
    """

    def __init__(self, port: int = 0, answer: Callable[[dict[str, Any]], Step] | None = None) -> None:
        self.requests: list[Recorded] = []
        self._answer = answer or (lambda body: Reply(f"Echo: {last_user_text(body)}"))
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._hanging: set[threading.Event] = set()
        self._connections: set[socket.socket] = set()
        self._server = Server(("127.0.0.1", port), Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL, for ``ANTHROPIC_BASE_URL``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *steps: Step | str) -> None:
        """Answer the next requests so; a string is a Reply of that text."""
        with self._lock:
            self._steps.extend(Reply(step) if isinstance(step, str) else step for step in steps)

    def clear(self) -> None:
        """Forget the requests and the script."""
        with self._lock:
            self._steps.clear()
            self.requests.clear()

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Release what hangs, break the connections, end."""
        with self._lock:
            for released in self._hanging:
                released.set()
            connections = list(self._connections)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def next_step(self, body: dict[str, Any]) -> Step:
        """What answers this request."""
        with self._lock:
            step = self._steps.popleft() if self._steps else None
        return step or self._answer(body)

    def next_id(self, prefix: str) -> str:
        """A new id, the same in every run."""
        return f"{prefix}_fake{next(self._ids):020d}"

    def record(self, request: Recorded) -> None:
        """Keep a request for the test to look at."""
        with self._lock:
            self.requests.append(request)

    def watch(self, connection: socket.socket) -> None:
        """Break this connection at the end."""
        with self._lock:
            self._connections.add(connection)

    def forget(self, connection: socket.socket) -> None:
        """The connection is closed."""
        with self._lock:
            self._connections.discard(connection)

    def wait(self, step: Hang) -> None:
        """Hang until it is released, or the server stops."""
        with self._lock:
            self._hanging.add(step.released)
        step.released.wait()


def last_user_text(body: dict[str, Any]) -> str:
    """The text of the last user message; a tool's result counts."""
    content = next((message["content"] for message in reversed(body["messages"]) if message["role"] == "user"), "")
    return content if isinstance(content, str) else " ".join(_texts(content))


def _texts(blocks: Any) -> Iterator[str]:
    for block in cast("list[dict[str, Any]]", blocks):
        match block:
            case {"type": "text", "text": str(text)}:
                yield text
            case {"type": "tool_result", "content": list(inner)}:
                yield from _texts(inner)
            case {"type": "image"}:
                yield "(image)"
            case _:
                pass


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A stand-in for Anthropic's Messages API on loopback")
    parser.add_argument("--port", type=int, default=0, help="where to listen; 0 for a free port")
    with FakeProvider(parser.parse_args().port) as provider, suppress(KeyboardInterrupt):
        print(provider.url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
