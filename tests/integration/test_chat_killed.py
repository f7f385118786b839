"""A stack that is killed while chats are at work: what was answered is there, nothing half said is, and the sessions go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.stack import kill, start
from tests.support.provider import FakeProvider, Stall
from tests.support.runs import wait_until


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def said(http: httpx.Client, session: str) -> list[str]:
    entries = http.get(f"/sessions/{session}/history").json()["entries"]
    return ["".join(part["text"] for part in one["content"]) for one in entries]


@pytest.mark.slow
def test_a_stack_that_is_killed_in_the_middle_of_answers(tmp_path: Path, provider: FakeProvider):
    env = {"ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": "planted", "SILVERCUP_MODEL": "anthropic"}
    process, url = start(tmp_path, env)
    headers = {"authorization": "Bearer any"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
            agent = http.post("/agents", json={"name": "Ann"}).json()["id"]
            session = http.post("/sessions", json={"agent": agent}).json()["id"]
            assert http.post(f"/sessions/{session}/chat", json=user("first")).status_code == 201
            stall = Stall("A long answer that is cut off", after_events=4)
            provider.script(stall)
            heard = threading.Event()

            def listen() -> None:
                with httpx.Client(base_url=url, headers=headers, timeout=30) as other:
                    body = user("second", stream=True)
                    with other.stream("POST", f"/sessions/{session}/chat", json=body) as answer:
                        try:
                            for _ in answer.iter_lines():
                                heard.set()
                        except httpx.RemoteProtocolError:
                            pass

            listener = threading.Thread(target=listen)
            listener.start()
            assert heard.wait(30)
    finally:
        kill(process)
    listener.join(30)
    assert stall.gone.wait(30), "the provider's connection went with the process"

    process, url = start(tmp_path, env)
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
            assert said(http, session) == ["first", "Echo: first"]
            assert http.post(f"/sessions/{session}/chat", json=user("third")).status_code == 201
            wanted = ["first", "Echo: first", "third", "Echo: third"]
            wait_until(lambda: said(http, session) == wanted, "the session goes on")
            texts = [block["text"] for one in provider.requests[-1].body["messages"] for block in blocks(one)]
            assert texts == ["first", "Echo: first", "third"]
    finally:
        kill(process)


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"text": content}] if isinstance(content, str) else content
