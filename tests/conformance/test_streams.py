"""Event streams: read to their end by the official client, and taken up again."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest
from julep import Julep
from julep.types import Agent, Transition

from tests.conformance.tasks import ASK, create, until


@pytest.fixture(scope="module")
def ended(client: Julep, agent: Agent) -> str:
    """An execution that has succeeded."""
    execution_id = client.executions.create(create(client, agent.id, ASK), input={"n": 1}).id
    until(client, execution_id, "awaiting_input")
    client.executions.change_status(execution_id, status="running", input={"more": 1})
    until(client, execution_id, "succeeded")
    return execution_id


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith("data: ")]


def test_transitions_stream_gives_every_transition_and_ends(client: Julep, lenient: Julep, ended: str):
    text = lenient.executions.transitions.stream(ended)
    assert isinstance(text, str)
    got = events(text)
    listed = client.executions.transitions.list(ended, direction="asc").items
    assert [Transition.model_validate(event["transition"]).id for event in got] == [one.id for one in listed]
    for event, one in zip(got, listed, strict=True):
        shown = Transition.model_validate(event["transition"])
        assert (shown.type, shown.current, shown.next, shown.output) == (one.type, one.current, one.next, one.output)
        assert isinstance(event["next_page_token"], str)


def test_transitions_stream_goes_on_where_it_was_left(lenient: Julep, raw: httpx.Client, ended: str):
    got = events(str(lenient.executions.transitions.stream(ended)))
    for number, event in enumerate(got[:-1]):
        token = str(event["next_page_token"])
        rest = events(str(lenient.executions.transitions.stream(ended, next_page_token=token)))
        assert rest == got[number + 1 :]
        again = raw.get(f"/executions/{ended}/transitions.stream", headers={"last-event-id": token})
        assert events(again.text) == rest
    last = {"last-event-id": str(got[-1]["next_page_token"])}
    assert raw.get(f"/executions/{ended}/transitions.stream", headers=last).status_code == 204
    assert raw.get(f"/executions/{ended}/transitions.stream?next_page_token=nonsense").status_code == 400


def test_status_stream_of_a_finished_run_ends_at_once(client: Julep, ended: str):
    states = list(client.executions.status.stream(ended))
    assert [state.status for state in states] == ["succeeded"]
    assert states[0].output == {"total": 3}


def test_streams_follow_a_run_to_its_end(client: Julep, lenient: Julep, agent: Agent):
    execution_id = client.executions.create(create(client, agent.id, ASK), input={"n": 1}).id
    texts: list[str] = []
    reader = threading.Thread(target=lambda: texts.append(str(lenient.executions.transitions.stream(execution_id))))
    reader.start()
    statuses: list[str] = []
    for state in client.executions.status.stream(execution_id):
        assert state.id == execution_id
        statuses.append(state.status)
        if state.status == "awaiting_input" and "awaiting_input" not in statuses[:-1]:
            client.executions.change_status(execution_id, status="running", input={"more": 1})
    assert statuses[-1] == "succeeded"
    assert "awaiting_input" in statuses
    reader.join(60)
    assert not reader.is_alive()
    types = [event["transition"]["type"] for event in events(texts[0])]
    assert types == ["init", "step", "wait", "step", "finish"]
