"""Fused and unfused, a task gives the same transitions and the same output."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, reject, settings

from silvercup.errors import InvalidTask
from silvercup.runtime import rows, slices, talk
from tests.support.tasks import Task, tasks
from tests.support.world import Outcome, World

CUTS: list[tuple[Any, str, float]] = [
    (slices, "SLICE_SECONDS", -1.0),
    (slices, "SLICE_TRANSITIONS", 0),
    (rows, "ROW_SECONDS", -1.0),
    (talk, "TALK_SECONDS", -1.0),
]
ANSWERS: list[Any] = [{"x": 1}, {"y": "two"}, {"x": 3}]


def outcome(task: Task, *, fuse: bool) -> Outcome:
    world = World()
    try:
        compiled = world.compile(task, fuse=fuse)
    except InvalidTask as error:
        if "needs a state machine of" not in error.message:
            raise
        reject()  # a state for each operation may be too many
    result = world.run(compiled, {"n": 2}, ANSWERS)
    assert result.count == len(result.transitions)
    arns = [execution for execution in world.machines.executions.values() if execution.status == "RUNNING"]
    assert not arns, "a state machine still runs"
    return result


RETURNS_IN_LOOPS: Task = {
    "tools": [],
    "main": [
        {"workflow": "w", "arguments": {"n": "$ 1"}},
        {"foreach": {"in": "$ [1, 2]", "do": [{"prompt": "x"}, {"if": "$ True", "then": {"return": {"r": "$ 1"}}}]}},
    ],
    "w": [
        {"foreach": {"in": "$ [1]", "do": [{"foreach": {"in": "$ [1]", "do": {"return": {"r": "$ state"}}}}]}},
        {"log": "no"},
    ],
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tasks())
@example(RETURNS_IN_LOOPS)
def test_fused_and_unfused_runs_are_the_same(task: Task):
    fused, unfused = outcome(task, fuse=True), outcome(task, fuse=False)
    assert (fused.status, fused.output) == (unfused.status, unfused.output)
    assert fused.by_workflow() == unfused.by_workflow()
    assert len(fused.transitions) == len(unfused.transitions)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tasks())
def test_runs_in_slices_and_in_parts_of_rows_are_the_same(task: Task):
    whole = outcome(task, fuse=True)
    for module, name, value in CUTS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, name, value)
            sliced = outcome(task, fuse=True)
        assert (whole.status, whole.output) == (sliced.status, sliced.output)
        assert whole.by_workflow() == sliced.by_workflow()
