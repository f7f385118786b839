"""The whole stack inside this process, as tests and benchmarks use it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local import moto_state
from local.stack import PortTaken, Stack
from silvercup import container
from silvercup.runtime import rows

HEADERS = {"Authorization": "Bearer any"}
TASK: dict[str, Any] = {
    "name": "Add",
    "main": [
        {"evaluate": {"n": "$ _.n + 1"}},
        {"wait_for_input": {"info": {"n": "$ _.n"}}},
        {"return": {"n": "$ _.n * 2"}},
    ],
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(env={"SILVERCUP_MODEL": "offline"}) as made:
        yield made


def started(url: str, task: dict[str, Any], value: dict[str, Any]) -> str:
    agent = httpx.post(f"{url}/agents", json={"name": "A"}, headers=HEADERS).json()["id"]
    made = httpx.post(f"{url}/agents/{agent}/tasks", json=task, headers=HEADERS)
    assert made.status_code == 201, made.text
    return httpx.post(f"{url}/tasks/{made.json()['id']}/executions", json={"input": value}, headers=HEADERS).json()[
        "id"
    ]


def until(url: str, execution: str, status: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (found := httpx.get(f"{url}/executions/{execution}", headers=HEADERS).json())["status"] != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_a_task_runs_waits_and_goes_on(stack: Stack) -> None:
    url = f"{stack.url}/api"
    execution = started(url, TASK, {"n": 1})
    assert until(url, execution, "awaiting_input")["output"] == {"n": 2}
    httpx.put(
        f"{url}/executions/{execution}", json={"status": "running", "input": {"n": 5}}, headers=HEADERS
    ).raise_for_status()
    assert until(url, execution, "succeeded")["output"] == {"n": 10}


@pytest.mark.parametrize(("seconds", "invocations"), [(40.0, 1), (-1.0, 4)], ids=["at once", "in parts"])
def test_prompts_in_a_row(stack: Stack, seconds: float, invocations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state machine enters the state again as often as the time is over."""
    monkeypatch.setattr(rows, "ROW_SECONDS", seconds)
    prompt = {"prompt": "$ str(_)", "unwrap": True}
    task = {"name": "Row", "main": [prompt, {"set": {"a": "$ _"}}, prompt, {"log": "x"}, prompt, {"get": "a"}]}
    url = f"{stack.url}/api"
    execution = started(url, task, {"n": seconds})
    found = until(url, execution, "succeeded")
    assert found["transition_count"] == 7
    (made,) = [one for one in moto_state.executions() if one.name == execution]
    client = stack.aws.client("stepfunctions")
    events = client.get_execution_history(executionArn=made.arn)["events"]
    failed = [one["taskFailedEventDetails"]["error"] for one in events if one["type"] == "TaskFailed"]
    assert failed == ["MoreToDo"] * (invocations - 1)
    assert sum(one["type"] == "TaskStarted" for one in events) == invocations


def test_the_api_is_at_the_root_too(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/agents", headers=HEADERS).status_code == 200
    assert httpx.get(f"{stack.url}/healthz").status_code == 200
    assert httpx.get(stack.url, headers={"Accept": "text/html"}).headers["location"] == "/console/"


def test_functions_and_api_share_one_container_with_the_templates_settings(stack: Stack) -> None:
    assert container.current() is stack.container
    assert stack.container.settings.core_table == "silvercup-local-core"
    assert stack.container.settings.allow_any_key
    assert os.environ["AWS_ENDPOINT_URL"] == stack.aws.endpoint


def test_a_failed_machine_closes_its_execution(stack: Stack) -> None:
    """The pump and the lifecycle function together: a machine that is stopped behind our back does not leave a run unfinished."""
    url = f"{stack.url}/api"
    steps = [{"evaluate": {"n": "$ 1"}}, {"sleep": {"seconds": 3}}, {"evaluate": {"n": "$ _.n + 1"}}]
    execution = started(url, {"name": "Sleep", "main": steps}, {})
    until(url, execution, "running")
    states = stack.aws.client("stepfunctions")
    machine = next(found for found in states.list_state_machines()["stateMachines"] if _runs(states, found, execution))
    states.stop_execution(
        executionArn=f"{machine['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{execution}"
    )
    assert until(url, execution, "succeeded")["output"] == {"n": 2}


def _runs(states: Any, machine: dict[str, Any], execution: str) -> bool:
    found = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    return any(entry["name"] == execution for entry in found)


def test_a_port_that_is_taken_is_told_before_anything_is_started(stack: Stack) -> None:
    port = httpx.URL(stack.url).port
    with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is in use"):
        Stack(port=port or 0).start()
    assert httpx.get(f"{stack.url}/healthz").status_code == 200


def test_a_second_stack_in_the_process_is_refused_and_leaves_the_first_alone(stack: Stack) -> None:
    with pytest.raises(RuntimeError, match="runs a local stack already"):
        Stack().start()
    assert httpx.get(f"{stack.url}/agents", headers=HEADERS).status_code == 200
    assert container.current() is stack.container
