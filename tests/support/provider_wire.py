"""The wire of the stand-in for Anthropic's Messages API: what can be scripted, and how it is sent as JSON or as events."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from tests.support.provider_rules import Refused, check_messages, check_request


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer.

    Attributes:
        text: What the model says; nothing when empty.
        tools: The tools it calls: (name, input).
        stop_reason: By default ``tool_use`` with tools, else ``end_turn``.
        delay: Seconds before the answer starts.
        pause: Seconds between the events of a stream.
        thinking: A thinking block before everything else.
        usage: Instead of the estimate: fields of the API's ``usage``.
    """

    text: str = ""
    tools: Sequence[tuple[str, dict[str, Any]]] = ()
    stop_reason: str | None = None
    delay: float = 0
    pause: float = 0
    thinking: str = ""
    usage: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer; ``mid_stream`` sends it as an event after the first ones of a stream."""

    status: int
    message: str = "as scripted"
    type: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    mid_stream: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until ``released`` is set, then ``then``."""

    released: threading.Event = field(default_factory=threading.Event)
    then: Reply = field(default_factory=Reply)


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks: before any byte, or after so many events of a stream."""

    after_events: int = 0


@dataclass(frozen=True, slots=True)
class Stall:
    """So many events of a stream, then nothing until the client goes away, which sets ``gone``."""

    text: str
    after_events: int
    gone: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Garbage:
    """HTTP 200 with a body that is none of the API's."""

    body: bytes


type Step = Reply | Failure | Hang | Drop | Stall | Garbage


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it came: header names in lower case, the body as JSON (None where it is none)."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error",
    500: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


class Provider(Protocol):
    """What the handler of a connection asks of the server."""

    def record(self, request: Recorded) -> None:
        """Keep a request for the test to look at."""

    def next_step(self, body: dict[str, Any]) -> Step:
        """What answers this request."""
        ...

    def next_id(self, prefix: str) -> str:
        """A new id, the same in every run."""
        ...

    def wait(self, step: Hang) -> None:
        """Hang until it is released, or the server stops."""

    def watch(self, connection: socket.socket) -> None:
        """Break this connection at the end."""

    def forget(self, connection: socket.socket) -> None:
        """The connection is closed."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    provider: Provider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.provider.watch(self.connection)

    def finish(self) -> None:
        self.server.provider.forget(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        provider = self.server.provider
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body: Any = None
        with suppress(ValueError):
            body = json.loads(raw)
        path = self.path.partition("?")[0]
        provider.record(Recorded("POST", path, headers, body))
        try:
            if path == "/v1/messages/count_tokens":
                check_messages(body["messages"])
                self._json(200, {"input_tokens": _tokens(body["messages"])})
                return
            if path != "/v1/messages":
                raise Refused(f"Not found: {path}", status=404, type_="not_found_error")
            check_request(headers, body)
        except Refused as refused:
            self._fail(Failure(refused.status, refused.message, refused.type))
            return
        self._play(provider.next_step(body), body)

    def _play(self, step: Step, body: dict[str, Any]) -> None:
        if isinstance(step, Hang):
            self.server.provider.wait(step)
            step = step.then
        streaming = bool(body.get("stream"))
        match step:
            case Drop(after_events=count):
                if streaming and count:
                    self._stream(itertools.islice(self._events(Reply("A long answer that breaks off"), body), count))
                self._break()
            case Stall(text, count, gone):
                self._stream(itertools.islice(self._events(Reply(text), body), count))
                with suppress(OSError):
                    while self.connection.recv(1):
                        pass
                gone.set()
                self._break()
            case Garbage(garbage):
                self._send(200, garbage, {})
            case Failure(mid_stream=True) if streaming:
                events = list(itertools.islice(self._events(Reply("A good start"), body), 3))
                self._stream([*events, _error(step)])
                self._end_stream()
            case Failure():
                self._fail(step)
            case Reply():
                time.sleep(step.delay)
                if streaming:
                    self._stream(self._events(step, body), step.pause)
                    self._end_stream()
                else:
                    self._json(200, self._message(step, body))

    def _message(self, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
        new_id = self.server.provider.next_id
        content: list[dict[str, Any]] = []
        if reply.thinking:
            content.append({"type": "thinking", "thinking": reply.thinking, "signature": "c2lnbmF0dXJl"})
        if reply.text:
            content.append({"type": "text", "text": reply.text})
        content += [
            {"type": "tool_use", "id": new_id("toolu"), "name": name, "input": value} for name, value in reply.tools
        ]
        return {
            "id": new_id("msg"),
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": reply.stop_reason or ("tool_use" if reply.tools else "end_turn"),
            "stop_sequence": None,
            "usage": reply.usage or {"input_tokens": _tokens(body["messages"]), "output_tokens": _tokens(content)},
        }

    def _events(self, reply: Reply, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        message = self._message(reply, body)
        content, usage = message["content"], message["usage"]
        start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        yield {"type": "message_start", "message": start}
        yield {"type": "ping"}
        for index, block in enumerate(content):
            match block["type"]:
                case "text":
                    empty, deltas = (
                        {"text": ""},
                        [{"type": "text_delta", "text": part} for part in _parts(block["text"])],
                    )
                case "tool_use":
                    parts = ["", *_parts(json.dumps(block["input"]))]
                    empty, deltas = (
                        {"input": {}},
                        [{"type": "input_json_delta", "partial_json": part} for part in parts],
                    )
                case _:
                    deltas = [
                        {"type": "thinking_delta", "thinking": block["thinking"]},
                        {"type": "signature_delta", "signature": block["signature"]},
                    ]
                    empty = {"thinking": "", "signature": ""}
            yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": usage["output_tokens"]}}
        yield {"type": "message_stop"}

    def _stream(self, events: Iterator[dict[str, Any]] | list[dict[str, Any]], pause: float = 0) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
            time.sleep(pause)

    def _end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def _fail(self, failure: Failure) -> None:
        self._json(failure.status, _error(failure), failure.headers)

    def _json(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), headers or {})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("request-id", self.server.provider.next_id("req"))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def _break(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _error(failure: Failure) -> dict[str, Any]:
    kind = failure.type or _TYPES.get(failure.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": failure.message}, "request_id": "req_fake"}


def _parts(text: str, size: int = 7) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _tokens(value: Any) -> int:
    return len(json.dumps(value)) // 4 + 1
