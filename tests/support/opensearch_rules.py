"""What stands before OpenSearch on AWS, in front of a local node: signatures, and what a serverless collection refuses.

The rules of ``aoss`` are those of the developer guide (serverless-genref: supported operations; serverless-overview: no custom document id
in vector search collections) and, for what NextGen takes in a mapping, of opensearch-project/opensearch-agent-skills pull request 78.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import DUMMY_AWS

REGION = "us-east-1"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)
SERVERLESS = [
    ("PUT", r"/[a-z0-9-]+"),
    ("GET|HEAD|DELETE", r"/[a-z0-9-]+"),
    ("GET", r"/[a-z0-9-]+/_mapping"),
    ("POST", r"/[a-z0-9-]+/_bulk"),
    ("GET|POST", r"/[a-z0-9-]+/_search"),
]
"""The operations that the adapter may use, of those that a vector search collection has."""

type Answer = tuple[int, bytes]


@dataclass
class Request:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A server that answers as it is told.

    Attributes:
        url: Its address.
        requests: What came so far.
    """

    url: str
    requests: list[Request] = field(default_factory=list[Request])


@contextmanager
def serving(answer: Callable[[Request], Answer]) -> Generator[Server]:
    """A server on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length))
            server.requests.append(request)
            status, body = answer(request)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815  # names of the base class

        def log_message(self, format: str, *args: Any) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listening.server_address[1]}")
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


@contextmanager
def serverless(node: str) -> Generator[Server]:
    """A NextGen vector search collection, as far as it is known here, over a node that has the engine ``lucene`` only."""

    def answer(request: Request) -> Answer:
        problem = signature_problem(request, "aoss") or _refused(request)
        if problem:
            return 400, json.dumps({"error": {"type": "illegal_argument_exception", "reason": problem}}).encode()
        return _forward(node, request)

    with serving(answer) as server:
        yield server


def signature_problem(request: Request, service: str) -> str | None:
    """What is wrong with the signature of a request, or None."""
    found = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return "not signed"
    key, region, signed_for, names, signature = found.groups()
    if (key, region, signed_for) != (DUMMY_AWS["AWS_ACCESS_KEY_ID"], REGION, service):
        return f"signed by {key} for {signed_for} in {region}"
    headers = {name: request.headers[name] for name in names.split(";")}
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= headers.keys():
        return f"only {names} are signed"
    url = f"http://{request.headers['host']}{request.path}"
    again = AWSRequest(method=request.method, url=url, data=request.body, headers=headers)
    again.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(key, DUMMY_AWS["AWS_SECRET_ACCESS_KEY"]), service, REGION)
    if auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again) != signature:
        return "the signature does not fit the request"
    return None


def _refused(request: Request) -> str | None:
    path = urlsplit(request.path)
    allowed = any(re.fullmatch(m, request.method) and re.fullmatch(p, path.path) for m, p in SERVERLESS)
    if not allowed or path.query:
        return f"{request.method} {request.path} is not supported"
    if b'"script' in request.body:
        return "scripts are not supported"
    if path.path.endswith("/_bulk"):
        actions = [json.loads(line) for line in request.body.splitlines()]
        if any("_id" in action["index"] for action in actions if action.keys() == {"index"}):
            return "Document ID is not supported in create/index operation request"
    if request.method == "PUT" and b'"engine"' in request.body:
        return "Field parameter 'engine' is not supported"
    return None


def _forward(node: str, request: Request) -> Answer:
    body = request.body
    if request.method == "PUT":
        made = json.loads(body)
        made["mappings"]["properties"]["vector"]["method"] = {"name": "hnsw", "engine": "lucene", "space_type": "l2"}
        body = json.dumps(made).encode()
    connection = http.client.HTTPConnection(urlsplit(node).netloc, timeout=60)
    try:
        connection.request(request.method, request.path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
