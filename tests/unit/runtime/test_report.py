"""What the compiler says of a run beforehand is what the run comes to."""

from __future__ import annotations

from typing import Any

import pytest

from statemachines import Compiled
from statemachines.report import Count
from tests.support.asl import Execution
from tests.support.world import World

PROMPT = {"prompt": "hi", "unwrap": True}
BOUNDS = Count(0, 0, 2)
"""A history also says that the execution started and that it ended."""

POLL = [
    {"set": {"left": "$ inputs[0].left"}},
    {
        "if": "$ state.left > 0",
        "then": [PROMPT, {"sleep": {"seconds": 1}}, {"workflow": "poll", "arguments": {"left": "$ state.left - 1"}}],
    },
]
NESTED = [{"if": "$ _.n > 0", "then": {"workflow": "nested", "arguments": {"n": "$ _.n - 1"}}}, PROMPT]


def ran(main: list[Any], **workflows: Any) -> tuple[Compiled, list[Execution]]:
    world = World()
    compiled = world.compile({"main": main, **workflows})
    assert world.run(compiled, {"n": 1}).status == "succeeded"
    return compiled, list(world.machines.executions.values())


def total(executions: list[Execution]) -> Count:
    counts = [Count(one.entered, one.invocations, one.events) for one in executions]
    return sum(counts, Count(0, 0, 0))


def base(compiled: Compiled) -> Count:
    report = compiled.report
    return Count(report.max_transitions, report.max_invocations, report.max_events) + BOUNDS


@pytest.mark.parametrize("effects", [1, 5, 20])
def test_a_straight_line_of_effects(effects: int):
    compiled, executions = ran([{"evaluate": {"x": "$ 1"}}, PROMPT] * effects)
    assert total(executions) == base(compiled)
    assert compiled.report.max_transitions <= effects + 3
    assert compiled.report.max_invocations <= effects + 1


@pytest.mark.parametrize("items", [0, 1, 3, 40, 41, 100, 101, 400, 600])
@pytest.mark.parametrize("parallelism", [1, 40, 41, 100])
def test_a_loop(items: int, parallelism: int):
    loop = {"over": f"$ list(range({items}))", "map": PROMPT, "parallelism": parallelism}
    compiled, executions = ran([loop, PROMPT])
    (report,) = compiled.report.loops
    assert report.parallelism == parallelism
    assert total(executions) == base(compiled) + report.of(items)


def test_a_loop_in_a_loop():
    inner = {"over": "$ list(range(70))", "map": PROMPT}
    compiled, executions = ran([{"foreach": {"in": "$ [1, 2, 3]", "do": [inner, PROMPT]}}])
    outside, inside = compiled.report.loops
    assert (outside.parallelism, inside.parallelism) == (1, 100)
    assert total(executions) == base(compiled) + outside.of(3) + inside.of(70) * 3


def test_branches_side_by_side():
    compiled, executions = ran([{"parallel": [PROMPT, [PROMPT, PROMPT], {"evaluate": {"x": "$ 1"}}]}])
    assert total(executions) == base(compiled)


@pytest.mark.parametrize("rounds", [0, 1, 2, 50])
def test_a_workflow_that_goes_on_to_itself(rounds: int):
    compiled, executions = ran([{"workflow": "poll", "arguments": {"left": f"$ {rounds}"}}], poll=POLL)
    (report,) = compiled.report.rounds
    assert total(executions) == base(compiled) + report.each * rounds


@pytest.mark.parametrize("depth", [1, 2, 20])
def test_a_workflow_that_comes_back_to_itself(depth: int):
    call = {"workflow": "nested", "arguments": {"n": f"$ {depth}"}}
    compiled, executions = ran([call], nested=NESTED)
    (report,) = compiled.report.children
    assert report.id == "nested"
    assert len(executions) == depth + 1
    whole, (*children, innermost) = executions[0], executions[1:]
    assert Count(whole.entered, whole.invocations, whole.events) == base(compiled)
    assert total(children) == (report.each + BOUNDS) * len(children)
    assert innermost.entered < report.each.transitions


def test_a_workflow_that_goes_round_for_ever():
    world = World()
    forever = [PROMPT, {"workflow": "forever"}]
    report = world.compile({"main": [{"workflow": "forever"}], "forever": forever}).report
    assert report.min_transitions == report.max_transitions > 0
    assert report.rounds[0].each.invocations == 1
