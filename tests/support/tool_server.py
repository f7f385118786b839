"""A server on loopback that tools talk to, over real HTTP: it answers as it is told and records what it was sent.

with ToolServer(lambda request: Reply.json({"ok": True})) as server:
    ...  # server.url, server.requests
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw_headers: list[tuple[str, str]]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Reply:
        return cls(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    @classmethod
    def redirect(cls, to: str, status: int = 302) -> Reply:
        return cls(b"", status, {"Location": to})


@dataclass(frozen=True, slots=True)
class Bytes:
    """These bytes as they are; with ``drip`` one after the other until the client goes away; then the connection ends."""

    chunks: Iterable[bytes]
    drip: float = 0


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the server stops."""


type Answer = Reply | Bytes | Hang


class ToolServer:
    """The server.

    Attributes:
        requests: What it was sent, in order.
        connections: How many connections were made to it.
    """

    def __init__(self, answer: Callable[[Seen], Answer], context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Seen] = []
        self.connections = 0
        self._answer = answer
        self._stopped = threading.Event()
        self._server = _Server(self)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "http" if context is None else "https"

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def give(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        pairs = list(handler.headers.items())
        headers = {name.lower(): value for name, value in pairs}
        seen = Seen(handler.command, handler.path, headers, handler.rfile.read(length), pairs)
        self.requests.append(seen)
        answer = self._answer(seen)
        handler.close_connection = True
        with suppress(OSError):
            match answer:
                case Reply():
                    lines = [f"HTTP/1.1 {answer.status} Said", f"Content-Length: {len(answer.body)}"]
                    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
                    handler.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
                    if handler.command != "HEAD":
                        handler.wfile.write(answer.body)
                case Bytes():
                    for chunk in answer.chunks:
                        handler.wfile.write(chunk)
                        if self._stopped.wait(answer.drip):
                            break
                case Hang():
                    self._stopped.wait(60)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: ToolServer) -> None:
        class Handler(BaseHTTPRequestHandler):
            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return lambda: owner.give(self)
                raise AttributeError(name)

            def log_message(self, format: str, *args: Any) -> None:
                del format, args

        super().__init__(("127.0.0.1", 0), Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address

    def get_request(self) -> tuple[socket.socket, Any]:
        self.owner.connections += 1
        return super().get_request()


class Names:
    """A network in which names have the addresses that a test gives them, and every address is a server on loopback.

    Attributes:
        asked: The names that were looked up, in order.
        reached: The addresses that were connected to, in order.
    """

    def __init__(self, port: int, **answers: list[list[str]]) -> None:
        self.asked: list[str] = []
        self.reached: list[tuple[str, int]] = []
        self._port = port
        self._answers = {name.replace("_", "."): list(several) for name, several in answers.items()}

    def resolve(self, host: str, port: int, seconds: float, /) -> list[str]:
        """The next answer for a name; the last one stays."""
        del port, seconds
        self.asked.append(host)
        answers = self._answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, seconds: float, /) -> socket.socket:
        self.reached.append((address, port))
        return socket.create_connection(("127.0.0.1", self._port), timeout=seconds)
