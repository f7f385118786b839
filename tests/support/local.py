"""A stack in this process whose model provider is a real HTTP server, and whose retries don't wait."""

from __future__ import annotations

import os
import types
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

from local.stack import Stack
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Key
from tests.support.provider import FakeProvider
from tests.support.runs import FINAL, Api, wait_until


@contextmanager
def running(provider: FakeProvider, *, state: Path | None = None, **variables: str) -> Generator[Stack]:
    """Start a stack; it sweeps only when told to, and keeps its data where ``state`` says."""
    env = {
        "ANTHROPIC_BASE_URL": provider.url,
        "ANTHROPIC_API_KEY": "planted-key",
        "SILVERCUP_MODEL": "anthropic",
        **variables,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrier_decl, "time", types.SimpleNamespace(sleep=lambda _: None))
        for name, value in env.items():
            patch.setitem(os.environ, name, value)
        with Stack(env=env, state=state, sweep_seconds=3600) as stack:
            yield stack


def execution_item(stack: Stack, execution_id: str) -> dict[str, Any]:
    """The execution's item, read consistently; empty when there is none."""
    return stack.container.tables.get(Key("core", f"{DEFAULT_TENANT}#execution#{execution_id}")) or {}


class Runs:
    """Runs tasks of one agent."""

    def __init__(self, api: Api, stack: Stack) -> None:
        self.api = api
        self.stack = stack
        self._agent = api.agent(default_settings={"max_tokens": 100})
        self._number = 0

    def start(self, *main: dict[str, Any], input: Any = None, **task: Any) -> str:
        self._number += 1
        task_id = self.api.task(self._agent, {"main": list(main), "metadata": {"number": self._number}, **task})
        return self.api.call("POST", f"/tasks/{task_id}/executions", {"input": input or {}})["id"]

    def post_task(self, task: dict[str, Any]) -> httpx.Response:
        """Create a task that may be refused."""
        return self.api.http.post(f"/agents/{self._agent}/tasks", json={"name": "task", **task})

    def get(self, execution_id: str) -> dict[str, Any]:
        return self.api.call("GET", f"/executions/{execution_id}")

    def resume(self, execution_id: str, input: Any) -> dict[str, Any]:
        return self.api.call("PUT", f"/executions/{execution_id}", {"status": "running", "input": input})

    def until(self, execution_id: str, status: str) -> dict[str, Any]:
        def there() -> bool:
            item = execution_item(self.stack, execution_id)
            assert item["status"] not in FINAL - {status}, self.get(execution_id)["output"]
            waiting = bool(item.get("open_waits")) and item["status"] not in FINAL
            return item["status"] == status or (status == "awaiting_input" and waiting)

        wait_until(there, f"{status} of {execution_id}")
        if status == "awaiting_input":
            wait_until(lambda: bool(self.get(execution_id)["waits"]), "the wait record")
        return self.get(execution_id)

    def transitions(self, execution_id: str) -> list[dict[str, Any]]:
        return self.api.call("GET", f"/executions/{execution_id}/transitions?direction=asc&limit=1000")["items"]

    def types(self, execution_id: str) -> list[str]:
        return [shown["type"] for shown in self.transitions(execution_id)]
