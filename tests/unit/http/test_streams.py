"""Event streams: what is on the wire, and that the official client's decoder reads it."""

from __future__ import annotations

import json

import anyio
import httpx
import pytest

from silvercup.errors import InternalError, TransientError
from silvercup.http import sse
from silvercup.ids import encode_cursor, uuid7
from tests.unit.http.conftest import Api
from tests.unit.http.fakes import Event, FakeContainer, FakeFeed, transition_event


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sse, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(sse, "LONGEST_PAUSE", 0.002)


@pytest.fixture
def path(api: Api) -> str:
    return f"/executions/{api('POST', f'/tasks/{uuid7()}/executions', json={'input': {}}).json()['id']}"


def read(answer: httpx.Response) -> list[dict[str, object]]:
    """The events as the official client reads them; it parses every one of them as JSON."""
    from julep._streaming import SSEDecoder

    return [event.json() for event in SSEDecoder().iter_bytes(iter([answer.content]))]


def test_transitions_come_whole_and_the_stream_ends(api: Api, path: str):
    events = [transition_event(i) for i in range(4)]
    api.container.executions.feed = FakeFeed([[events[0]], [], events[1:3], [events[3]]])
    answer = api("GET", f"{path}/transitions.stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert read(answer) == [event.data for event in events]
    ids = [line[4:] for line in answer.text.split("\n") if line.startswith("id: ")]
    assert ids == [event.token for event in events]
    assert answer.text.endswith("\n\nretry: 1000\n")


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (f"?next_page_token={encode_cursor([7])}", {}),
        ("", {"last-event-id": encode_cursor([7])}),
        (f"?next_page_token={encode_cursor([1])}", {"last-event-id": encode_cursor([7])}),
    ],
)
def test_a_stream_is_taken_up_again(api: Api, path: str, query: str, headers: dict[str, str]):
    api.container.executions.feed = FakeFeed([[transition_event(8)]])
    answer = api("GET", f"{path}/transitions.stream{query}", headers=headers)
    assert len(read(answer)) == 1
    assert api.container.executions.calls[-1] == ("transition_feed", [7])


def test_nothing_more_ends_a_browsers_reconnecting(api: Api, path: str):
    api.container.executions.feed = FakeFeed([])
    assert api("GET", f"{path}/transitions.stream", headers={"last-event-id": encode_cursor([7])}).status_code == 204


def test_a_wrong_token_is_400(api: Api, path: str):
    assert api("GET", f"{path}/transitions.stream?next_page_token=%2A").status_code == 400


def test_the_status_comes_whenever_it_changes(api: Api, path: str):
    states = [Event({"execution_id": "e", "status": status}, None) for status in ("running", "succeeded")]
    api.container.executions.feed = FakeFeed([[states[0]], [], [states[1]]])
    answer = api("GET", f"{path}/status.stream")
    assert read(answer) == [state.data for state in states]
    assert "id:" not in answer.text


def test_silence_is_filled_with_comments_that_the_client_passes_over(
    api: Api, path: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sse, "KEEP_ALIVE", 0.0)
    api.container.executions.feed = FakeFeed([[transition_event(0)], [], [], [transition_event(1)]])
    answer = api("GET", f"{path}/transitions.stream")
    assert answer.text.count(": keep-alive\n") >= 2
    assert len(read(answer)) == 2


def test_a_stream_closes_before_the_function_ends(container: FakeContainer):
    api = Api(container, stream_seconds=0.02)
    execution_id = api("POST", f"/tasks/{uuid7()}/executions", json={"input": {}}).json()["id"]
    container.executions.feed = FakeFeed([[transition_event(0)], *([] for _ in range(10_000))])
    answer = api("GET", f"/executions/{execution_id}/transitions.stream")
    assert len(read(answer)) == 1
    assert answer.text.endswith("retry: 1000\n")
    assert container.executions.feed.done is False


def test_trouble_on_the_way_is_waited_out(api: Api, path: str):
    trouble = TransientError("throttled")
    api.container.executions.feed = FakeFeed([[transition_event(0)], trouble, trouble, [transition_event(1)]])
    assert len(read(api("GET", f"{path}/transitions.stream"))) == 2
    api.container.executions.feed = FakeFeed([[transition_event(0)], *[trouble] * 5, [transition_event(1)]])
    assert len(read(api("GET", f"{path}/transitions.stream"))) == 1
    api.container.executions.feed = FakeFeed([[transition_event(0)], InternalError("no"), [transition_event(1)]])
    assert len(read(api("GET", f"{path}/transitions.stream"))) == 1


def test_trouble_at_the_start_is_an_answer(api: Api, path: str):
    api.container.executions.feed = FakeFeed([TransientError("throttled")])
    answer = api("GET", f"{path}/transitions.stream")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_client_that_goes_away_stops_the_polling(api: Api, path: str):
    feed = FakeFeed([[transition_event(0)], *([] for _ in range(100_000))])
    api.container.executions.feed = feed
    asked = False

    async def call() -> None:
        seen = anyio.Event()

        async def receive():
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await seen.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message.get("body"):
                assert json.loads(message["body"].split(b"data: ")[1])
                seen.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "path": f"/api{path}/transitions.stream",
            "query_string": b"",
            "headers": [(b"authorization", b"Bearer fixed-key")],
            "client": None,
            "server": None,
            "scheme": "http",
        }
        with anyio.fail_after(5):
            await api.app(scope, receive, send)

    anyio.run(call)
    polls = feed.polls
    assert polls < 100
