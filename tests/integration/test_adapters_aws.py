"""What a client's failures become, against a server that fails on purpose."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from silvercup.adapters.aws import Clients, Refused, call
from silvercup.errors import InternalError, SilvercupError, TransientError


class Failing(ThreadingHTTPServer):
    """Answers as it is told: (status, error code) for one request after the other, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.script: list[tuple[int, str]] = []
        self.requests: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast("Failing", self.server)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.requests.append(dict(self.headers.items()))
        script = server.script
        status, code = script.pop(0) if len(script) > 1 else script[0]
        body = json.dumps({"__type": f"prefix#{code}", "message": "user@example.com"} if status >= 400 else {})
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Failing]:
    with Failing() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get_item(url: str, attempts: int = 1) -> Any:
    client = Clients(region="us-east-1", endpoint_url=url, attempts=attempts).get("dynamodb")
    return call(client.get_item, TableName="t", Key={"pk": {"S": "user@example.com"}})


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "ThrottlingException", TransientError),
        (400, "ProvisionedThroughputExceededException", TransientError),
        (429, "Whatever", TransientError),
        (500, "InternalServerError", TransientError),
        (503, "ServiceUnavailable", TransientError),
        (400, "AccessDeniedException", Refused),
        (400, "ValidationException", Refused),
        (403, "ExpiredTokenException", Refused),
    ],
)
def test_an_error_code_becomes_one_of_ours_without_data(
    server: Failing, status: int, code: str, expected: type[SilvercupError]
):
    server.script = [(status, code)]
    with pytest.raises(expected) as failed:
        get_item(server.url)
    assert f"dynamodb:get_item failed with {code}" in failed.value.message
    assert "example.com" not in failed.value.message
    assert failed.value.retryable is (expected is TransientError)


def test_what_may_work_later_is_tried_again(server: Failing):
    server.script = [(503, "ServiceUnavailable"), (200, "")]
    assert "Item" not in get_item(server.url, attempts=2)
    assert len(server.requests) == 2


def test_what_will_not_work_is_not(server: Failing):
    server.script = [(400, "AccessDeniedException"), (200, "")]
    with pytest.raises(Refused):
        get_item(server.url, attempts=2)
    assert len(server.requests) == 1


def test_a_server_that_is_not_there(server: Failing):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(TransientError, match=r"dynamodb:get_item got no answer \(EndpointConnectionError\)"):
            get_item(f"http://127.0.0.1:{unused.getsockname()[1]}")


def test_a_server_that_hangs_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(TransientError, match="ConnectionClosedError"):
            get_item(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def test_a_request_that_cannot_be_made_is_a_bug():
    client = Clients(region="us-east-1", endpoint_url="http://127.0.0.1:9").get("dynamodb")
    wrong: Any = 7
    with pytest.raises(InternalError, match=r"dynamodb:get_item could not be sent \(ParamValidationError\)"):
        call(client.get_item, TableName="t", Key=wrong)


def test_the_users_credentials_stay_at_home(server: Failing, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "THEUSERSOWN")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "THEUSERSTOKEN")
    server.script = [(200, "")]
    get_item(server.url)
    assert "Credential=silvercup/" in server.requests[0]["Authorization"]
    assert "THEUSERS" not in json.dumps(server.requests)


def test_one_client_per_service_for_all_threads():
    clients = Clients(region="us-east-1", endpoint_url="http://127.0.0.1:9")
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.append(clients.get("s3"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, made))) == 1
