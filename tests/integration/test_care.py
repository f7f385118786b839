"""Nothing stays unfinished: the sweeper and the status events, with a clock that the test turns."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.stack import Stack
from silvercup.errors import TransientError
from silvercup.executions.execution import open_waits
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.machines import Machines
from silvercup.runtime.care import MAX_REPLAYS, Caretaker
from silvercup.settings import DEFAULT_TENANT
from tests.support.local import Runs, execution_item
from tests.support.runs import Api, wait_until


@pytest.fixture(scope="module")
def runs(api: Api, stack: Stack) -> Runs:
    return Runs(api, stack)


class Lossy:
    """State machines that lose what they are asked for, until told otherwise."""

    def __init__(self, machines: Machines, *lost: str) -> None:
        self._machines = machines
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        if name in self._lost:

            def lose(*_: Any) -> Any:
                raise TransientError(f"injected: {name} is down")

            return lose
        return getattr(self._machines, name)


class Dead:
    """State machines that all report to have been killed. (The local interpreter can't kill one that waits for a token.)"""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    def __getattr__(self, name: str) -> Any:
        return (lambda _: "ABORTED") if name == "status" else getattr(self._machines, name)


def caretaker(stack: Stack, later: float = 0.0, *, dead: bool = False) -> Caretaker:
    """A caretaker whose clock is ahead."""
    parts = stack.container
    return Caretaker(
        tables=parts.tables,
        store=parts.store,
        waits=parts.waits,
        launcher=parts.launcher,
        canceller=parts.canceller,
        joins=parts.joins,
        machines=Dead(parts.machines) if dead else parts.machines,  # type: ignore[arg-type]
        failures=parts.failures,
        remover=parts.remover,
        files=lambda: parts.files,
        clock=lambda: time.time() + later,
    )


def death(stack: Stack, execution_id: str) -> dict[str, Any]:
    """The event that AWS sends when someone stops a machine in the console."""
    run = stack.container.launcher.run_of(execution_item(stack, execution_id))
    pointer = f'{{"developer": "{DEFAULT_TENANT}", "execution": "{execution_id}"}}'
    return {"executionArn": run.arn, "name": run.name, "status": "ABORTED", "input": pointer}


def wait_record(stack: Stack, execution_id: str) -> dict[str, Any]:
    key = open_waits(execution_item(stack, execution_id))[0]
    return stack.container.store.record(ExecutionRef(DEFAULT_TENANT, execution_id), key) or {}


def test_what_was_queued_and_not_started_is_started(runs: Runs, stack: Stack, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(stack.container.launcher, "_machines", Lossy(stack.container.machines, "start", "create"))
        with pytest.raises(AssertionError, match="start is down"):
            runs.start({"evaluate": {"x": "$ _.n"}}, input={"n": 7})
    listed = stack.container.tables.query("core", "by_created", f"{DEFAULT_TENANT}#agent", limit=1)
    assert listed.items
    queued = [item for item in caretaker(stack)._due("core", None) if item["status"] == "queued"]
    assert len(queued) == 1
    assert caretaker(stack).sweep().started == 0
    assert caretaker(stack, later=60).sweep().started == 1
    assert runs.until(queued[0]["id"], "succeeded")["output"] == {"x": 7}


def test_an_answer_that_was_not_sent_is_sent(runs: Runs, stack: Stack, monkeypatch: pytest.MonkeyPatch):
    execution = runs.start({"wait_for_input": {"info": {}}}, {"evaluate": {"got": "$ _.n"}})
    runs.until(execution, "awaiting_input")
    with monkeypatch.context() as patch:
        patch.setattr(stack.container.waits, "_machines", Lossy(stack.container.machines, "succeed"))
        with pytest.raises(TransientError):
            stack.container.executions.resume(DEFAULT_TENANT, execution, {"n": 3})
    assert runs.get(execution)["status"] == "awaiting_input"
    assert caretaker(stack).sweep().sent == 0
    assert caretaker(stack, later=60).sweep().sent == 1
    assert runs.until(execution, "succeeded")["output"] == {"got": 3}
    assert caretaker(stack, later=600).sweep().sent == 0


def test_a_killed_machine_is_replayed_and_the_wait_takes_the_new_token(runs: Runs, stack: Stack):
    execution = runs.start({"evaluate": {"x": 1}}, {"wait_for_input": {"info": {}}}, {"evaluate": {"got": "$ _.n"}})
    token = runs.until(execution, "awaiting_input")["waits"][0]["task_token"]
    event = death(stack, execution)
    before = wait_record(stack, execution)["token"]
    caretaker(stack).machine_ended(event)
    wait_until(lambda: wait_record(stack, execution)["token"] != before, "the new token")
    caretaker(stack).machine_ended(event)  # events come twice, and late
    assert execution_item(stack, execution)["replays"] == 1
    shown = runs.get(execution)
    assert shown["status"] == "awaiting_input"
    assert shown["waits"][0]["task_token"] == token
    runs.api.call("POST", f"/executions?task_token={token}", {"status": "running", "input": {"n": 9}})
    assert runs.until(execution, "succeeded")["output"] == {"got": 9}
    assert runs.types(execution) == ["init", "step", "wait", "step", "finish"]


def test_a_machine_that_is_killed_again_and_again_is_closed(runs: Runs, stack: Stack):
    execution = runs.start({"wait_for_input": {"info": {}}})
    runs.until(execution, "awaiting_input")
    for _ in range(MAX_REPLAYS):
        caretaker(stack).machine_ended(death(stack, execution))
    assert execution_item(stack, execution)["replays"] == MAX_REPLAYS
    assert caretaker(stack, later=10_000, dead=True).sweep().closed == 1
    shown = runs.until(execution, "failed")
    assert "ABORTED" in shown["error"]
    assert shown["waits"] == []


def test_restarts_of_the_whole_stack_are_not_counted_as_kills(runs: Runs, stack: Stack):
    execution = runs.start({"wait_for_input": {"info": {}}}, {"evaluate": {"x": "$ _.n"}})
    runs.until(execution, "awaiting_input")
    for _ in range(MAX_REPLAYS + 1):
        caretaker(stack).recover()
    before = wait_record(stack, execution)["token"]
    caretaker(stack).machine_ended(death(stack, execution))
    wait_until(lambda: wait_record(stack, execution)["token"] != before, "the new token")
    runs.resume(execution, {"n": 1})
    assert runs.until(execution, "succeeded")["output"] == {"x": 1}


def test_a_lost_event_is_found_by_the_sweeper(runs: Runs, stack: Stack):
    execution = runs.start({"wait_for_input": {"info": {}}}, {"evaluate": {"x": "$ _.n"}})
    runs.until(execution, "awaiting_input")
    before = wait_record(stack, execution)["token"]
    tally = caretaker(stack, later=10_000, dead=True).sweep()
    assert (tally.replayed, tally.closed, tally.errors) == (1, 0, 0)
    wait_until(lambda: wait_record(stack, execution)["token"] != before, "the new token")
    runs.resume(execution, {"n": 4})
    assert runs.until(execution, "succeeded")["output"] == {"x": 4}


def test_a_machine_that_is_stopped_in_its_sleep_is_replayed_by_the_status_event(runs: Runs, stack: Stack):
    execution = runs.start({"sleep": {"seconds": 3}}, {"evaluate": {"x": 1}})
    runs.until(execution, "starting")
    wait_until(lambda: runs.types(execution) == ["init"] and _asleep(stack, execution), "the sleep")
    stack.container.machines.stop(stack.container.launcher.run_of(execution_item(stack, execution)).arn, "killed")
    assert runs.until(execution, "succeeded")["output"] == {"x": 1}
    assert execution_item(stack, execution)["replays"] == 1
    assert runs.types(execution) == ["init", "step", "finish"]


def test_a_cancel_that_died_half_way_is_finished(runs: Runs, stack: Stack, monkeypatch: pytest.MonkeyPatch):
    execution = runs.start({"wait_for_input": {"info": {}}})
    runs.until(execution, "awaiting_input")
    arn = stack.container.launcher.run_of(execution_item(stack, execution)).arn
    with monkeypatch.context() as patch:
        patch.setattr(stack.container.canceller, "_machines", Lossy(stack.container.machines, "stop"))
        with pytest.raises(TransientError):
            stack.container.executions.cancel(DEFAULT_TENANT, execution, "enough")
    assert runs.get(execution)["status"] == "cancelled"
    caretaker(stack, later=10_000).sweep()
    wait_until(lambda: stack.container.machines.status(arn) != "RUNNING", "the machine's stop")
    assert "sweep" not in execution_item(stack, execution)
    assert runs.types(execution) == ["init", "wait", "cancelled"]


def test_a_run_whose_program_is_gone_fails_and_says_so(runs: Runs, stack: Stack):
    execution = runs.start({"wait_for_input": {"info": {}}}, {"evaluate": {"x": 1}})
    runs.until(execution, "awaiting_input")
    name = execution_item(stack, execution)["program"]
    stack.container.blobs.delete([name])
    stack.container.runtime._services.programs._kept.clear()
    runs.resume(execution, {})
    assert "program" in runs.until(execution, "failed")["error"]


def test_a_healthy_run_is_left_alone(runs: Runs, stack: Stack):
    execution = runs.start({"wait_for_input": {"info": {}}})
    runs.until(execution, "awaiting_input")
    tally = caretaker(stack, later=10_000).sweep()
    assert (tally.started, tally.replayed, tally.closed, tally.sent, tally.errors) == (0, 0, 0, 0, 0)
    assert execution_item(stack, execution)["replays"] == 0
    runs.resume(execution, {"done": True})
    runs.until(execution, "succeeded")


def _asleep(stack: Stack, execution_id: str) -> bool:
    ref = ExecutionRef(DEFAULT_TENANT, execution_id)
    return stack.container.store.record(ref, RecordKey("block", "main/b0")) is not None
