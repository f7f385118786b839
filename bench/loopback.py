"""A server for tools in a process of its own, so that what it takes is not in the processor time that is measured.

``/after/<milliseconds>/<anything>`` answers after so long; any other path at once. ``/seen`` tells, and forgets, what came meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

ROOT = Path(__file__).parent.parent
ANSWER = {
    "web": {
        "results": [
            {"title": f"Otters {n}", "url": f"https://otters.example/{n}", "description": "They swim. " * 20}
            for n in range(3)
        ]
    }
}
"""What it answers: of the shape of Brave Search's."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came.

    Attributes:
        paths: Of the requests, in the order in which they came.
        most: How many were open at once.
    """

    paths: list[str]
    most: int

    def wrong(self, expected: list[str]) -> str | None:
        """What is wrong with the requests, when each of these should have come once; None: nothing."""
        lacking, extra = set(expected) - set(self.paths), len(self.paths) - len(set(self.paths))
        strange = set(self.paths) - set(expected)
        if not (lacking or extra or strange):
            return None
        return f"{len(lacking)} calls did not arrive, {extra} came again, {len(strange)} were not expected"


class Loopback:
    """The server, from the outside.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager()

    def seen(self) -> Seen:
        """What came since this was asked last."""
        return Seen(**self._http.request("GET", f"{self.url}/seen").json())

    def close(self) -> None:
        """Let go of the connection to it."""
        self._http.clear()


@contextmanager
def loopback() -> Generator[Loopback]:
    """The server, until the end of the context."""
    command = [sys.executable, "-m", "bench.loopback"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = Loopback(process.stdout.readline().strip())
        try:
            yield server
        finally:
            server.close()
            process.terminate()


class Counting:
    """What the server keeps in mind."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._open = self._most = 0

    async def answer(self, path: str) -> bytes:
        """The body for a request."""
        if path == "/seen":
            body = json.dumps({"paths": self._paths, "most": self._most}).encode()
            self._paths, self._most = [], self._open
            return body
        self._paths.append(path)
        self._open += 1
        self._most = max(self._most, self._open)
        if path.startswith("/after/"):
            await asyncio.sleep(int(path.split("/")[2]) / 1000)
        self._open -= 1
        return json.dumps(ANSWER).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection until it is closed."""
        try:
            while (path := await _next(reader)) is not None:
                body = await self.answer(path)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


async def _next(reader: asyncio.StreamReader) -> str | None:
    """The path of the next request, which is read to its end; None when there is none."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    await reader.readexactly(_length(dict(line.lower().split(": ", 1) for line in lines if line)))
    return first.split(" ")[1]


def _length(headers: Mapping[str, str]) -> int:
    return int(headers.get("content-length", 0))


async def _main() -> None:
    server = await asyncio.start_server(Counting().serve, "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
