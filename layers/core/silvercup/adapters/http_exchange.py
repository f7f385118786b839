"""One request and its answer over a connection that is already there, within a time and a size."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from functools import cache
from http.client import HTTPException

from urllib3.connection import HTTPConnection
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.response import BaseHTTPResponse

from silvercup.adapters.reach import cut_at
from silvercup.errors import ToolFailed
from silvercup.tools.outgoing import HttpAnswer, HttpRequest
from silvercup.tools.targets import Target

_CHUNK = 65_536


class Broken(Exception):
    """Nothing, or nothing whole, came back; the text says why."""


class _Quiet(logging.Filter):
    """Drops records: urllib3 warns of odd headers with the whole URL, whose query may hold what is secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Failed to parse headers")


logging.getLogger("urllib3.connection").addFilter(_Quiet())


@cache
def default_context() -> ssl.SSLContext:
    """TLS as it should be, with the machine's certificate authorities; reading those takes some milliseconds, once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def exchange(
    request: HttpRequest, target: Target, connected: socket.socket, context: ssl.SSLContext | None, deadline: float
) -> HttpAnswer:
    """Send a request and read the answer; the connection is closed afterwards.

    Args:
        request: Method, headers and body are sent; the target says where to.
        target: Gives path, ``Host`` and, for TLS, the name that the certificate must have.
        connected: The connection to the address that was checked.
        context: For TLS; None: the usual one.
        deadline: ``time.monotonic()`` at which the connection is cut, whatever the server does.

    Raises:
        Broken: Nothing whole came back in time.
        ToolFailed: The answer is too long, or its encoding is broken.
    """
    with cut_at(deadline, connected) as is_cut:
        try:
            if target.scheme == "https":
                connected = (context or default_context()).wrap_socket(connected, server_hostname=target.host)
            answer = _exchange(request, target, connected, deadline)
        except ssl.SSLCertVerificationError as error:
            raise ToolFailed(f"{target.shown} has no valid certificate: {error.verify_message}") from None
        except DecodeError:
            raise ToolFailed(f"{target.shown} sent an answer whose Content-Encoding is broken") from None
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            if is_cut() or isinstance(error, TimeoutError):
                raise Broken("did not answer in time") from None
            raise Broken(f"broke the connection off, or does not speak HTTP ({type(error).__name__})") from None
        else:
            if is_cut():  # what was cut off within its headers would read as whole
                raise Broken("did not answer in time")
            return answer
        finally:
            connected.close()


def _exchange(request: HttpRequest, target: Target, connected: socket.socket, deadline: float) -> HttpAnswer:
    connection = HTTPConnection(target.host, target.port, timeout=max(deadline - time.monotonic(), 0.001))
    connection.auto_open = 0
    connection.sock = connected
    headers = {"Host": target.authority, "Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "silvercup"}
    given = {name.lower() for name in request.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in given} | dict(request.headers)
    connection.request(request.method, target.path, request.body, headers, preload_content=False)
    response = connection.getresponse()
    try:
        body = b"" if request.method == "HEAD" else _body(response, target, request.max_bytes)
        joined: dict[str, str] = {}
        for name, value in response.headers.iteritems():
            lower = name.lower()
            joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
        return HttpAnswer(response.status, response.reason or "", joined, body, target.shown)
    finally:
        response.close()
        connection.close()


def _body(response: BaseHTTPResponse, target: Target, limit: int) -> bytes:
    """The body, decompressed bit by bit, so that a small answer can't become a large one."""
    announced = response.headers.get("content-length", "")
    chunks: list[bytes] = []
    size = int(announced) if announced.isdecimal() and len(announced) < 20 else 0
    if size <= limit:
        size = 0
        while size <= limit and (chunk := response.read(_CHUNK, decode_content=True)):
            size += len(chunk)
            chunks.append(chunk)
    if size > limit:
        raise ToolFailed(f"{target.shown} sent more than {limit:,} bytes; that much is taken at most")
    return b"".join(chunks)
