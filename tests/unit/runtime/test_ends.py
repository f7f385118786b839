"""The end always comes: what nobody answers, what a machine can't hold, what somebody stops."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.executions.keys import ExecutionRef
from silvercup.runtime import wait
from silvercup.runtime.block import mark
from silvercup.settings import Settings
from tests.support import asl
from tests.support.harm import leftovers
from tests.support.world import World, tell

WAIT: dict[str, Any] = {"wait_for_input": {"info": {"q": 1}}}
PLACES: dict[str, list[Any]] = {
    "main": [WAIT],
    "an item": [{"over": "$ [1, 2]", "map": WAIT}],
    "a branch": [{"parallel": [WAIT, {"log": "x"}]}],
    "a child": [{"foreach": {"in": "$ [1]", "do": {"workflow": "w"}}}],
}


def asked(world: World, main: list[Any]) -> ExecutionRef:
    task = {"main": main, "w": [{"if": "$ True", "then": WAIT, "else": {"workflow": "w"}}, {"log": "x"}]}
    ref = world.start(world.compile(task), {})
    world.machines.settle()
    return ref


@pytest.mark.parametrize("place", PLACES)
def test_a_wait_that_nobody_answers_fails_the_execution_and_says_which(place: str):
    world = World(settings=Settings(steps_arn="steps", prompts_arn="prompts", wait_days=0))
    ref = asked(world, PLACES[place])
    world.machines.time_out()
    world.machines.settle()
    found = world.outcome(ref)
    assert found.status == "failed"
    assert found.output.startswith("The wait at ")
    assert found.output.endswith(" expired: nobody answered in time")
    assert list(leftovers(world, ref)) == []


@pytest.mark.parametrize("place", PLACES)
def test_a_cancel_stops_everything(place: str):
    world = World()
    ref = asked(world, PLACES[place])
    world.container.executions.cancel(ref.tenant, ref.id, "enough")
    world.machines.settle()
    found = world.outcome(ref)
    assert (found.status, found.transitions[-1]["type"]) == ("cancelled", "cancelled")
    assert found.count == len(found.transitions)
    assert list(leftovers(world, ref)) == []


def test_a_wait_that_a_cancel_overtakes_records_nothing_more(monkeypatch: pytest.MonkeyPatch):
    world, seen = World(), set[Any]()

    def cancelled(services: Any, situation: Any, status: Any) -> None:
        mark(services, situation, status)
        if status == "running":
            ref = situation.pointer.ref
            world.container.executions.cancel(ref.tenant, ref.id, "enough")
            seen.update(world.tables.items)

    monkeypatch.setattr(wait, "mark", cancelled)
    ref = asked(world, [WAIT])
    assert seen
    assert set(world.tables.items) == seen
    assert world.outcome(ref).status == "cancelled"
    assert list(leftovers(world, ref)) == []


def test_a_history_that_is_full_ends_the_execution(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asl, "MAX_EVENTS", 40)
    world = World()
    ref = world.start(world.compile({"main": [{"log": "x"}, {"sleep": {"seconds": 1}}] * 20}), {})
    world.machines.settle()
    (machine,) = world.machines.executions.values()
    assert machine.status == "FAILED"
    assert world.container.store.item(ref)["status"] == "running"
    tell(world, machine.arn)
    found = world.outcome(ref)
    assert found.status == "failed"
    assert found.output == "The state machine ended (FAILED: States.Runtime) before the execution did"


@pytest.mark.parametrize("place", ["main", "a child"])
def test_what_is_stopped_again_and_again_is_closed(place: str):
    world = World()
    ref = asked(world, PLACES[place])
    for _ in range(10):
        running = [one for one in world.machines.executions.values() if one.status == "RUNNING"]
        if not running:
            break
        victim = running[-1]
        world.machines.kill(victim.arn)
        tell(world, victim.arn)
        world.machines.settle()
    found = world.outcome(ref)
    assert found.status == "failed"
    assert "stopped too often" in found.output or "ended (ABORTED)" in found.output
    assert list(leftovers(world, ref)) == []


def test_a_lost_event_of_a_child_is_found_by_the_sweeper():
    world = World()
    ref = asked(world, PLACES["a child"])
    child = [one for one in world.machines.executions.values() if one.status == "RUNNING"][-1]
    world.machines.kill(child.arn)
    world.sweep()
    world.machines.settle()
    (path,) = world.container.store.item(ref)["open_waits"]
    world.answer(ref, path, {"x": 1})
    world.machines.settle()
    found = world.outcome(ref)
    assert (found.status, found.output) == ("succeeded", [{"x": 1}])
    assert list(leftovers(world, ref)) == []
