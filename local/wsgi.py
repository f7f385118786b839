"""A small HTTP/1.1 server for a WSGI application on loopback: one thread a connection, kept alive, Nagle off.

The servers that come with moto close the connection after every answer, which costs more than the answer.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, cast
from urllib.parse import unquote_to_bytes

logger = logging.getLogger(__name__)

type Environ = dict[str, Any]
type StartResponse = Callable[..., Callable[[bytes], object]]
type Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_BUFFER_BYTES = 1 << 16
_MAX_LINE_BYTES = 1 << 16


class _BadRequest(Exception):
    """What came is not HTTP as we read it."""


class Server:
    """Serves until ``stop``.

    Attributes:
        port: The port, known from construction on.
    """

    def __init__(self, application: Application, host: str = "127.0.0.1", port: int = 0) -> None:
        self._application = application
        self._listener = socket.create_server((host, port), backlog=512)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, name="aws-server", daemon=True)

    def start(self) -> None:
        """Start to accept connections, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="aws-connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb", buffering=_BUFFER_BYTES) as stream:
                while not self._stopping and self._serve_one(connection, cast("BinaryIO", stream)):
                    pass
        except OSError:
            return
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _serve_one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """Serve a request; whether another one may follow on the connection."""
        try:
            environ = self._read(connection, stream)
        except _BadRequest as problem:
            connection.sendall(
                f"HTTP/1.1 400 Bad Request\r\nX-Reason: {problem}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            return False
        if environ is None:
            return False
        keep_alive = environ["SERVER_PROTOCOL"] == "HTTP/1.1" and environ.get("HTTP_CONNECTION", "").lower() != "close"
        connection.sendall(self._answer(environ, keep_alive=keep_alive))
        return keep_alive

    def _read(self, connection: socket.socket, stream: BinaryIO) -> Environ | None:
        line = stream.readline(_MAX_LINE_BYTES)
        if not line.strip():
            return None
        try:
            method, target, protocol = line.decode("latin-1").split()
        except ValueError:
            raise _BadRequest("request line") from None
        path, _, query = target.partition("?")
        environ: Environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "REQUEST_URI": target,
            "SERVER_NAME": self.host,
            "SERVER_PORT": str(self.port),
            "SERVER_PROTOCOL": protocol,
            "REMOTE_ADDR": self.host,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        self._read_headers(stream, environ)
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ["wsgi.input"] = io.BytesIO(self._read_body(stream, environ))
        return environ

    @staticmethod
    def _read_headers(stream: BinaryIO, environ: Environ) -> None:
        while (line := stream.readline(_MAX_LINE_BYTES)) not in {b"\r\n", b"\n"}:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise _BadRequest("header line")
            key = name.strip().upper().replace("-", "_")
            if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                key = f"HTTP_{key}"
            value = value.strip()
            environ[key] = f"{environ[key]},{value}" if key in environ else value

    @staticmethod
    def _read_body(stream: BinaryIO, environ: Environ) -> bytes:
        if environ.pop("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            chunks: list[bytes] = []
            while size := int(stream.readline(_MAX_LINE_BYTES).split(b";")[0], 16):
                chunks.append(stream.read(size))
                stream.readline(_MAX_LINE_BYTES)
            while stream.readline(_MAX_LINE_BYTES) not in {b"\r\n", b"\n", b""}:
                pass
            body = b"".join(chunks)
        else:
            length = environ.get("CONTENT_LENGTH") or "0"
            if not length.isdecimal():
                raise _BadRequest("Content-Length")
            body = stream.read(int(length))
            if len(body) != int(length):
                raise ConnectionError
        environ["CONTENT_LENGTH"] = str(len(body))
        return body

    def _answer(self, environ: Environ, *, keep_alive: bool) -> bytes:
        try:
            status, headers, body = call(self._application, environ)
        except Exception:
            logger.exception("%s %s failed", environ["REQUEST_METHOD"], environ["RAW_URI"])
            status, headers, body = "500 Internal Server Error", [], b""
        length = (
            []
            if environ["REQUEST_METHOD"] == "HEAD" and any(name.lower() == "content-length" for name, _ in headers)
            else [str(len(body))]
        )
        lines = [f"HTTP/1.1 {status}"]
        lines += [f"{name}: {value}" for name, value in headers if not length or name.lower() != "content-length"]
        lines += [f"Content-Length: {value}" for value in length]
        lines += ["Connection: keep-alive" if keep_alive else "Connection: close", "", ""]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        return head if environ["REQUEST_METHOD"] == "HEAD" or status.startswith(("204", "304")) else head + body


def call(application: Application, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
    """Call a WSGI application and gather its answer: status line, headers, body."""
    status = ""
    headers: list[tuple[str, str]] = []

    def start_response(line: str, fields: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = line, fields
        return lambda _: None

    parts = application(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        if close := getattr(parts, "close", None):
            close()
    return status, headers, body
