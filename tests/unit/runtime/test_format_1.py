"""Machines, programs and records of the version before: what was made, or was running, goes on as it would have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from silvercup import values
from silvercup.executions.keys import ExecutionRef
from silvercup.executions.service import Runnable, RunnableTasks
from silvercup.ids import uuid7
from statemachines import Context, ir, read_yaml
from statemachines.compiler import compile_task
from statemachines.program import load
from tests.support.world import FINAL, TENANT, Outcome, World, _One

GOLDEN = Path(__file__).parents[2] / "conformance" / "golden"
STORED = GOLDEN / "format-1"
INPUTS: dict[str, list[Any]] = {
    "evaluate": [{"name": "x", "a": 1}],
    "function_tool": [{"to": "me"}],
    "if_nested": [{"a": a, "b": b, "c": c, "d": True} for a in (0, 1) for b in (0, 1) for c in (0, 1)],
    "labels": [{}],
    "prompt_messages": [{"question": "?", "messages": [{"role": "user", "content": "hi"}]}],
    "sleep": [{}],
    "state": [{"names": [" a", "b "]}],
    "workflow_return": [{"n": 1}, {"n": 11}, {"n": 101}],
}
CASES = [pytest.param(name, value, id=f"{name}-{i}") for name, every in INPUTS.items() for i, value in enumerate(every)]
ANSWERS = [{"time": "noon"}, {"messages": [{"role": "user", "content": "hi"}]}, {"sent": True}]


def stored(name: str, what: str) -> bytes:
    return (STORED / f"{name}.{what}.json").read_bytes()


def prepare(world: World, name: str) -> RunnableTasks:
    """A task version as the version before stored it."""
    program, definition = f"p/{uuid7()}", f"d/{name}"
    world.blobs.put(program, stored(name, "program"))
    world.blobs.put(definition, stored(name, "asl"))
    tasks: Any = _One(Runnable("task", 1, "agent", program, definition, name, None))
    return tasks


def as_before(world: World) -> None:
    """Turn every record into what the version before would have written."""
    for key, item in world.tables.items.items():
        if "log" not in item:
            continue
        body = values.loads(item["body"])
        assert "items" not in body
        assert "sets" not in body
        (snapshot,) = body.get("snapshots", {"": None}).values()
        old = {name: body[name] for name in ("out", "scopes", "states", "go")}
        old |= {"transitions": values.loads(item["log"]), "snapshot": snapshot, "call": body.get("call")}
        kept = {name: value for name, value in item.items() if name != "log"}
        world.tables.items[key] = {**kept, "body": values.dumps(old)}


def run(world: World, tasks: RunnableTasks, value: Any, *, downgrade: bool = False) -> Outcome:
    """Run to the end; ``downgrade``: after each invocation, the records are as before."""
    ref = ExecutionRef(TENANT, uuid7())
    world.begin(tasks, ref, value)
    answers = iter(ANSWERS)
    for _ in range(1_000):
        seen = len(world.payloads)
        world.machines.settle_until(lambda seen=seen: downgrade and len(world.payloads) > seen)
        if downgrade:
            as_before(world)
        item = world.container.store.item(ref)
        if item["status"] in FINAL:
            return world.outcome(ref)
        waits = sorted(item.get("open_waits") or ())
        if waits and len(world.payloads) == seen:
            world.answer(ref, waits[0], next(answers))
    raise AssertionError("the run does not end")


def test_the_stored_ones_are_looked_at():
    assert {path.name.split(".")[0] for path in STORED.glob("*.json")} == set(INPUTS)


@pytest.mark.parametrize("name", INPUTS)
def test_a_program_is_loaded_with_what_it_did_not_have(name: str):
    document = values.loads(stored(name, "program"))
    program = load(stored(name, "program"))
    assert program.format == document["format"] == 1
    assert set(program.blocks) == set(document["blocks"])
    assert program.shares == {}
    for block in program.blocks.values():
        assert [(op.id, op.loc, op.loops) for op in block.ops] == [(block.id, block.loc, 0)]
        assert not any(ir.inner(op) for op in block.ops)
    for frame, raw in zip(program.frames, document["frames"], strict=True):
        assert (frame.parent, frame.loops, frame.returns) == (None, 0, False)
        assert [[ref.input, ref.output] for ref in frame.steps] == raw["steps"]
        assert all(ref.output in program.blocks for ref in frame.steps)


@pytest.mark.parametrize("downgrade", [False, True], ids=["records of now", "records of before"])
@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_machine_runs_as_one_that_is_made_now(name: str, value: Any, downgrade: bool):
    source = read_yaml((GOLDEN / "accepted" / f"{name}.yaml").read_bytes())
    now, before = World(), World()
    expected = run(now, now.prepare(compile_task(source, Context())), value)
    found = run(before, prepare(before, name), value, downgrade=downgrade)
    assert expected.status in FINAL
    assert (found.status, found.output, found.count) == (expected.status, expected.output, expected.count)
    assert found.normal == expected.normal
