"""What stand-ins for providers of models share: a server on loopback that plays a script, one step for each request."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: what the model says, then the tools that it calls: (name, input).

    Attributes:
        finish: Why it ends; by default as the calls say.
        usage: (prompt, completion) tokens; None leaves them out.
        stall: Whether a stream stops after its first parts and hangs until the server stops.
    """

    text: str = ""
    tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    finish: str | None = None
    usage: tuple[int, int] | None = (11, 7)
    stall: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer; ``mid_stream`` sends it within a stream."""

    status: int
    message: str = "as scripted"
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    mid_stream: bool = False


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the server stops."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks: before any byte, or within a stream."""

    mid_stream: bool = False


type Step = Reply | Failure | Raw | Hang | Drop


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it came; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: Any


class Refused(Exception):
    """The real API would refuse the request so."""


class ScriptedServer:
    """The server; a context manager.

    Attributes:
        requests: What came in.
        gone: Set when a stalled stream was broken off by the client.
    """

    def __init__(self, handler: type[ScriptedHandler]) -> None:
        self.requests: list[Recorded] = []
        self.gone = threading.Event()
        self.waiting = threading.Event()
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.scripted = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *steps: Step | str) -> None:
        """Answer the next requests so; a string is a Reply of that text."""
        with self._lock:
            self._steps.extend(Reply(step) if isinstance(step, str) else step for step in steps)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_step(self, default: Step) -> Step:
        with self._lock:
            return self._steps.popleft() if self._steps else default

    def hang(self, connection: socket.socket) -> None:
        """Until the client has gone, or the server stops."""
        self.waiting.set()
        connection.settimeout(0.02)
        while not self._stopped.is_set():
            try:
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        if not self._stopped.is_set():
            self.gone.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    scripted: ScriptedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class ScriptedHandler(BaseHTTPRequestHandler):
    """A connection; a subclass says what the API refuses and how it answers."""

    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        body: Any = None
        with suppress(ValueError):
            body = json.loads(raw)
        path = unquote(self.path.partition("?")[0])
        headers = {name.lower(): value for name, value in self.headers.items()}
        scripted = self.server.scripted
        scripted.requests.append(Recorded(path, headers, body))
        try:
            self.check(path, headers, body)
        except Refused as refused:
            self.fail(Failure(400, str(refused)))
            return
        step = scripted.next_step(Reply(f"Echo: {self.last_text(body)}"))
        match step:
            case Hang():
                scripted.hang(self.connection)
                self.close_connection = True
            case Drop(mid_stream=False):
                self.break_off()
            case Raw():
                self.send(step.status, step.body, {"content-type": step.content_type})
            case Failure(mid_stream=False):
                self.fail(step)
            case _:
                self.answer(step, path, body)

    def check(self, path: str, headers: dict[str, str], body: Any) -> None:
        """Raise Refused as the real API would."""
        raise NotImplementedError

    def last_text(self, body: Any) -> str:
        """What the last message says."""
        raise NotImplementedError

    def answer(self, step: Reply | Failure | Drop, path: str, body: Any) -> None:
        """Answer; failures and drops come within a stream."""
        raise NotImplementedError

    def fail(self, failure: Failure) -> None:
        """Send an error."""
        raise NotImplementedError

    def send_json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(value).encode(), {"content-type": "application/json", **(headers or {})})

    def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def send_stream(self, parts: Iterable[bytes], content_type: str) -> None:
        """Send parts, without the end of the stream."""
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for data in parts:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def stall(self) -> None:
        self.server.scripted.hang(self.connection)
        self.close_connection = True

    def break_off(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def pieces(text: str, size: int = 7) -> list[str]:
    """A text as it comes in a stream."""
    return [text[at : at + size] for at in range(0, len(text), size)]
