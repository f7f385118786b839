"""Driving an execution over HTTP the way an impatient client does, and comparing what it wrote."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

FINAL = {"succeeded", "failed", "cancelled"}
TRIES = 8
SECONDS = 60.0


class Api:
    """The API of a stack in this process; repeats what fails, as the official clients do."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url}/api", headers={"Authorization": "Bearer any"}, timeout=60)

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request, sent again while the answer says that this may help."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            response = self.http.request(method, path, json=body, headers={"x-stainless-retry-count": str(attempt)})
            if response.status_code < 400:
                return response.json()
            again = response.headers.get("x-should-retry", "true") == "true"
            assert response.status_code in {408, 409, 429} or response.status_code >= 500, response.text
            assert again, response.text
            assert not last, f"{method} {path} failed {TRIES} times: {response.text}"
            time.sleep(0.02)
        raise AssertionError

    def agent(self, **fields: Any) -> str:
        return self.call("POST", "/agents", {"name": "agent", **fields})["id"]

    def task(self, agent_id: str, body: dict[str, Any]) -> str:
        return self.call("POST", f"/agents/{agent_id}/tasks", {"name": "task", **body})["id"]


def wait_until(done: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Poll until something holds; not in time is a failure."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def normal(transitions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Transitions without what differs from run to run: ids are numbered in order of appearance, times are gone."""
    scopes: dict[str, int] = {}

    def target(place: dict[str, Any] | None) -> Any:
        if place is None:
            return None
        return [place["workflow"], place["step"], scopes.setdefault(place["scope_id"], len(scopes))]

    return [
        {
            "type": shown["type"],
            "current": target(shown["current"]),
            "next": target(shown["next"]),
            "output": _without_call_id(shown["output"]),
            "label": shown["step_label"],
            "metadata": shown["metadata"],
        }
        for shown in transitions
    ]


def _without_call_id(output: Any) -> Any:
    if isinstance(output, dict) and str(output.get("id", "")).startswith("call_"):
        return {**output, "id": "call"}
    return output
