"""What a stack leaves behind when it ends: its state, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import httpx

from local.stack import Stack
from silvercup import container
from tests.integration.test_local_stack import HEADERS, TASK, started, until


def test_it_ends_with_open_streams_and_waits_and_starts_again_where_it_was(tmp_path: Path) -> None:
    variables = dict(os.environ)
    threads = set(threading.enumerate())
    with Stack(state=tmp_path / "state") as stack:
        execution = started(stack.url, TASK, {"n": 1})
        until(stack.url, execution, "awaiting_input")
        token = httpx.get(f"{stack.url}/executions/{execution}", headers=HEADERS).json()["waits"][0]["task_token"]
        client = httpx.Client(timeout=20)
        stream = client.send(
            client.build_request("GET", f"{stack.url}/executions/{execution}/status.stream", headers=HEADERS),
            stream=True,
        )
        assert stream.status_code == 200
        began = time.monotonic()
    assert time.monotonic() - began < 8
    stream.close()
    client.close()
    assert dict(os.environ) == variables
    assert container.current() is not stack.container
    container.install(None)
    deadline = time.monotonic() + 5
    while left := {
        thread.name
        for thread in set(threading.enumerate()) - threads
        if thread.is_alive() and not thread.name.startswith("AnyIO")
    }:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    with Stack(state=tmp_path / "state") as stack:
        assert until(stack.url, execution, "awaiting_input")["waits"][0]["task_token"] == token
        answer = httpx.post(
            f"{stack.url}/executions", params={"task_token": token}, json={"input": {"n": 5}}, headers=HEADERS
        )
        assert answer.status_code in {200, 201}, answer.text
        assert until(stack.url, execution, "succeeded")["output"] == {"n": 10}
