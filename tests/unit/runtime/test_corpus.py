"""Every kind of step in every other: what it comes to, what it costs, and that the report said so."""

from __future__ import annotations

import json

import pytest

from silvercup.runtime import slices
from tests.support.asl import Execution
from tests.support.corpus import CASES, Case
from tests.support.world import Outcome, World


def run(case: Case, *, fuse: bool = True) -> tuple[World, Outcome]:
    world = World()
    ref = world.start(world.compile(case.task, fuse=fuse), case.value)
    while world.step(ref, case.answers):
        pass
    return world, world.outcome(ref)


def root(world: World) -> Execution:
    return next(iter(world.machines.executions.values()))


@pytest.mark.parametrize("fuse", [True, False], ids=["fused", "unfused"])
@pytest.mark.parametrize("name", CASES)
def test_what_a_task_comes_to(name: str, fuse: bool):
    case = CASES[name]
    world, found = run(case, fuse=fuse)
    assert (found.status, found.output) == (case.status, case.output)
    assert found.count == len(found.transitions)
    assert root(world).status == ("SUCCEEDED" if case.status == "succeeded" else "FAILED")
    assert all(one.status != "RUNNING" for one in world.machines.executions.values())


@pytest.mark.parametrize("name", CASES)
def test_transitions_are_v1s(name: str):
    _, found = run(CASES[name])
    shown = found.transitions
    assert shown[0]["type"] == "init"
    assert [one["type"] for one in shown].count("init") == 1
    ends = [one["type"] for one in shown if one["type"] in {"finish", "error", "cancelled"}]
    assert ends == [shown[-1]["type"]]
    opened: dict[tuple[str, str], int] = {}
    for one in shown:
        place = one["current"]
        key = (place["workflow"], place["scope_id"])
        match one["type"]:
            case "init" | "init_branch":
                assert key not in opened
                assert one["current"] == one["next"]
                assert place["step"] == 0
                opened[key] = 0
            case "step":
                assert place["step"] == opened[key]
                if one["next"]["scope_id"] == place["scope_id"]:
                    assert one["next"]["step"] == place["step"] + 1
                    opened[key] += 1
            case "finish" | "finish_branch" | "wait":
                assert one["next"] is None
                assert place["step"] == opened[key]
            case _:
                pass


STRAIGHT = {
    effects: {
        "main": [
            step
            for i in range(effects)
            for step in (
                {"evaluate": {"n": i}},
                {"set": {"a": "$ _.n"}},
                {"prompt": "x", "unwrap": True},
                {"log": "{_}"},
            )
        ]
    }
    for effects in (1, 5, 20)
}


@pytest.mark.parametrize("effects", STRAIGHT)
def test_a_straight_line_costs_what_its_effects_cost(effects: int):
    world = World()
    compiled = world.compile(STRAIGHT[effects])
    world.run(compiled)
    ran = root(world)
    assert ran.entered <= effects + 3
    assert ran.invocations <= effects + 1
    assert (ran.entered, ran.invocations) == (compiled.report.max_transitions, compiled.report.max_invocations)


@pytest.mark.parametrize("items", [0, 1, 3, 40, 41, 400, 600])
def test_a_loop_costs_what_the_report_says(items: int):
    world = World()
    compiled = world.compile({"main": [{"over": f"$ list(range({items}))", "map": [{"prompt": "x"}, {"log": "y"}]}]})
    world.run(compiled)
    ran, report = root(world), compiled.report
    (loop,) = report.loops
    lanes = min(-(-min(items, 100) // 40), 3)
    size = min(500, -(-items // lanes)) if items else 1
    chunks = -(-items // size) if items else 0
    assert ran.entered == report.max_transitions + chunks * loop.chunk.transitions + items * loop.item.transitions
    assert ran.invocations == report.max_invocations + items * loop.item.invocations
    assert ran.events - 2 == report.max_events + chunks * loop.chunk.events + items * loop.item.events


def test_nothing_but_a_pointer_flows_through_a_machine():
    world, found = run(CASES["labels in an iteration and steps outside"])
    assert found.status == "succeeded"
    for payload in world.payloads:
        text = json.dumps(payload)
        assert len(text) < 1_000, text


@pytest.mark.parametrize("name", ["pure steps", "a pure map in a foreach", "no items"])
def test_a_block_that_takes_long_goes_on_where_it_was(name: str, monkeypatch: pytest.MonkeyPatch):
    case = CASES[name]
    _, expected = run(case)
    monkeypatch.setattr(slices, "SLICE_SECONDS", -1.0)
    world, found = run(case)
    kinds = {record["key"].partition(":")[0] for key, record in world.tables.items.items() if key.table == "runs"}
    assert ("slice" in kinds) == (name == "a pure map in a foreach")
    assert (found.status, found.output, found.count) == (case.status, case.output, len(found.transitions))
    assert found.by_workflow() == expected.by_workflow()
