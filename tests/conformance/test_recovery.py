"""``silvercup dev`` is killed in the middle of runs, started again, and every run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from julep import Julep
from julep.types import Execution

from tests.conformance.stack import deployed, kill, start
from tests.conformance.tasks import FINAL
from tests.support.provider import FakeProvider, Hang
from tests.support.runs import wait_until

pytestmark = pytest.mark.skipif(deployed() is not None, reason="a deployed stack can't be killed from here")

TASKS: dict[str, Any] = {
    "sleeping": [{"evaluate": {"n": "$ _.n"}}, {"sleep": {"seconds": 4}}, {"evaluate": {"n": "$ _.n + 1"}}],
    "waiting": [{"wait_for_input": {"info": {"n": "$ _.n"}}}, {"evaluate": {"n": "$ _.n + input.n"}}],
    "in a model call": [{"prompt": "$ f'say {_.n}'", "unwrap": True}, {"evaluate": {"text": "$ _"}}],
}


def test_every_run_goes_on_after_a_kill(tmp_path: Path):
    with FakeProvider() as provider:
        env = {"ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": "planted"}
        hang = Hang()
        provider.script(hang)
        process, url = start(tmp_path, env)
        try:
            client = Julep(api_key="any", base_url=url)
            agent = client.agents.create(name="Recovery")
            runs = {
                name: client.executions.create(
                    client.tasks.create(agent.id, name=name, main=main).id, input={"n": 1}
                ).id
                for name, main in TASKS.items()
            }
            waiting = client.executions.create(client.executions.get(runs["waiting"]).task_id, input={"n": 5}).id
            wait_until(lambda: _get(client, waiting).status == "awaiting_input", "the second wait")
            token = _waits(client, waiting)[0]["task_token"]
            wait_until(lambda: _get(client, runs["waiting"]).status == "awaiting_input", "the wait")
            wait_until(lambda: _get(client, runs["sleeping"]).transition_count == 2, "the sleep")
            wait_until(lambda: len(provider.requests) == 1, "the model call")
            client.close()
        finally:
            kill(process)
            hang.released.set()
        process, url = start(tmp_path, env)
        try:
            with Julep(api_key="any", base_url=url) as client:
                assert _get(client, runs["waiting"]).status == "awaiting_input"
                assert _waits(client, waiting)[0]["task_token"] == token
                client.executions.change_status(runs["waiting"], status="running", input={"n": 41})
                client.post(
                    "/executions",
                    cast_to=object,
                    body={"status": "running", "input": {"n": 2}},
                    options={"params": {"task_token": token}},
                )
                ended = {name: _ended(client, run) for name, run in {**runs, "by token": waiting}.items()}
        finally:
            kill(process)
        assert {name: run.status for name, run in ended.items()} == dict.fromkeys(ended, "succeeded")
        assert ended["sleeping"].output == {"n": 2}
        assert ended["waiting"].output == {"n": 42}
        assert ended["by token"].output == {"n": 7}
        assert ended["in a model call"].output == {"text": "Echo: say 1"}
        assert [run.transition_count for run in ended.values()] == [4, 4, 3, 4]
        assert len(provider.requests) == 2


NESTED: dict[str, Any] = {
    "main": [{"workflow": "down", "arguments": {"n": "$ 2"}}, {"evaluate": {"out": "$ _"}}],
    "down": [
        {
            "if": "$ _.n > 0",
            "then": [{"workflow": "down", "arguments": {"n": "$ _.n - 1"}}, {"evaluate": {"up": "$ _"}}],
            "else": {"over": "$ [1, 2]", "map": {"wait_for_input": {"info": {"item": "$ _"}}}},
        }
    ],
}


def test_children_and_the_waits_in_them_go_on_after_two_kills(tmp_path: Path):
    process, url = start(tmp_path, {})
    try:
        with Julep(api_key="any", base_url=url) as client:
            agent = client.agents.create(name="Recovery")
            task = client.tasks.create(
                agent.id, name="nested", main=NESTED["main"], extra_body={"down": NESTED["down"]}
            )
            run = client.executions.create(task.id, input={}).id
            wait_until(lambda: len(_waits(client, run)) == 2, "both waits")
            tokens = {wait["info"]["item"]: wait["task_token"] for wait in _waits(client, run)}
    finally:
        kill(process)
    for item in (2, 1):
        process, url = start(tmp_path, {})
        try:
            with Julep(api_key="any", base_url=url) as client:
                client.post(
                    "/executions",
                    cast_to=object,
                    body={"status": "running", "input": {"x": item}},
                    options={"params": {"task_token": tokens[item]}},
                )
                if item == 1:
                    ended = _ended(client, run)
                    assert ended.output == {"out": {"up": {"up": [{"x": 1}, {"x": 2}]}}}
                    log = client.executions.transitions.list(run, limit=100).items
                    assert ended.transition_count == len(log)
        finally:
            kill(process)


def _get(client: Julep, execution_id: str) -> Execution:
    return client.executions.get(execution_id)


def _waits(client: Julep, execution_id: str) -> list[dict[str, Any]]:
    return (client.executions.get(execution_id).model_extra or {})["waits"]


def _ended(client: Julep, execution_id: str) -> Execution:
    wait_until(lambda: _get(client, execution_id).status in FINAL, execution_id)
    return _get(client, execution_id)
