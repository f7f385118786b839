"""Stand-ins for embedding providers on loopback: OpenAI's API (``/v1/embeddings``) and Bedrock's (``/model/<id>/invoke``), for their real SDKs.

    with FakeEmbeddings() as provider:
        provider.script(Failure(429), Vectors())
        ...  # OPENAI_BASE_URL=provider.openai_url, or a botocore client with endpoint_url=provider.url

Each scripted step answers one request; after them (or without any) the vectors are ``vector(text, dimensions)``. Requests that the real
APIs refuse are refused, and use up no step.
"""

from __future__ import annotations

import hashlib
import json
import math
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

TITAN_DIMENSIONS = {256, 512, 1024}
MAX_TOKENS = 8_192
MAX_REQUEST_TOKENS = 300_000
FIXED = 768
"""The length of the vectors of a model that does not let one choose."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer; ``code`` is Bedrock's."""

    status: int
    message: str = "as scripted"
    code: str = "ValidationException"
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes with status 200."""

    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the server stops."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks before any byte, or after the first ones of the body."""

    within_body: bool = False


@dataclass(frozen=True, slots=True)
class Vectors:
    """A good answer, after ``delay`` seconds; ``change`` gets OpenAI's list of embeddings and returns what is sent."""

    delay: float = 0
    change: Callable[[list[dict[str, Any]]], list[Any]] = list
    dimensions: int | None = None


type Step = Failure | Raw | Hang | Drop | Vectors


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


class FakeEmbeddings:
    """The server; a context manager.

    Args:
        dimensions: What the server does with OpenAI's parameter of this name: ``refuses``, ``ignores`` or ``obeys`` it.
    """

    def __init__(self, dimensions: str = "obeys") -> None:
        self.requests: list[Recorded] = []
        self.most_at_once = 0
        self.dimensions = dimensions
        self._at_once = 0
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    def script(self, *steps: Step) -> None:
        with self._lock:
            self._steps.extend(steps)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def enter(self, request: Recorded) -> None:
        with self._lock:
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def next_step(self) -> Step:
        with self._lock:
            return self._steps.popleft() if self._steps else Vectors()

    def hang(self) -> None:
        self._stopped.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    provider: FakeEmbeddings

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Refused(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(raw)
        path = unquote(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        provider = self.server.provider
        provider.enter(Recorded(path, headers, body))
        try:
            of_openai = path == "/v1/embeddings"
            texts = _openai_texts(body, provider.dimensions) if of_openai else _titan_texts(body)
        except _Refused as refused:
            self._fail(Failure(400, str(refused)))
        else:
            self._play(provider.next_step(), body, texts)
        finally:
            provider.leave()

    def _play(self, step: Step, body: dict[str, Any], texts: Sequence[str]) -> None:
        match step:
            case Hang():
                self.server.provider.hang()
                self.close_connection = True
            case Drop(within_body=within):
                if within:
                    self.send_response(200)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", "1000")
                    self.end_headers()
                    self.wfile.write(b'{"data": [')
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
            case Failure():
                self._fail(step)
            case Raw(body=sent, content_type=kind):
                self._send(200, sent, {"content-type": kind})
            case Vectors():
                time.sleep(step.delay)
                self._send(200, json.dumps(self._answer(step, body, texts)).encode())

    def _answer(self, step: Vectors, body: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        if "inputText" in body:
            found = vector(texts[0], step.dimensions or body["dimensions"])
            return {"embedding": found, "inputTextTokenCount": len(texts[0]), "embeddingsByType": {"float": found}}
        obeys = self.server.provider.dimensions == "obeys"
        size = step.dimensions or (body.get("dimensions", FIXED) if obeys else FIXED)
        data = [{"object": "embedding", "index": at, "embedding": vector(text, size)} for at, text in enumerate(texts)]
        used = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return {"object": "list", "data": step.change(data), "model": body["model"], "usage": used}

    def _fail(self, failure: Failure) -> None:
        if self.path.startswith("/v1/"):
            error = {"error": {"message": failure.message, "type": "scripted", "param": None, "code": None}}
            self._send(failure.status, json.dumps(error).encode(), failure.headers)
        else:
            error = {"message": failure.message}
            self._send(failure.status, json.dumps(error).encode(), {"x-amzn-errortype": failure.code} | failure.headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in ({"content-type": "application/json"} | (headers or {})).items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _openai_texts(body: dict[str, Any], dimensions: str) -> list[str]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    if not 1 <= len(texts) <= 2048 or not all(texts):
        raise _Refused("'$.input' is invalid. Please check the API reference")
    if any(tokens(text) > MAX_TOKENS for text in texts):
        raise _Refused("This model's maximum context length is 8192 tokens")
    if sum(map(tokens, texts)) > MAX_REQUEST_TOKENS:
        raise _Refused("Requested too many tokens, max 300000 tokens per request")
    if "dimensions" in body and dimensions == "refuses":
        raise _Refused("This model does not support specifying dimensions.")
    if body.get("encoding_format") != "float":
        raise _Refused("this server knows float only")
    return texts


def _titan_texts(body: dict[str, Any]) -> list[str]:
    text = body["inputText"]
    if not text:
        raise _Refused("Malformed input request: expected minLength: 1, actual: 0, please reformat your input")
    if tokens(text) > MAX_TOKENS:
        raise _Refused(f"Too many input tokens. Max input tokens: 8192, request input token count: {tokens(text)}")
    if body.get("dimensions") not in TITAN_DIMENSIONS or body.get("normalize") is not True:
        raise _Refused("Malformed input request")
    return [text]


def tokens(text: str) -> int:
    """The most that a tokenizer makes of a text: one of each byte."""
    return len(text.encode())


def vector(text: str, dimensions: int) -> list[float]:
    """A vector of length 1 that depends on the text alone."""
    seed = hashlib.sha256(text.encode()).digest()
    numbers = [
        byte - 127.5 for at in range(-(-dimensions // 32)) for byte in hashlib.sha256(seed + bytes([at])).digest()
    ][:dimensions]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]
