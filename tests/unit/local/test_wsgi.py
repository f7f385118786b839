from __future__ import annotations

import socket
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest

from local.wsgi import Server


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    body = environ["wsgi.input"].read()
    seen = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['RAW_URI']} {environ['QUERY_STRING']} {environ['CONTENT_LENGTH']} {environ.get('HTTP_X_A', '')}"
    start_response("200 OK", [("X-Seen", seen), ("Content-Length", "999")])
    return [body[:2], body[2:]]


@contextmanager
def connected() -> Generator[HTTPConnection]:
    server = Server(echo)
    server.start()
    connection = HTTPConnection(server.host, server.port, timeout=5)
    try:
        yield connection
    finally:
        connection.close()
        server.stop()


def ask(connection: HTTPConnection, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, str]:
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers.get("X-Seen", "")


def test_one_connection_serves_many_requests() -> None:
    with connected() as connection:
        assert ask(connection, "POST", "/a%2Fb?x=1", b"hello", X_A="1")[1:] == (
            b"hello",
            "POST /a/b /a%2Fb?x=1 x=1 5 1",
        )
        first = connection.sock
        assert ask(connection, "GET", "/")[0] == 200
        assert connection.sock is first


def test_a_chunked_body_is_put_together() -> None:
    with connected() as connection:
        connection.request("PUT", "/c", iter([b"ab", b"cde"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        assert connection.getresponse().read() == b"abcde"
        assert ask(connection, "GET", "/")[0] == 200


def test_a_body_is_asked_for_when_the_client_expects_that() -> None:
    with connected() as connection, socket.create_connection((connection.host, connection.port), timeout=5) as raw:
        raw.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"ok")
        assert raw.recv(1000).endswith(b"\r\n\r\nok")


def test_head_has_no_body_and_the_length_of_the_answer_to_get() -> None:
    with connected() as connection:
        connection.request("HEAD", "/")
        answer = connection.getresponse()
        assert (answer.read(), answer.headers["Content-Length"]) == (b"", "999")
        assert ask(connection, "GET", "/")[0] == 200


@pytest.mark.parametrize(
    "line", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_http_is_refused_and_the_connection_closed(line: bytes) -> None:
    with connected() as connection, socket.create_connection((connection.host, connection.port), timeout=5) as raw:
        raw.sendall(line)
        assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
        assert raw.recv(1000) == b""


def test_an_exception_is_a_500_and_the_connection_lives_on(caplog: pytest.LogCaptureFixture) -> None:
    with connected() as connection:
        assert ask(connection, "GET", "/boom")[0] == 500
        assert ask(connection, "GET", "/")[0] == 200
    assert "GET /boom failed" in caplog.text


def test_stop_closes_the_port_and_open_connections() -> None:
    server = Server(echo)
    server.start()
    with socket.create_connection((server.host, server.port), timeout=5) as open_one:
        open_one.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert open_one.recv(1000)
        server.stop()
        assert open_one.recv(1000) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=5)
