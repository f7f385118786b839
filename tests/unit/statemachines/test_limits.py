"""Large tasks compile, too large ones are refused cleanly, and bad ones cost no more time than good ones."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from silvercup.errors import InvalidTask, Problem
from statemachines import Compiled, Context, Source, compile_task
from statemachines.lower import MAX_NESTING as MAX_INLINED
from statemachines.lower import MAX_OPS
from statemachines.parse_steps import MAX_NESTING
from statemachines.problems import MAX_PROBLEMS
from statemachines.program import dump, load
from statemachines.rows import MOST
from tests.support.world import World

STEP: dict[str, Any] = {"evaluate": {"x": "$ 1"}}
EFFECT: dict[str, Any] = {"prompt": "x"}
ALONE: dict[str, Any] = {"wait_for_input": {"info": "x"}}
"""An effect that has a state of its own."""


def task(main: list[Any], *, fuse: bool = True, **more: Any) -> Compiled:
    return compile_task(Source({"name": "x", "main": main, **more}), Context(fuse=fuse))


def refused(main: list[Any], **more: Any) -> tuple[Problem, ...]:
    with pytest.raises(InvalidTask) as error:
        task(main, **more)
    return error.value.details


def within_if(step: Any) -> Any:
    return {"if": "$ True", "then": step}


def within_foreach(step: Any) -> Any:
    return {"foreach": {"in": "$ [1]", "do": step}}


def within_parallel(step: Any) -> Any:
    return {"parallel": [step, STEP]}


def nested(depth: int, step: Any = STEP, kind: Callable[[Any], Any] = within_if) -> Any:
    for _ in range(depth):
        step = kind(step)
    return step


def chain(calls: int, depth: int = 0, end: Any = STEP) -> dict[str, Any]:
    workflows = {f"w{i}": [nested(depth, {"workflow": f"w{i + 1}"})] for i in range(calls)}
    return {**workflows, f"w{calls}": [end]}


@pytest.mark.parametrize("steps", [1, 100, 500])
def test_long_tasks_compile(steps: int):
    result = task([ALONE] * steps)
    assert result.report.states == steps + 3
    assert result.report.max_invocations == len(result.program.blocks) == steps + 1


@pytest.mark.parametrize("prompts", [1, MOST - 1, MOST, 100])
def test_prompts_share_a_state(prompts: int):
    result = task([EFFECT, STEP] * prompts)
    assert len(result.program.blocks) == prompts + 1
    assert result.report.max_invocations == result.report.states - 2 == math.ceil((prompts + 1) / MOST)


@pytest.mark.parametrize("steps", [1, 100, MAX_OPS])
def test_pure_steps_take_one_state_however_many_they_are(steps: int):
    result = task([STEP] * steps)
    assert result.report.states == 3
    assert result.report.max_invocations == len(result.program.blocks) == 1


def test_a_task_of_a_hundred_steps_of_every_kind_compiles():
    kinds = [
        STEP,
        {"prompt": "hi {_}"},
        {"wait_for_input": {"info": "?"}},
        {"sleep": {"seconds": 1}},
        {"if": "$ _.x", "then": STEP, "else": [EFFECT, {"return": {"x": "$ _"}}]},
        {"switch": [{"case": "$ _.y", "then": nested(3)}, {"case": "_", "then": {"workflow": "sub"}}]},
        {"workflow": "sub", "arguments": {"x": "$ _"}},
        within_foreach([EFFECT, STEP]),
        {"over": "$ _", "map": within_parallel(EFFECT)},
        {"log": "{_}"},
    ]
    result = task(kinds * 10, sub=[STEP, {"prompt": "x"}])
    assert result.report.states > 400
    assert len(result.report.loops) == 20


@pytest.mark.parametrize(("steps", "too_many"), [(1_300, 170), (3_000, 1_850)])
def test_a_definition_over_a_megabyte_is_refused(steps: int, too_many: int):
    (problem,) = refused([ALONE] * steps)
    assert problem.loc == ""
    assert "state machine of 1," in problem.msg or "state machine of 2," in problem.msg
    assert "at most 1,000,000" in problem.msg
    found = re.fullmatch(r"Move about ([\d,]+) of its steps into a task of their own", problem.hint or "")
    assert found is not None
    moved = int(found[1].replace(",", ""))
    assert abs(moved - too_many) < 50
    assert task([ALONE] * (steps - moved - 20))


def test_of_loops_in_loops_it_says_how_many_steps_are_too_many():
    """Each is there once more for each loop around."""
    (problem,) = refused([nested(40, EFFECT, within_foreach)])
    found = re.fullmatch(r"Move about (\d+) of its steps into a task of their own", problem.hint or "")
    assert found is not None
    assert int(found[1]) <= 2 * 40 + 1


def test_with_arns_the_largest_definition_still_fits_step_functions():
    steps, largest = 1_000, ""
    while True:
        try:
            result = task([ALONE] * steps)
        except InvalidTask:
            break
        largest, steps = result.definition, steps + 50
    filled = largest.replace("${StepsFunction}", "arn:aws:lambda:ap-southeast-2:123456789012:function:" + "f" * 64)
    filled = filled.replace("${PromptsFunction}", "arn:aws:lambda:ap-southeast-2:123456789012:function:" + "f" * 64)
    assert 900_000 < len(filled.encode()) < 1_048_576


def test_too_many_steps_are_refused():
    (problem,) = refused([STEP] * (MAX_OPS + 1))
    assert problem.msg == "With its calls unfolded the task has more than 7,000 steps"
    assert problem.hint


@pytest.mark.parametrize("end", [STEP, EFFECT])
def test_calls_that_multiply_are_refused(end: Any):
    doubling = {f"w{i}": [{"workflow": f"w{i + 1}"}] * 2 for i in range(60)}
    started = time.perf_counter()
    (problem,) = refused([{"workflow": "w0"}], **doubling, w60=[end])
    assert "more than 7,000 steps" in problem.msg or "state machine of 1," in problem.msg
    assert time.perf_counter() - started < 5


def test_a_workflow_that_is_called_often_is_there_once():
    result = task([{"workflow": "w"}] * 20, w=[ALONE] * 100)
    assert result.report.states < 200
    assert result.report.max_invocations > 2_000


@pytest.mark.parametrize("end", [STEP, EFFECT])
@pytest.mark.parametrize("fuse", [True, False])
def test_the_deepest_nesting_of_branches(end: Any, fuse: bool):
    fused = fuse and end is STEP
    assert task([nested(MAX_NESTING, end)], fuse=fuse).report.max_invocations == (1 if fused else 2 * MAX_NESTING + 1)
    (problem,) = refused([nested(MAX_NESTING + 1, end)])
    assert problem.loc == "main[0]" + ".then" * (MAX_NESTING + 1)
    assert "nested more than 50 levels deep" in problem.msg
    assert problem.hint == "Move the inner steps to a sub-workflow"


def test_the_deepest_chain_of_calls():
    deepest = MAX_INLINED - 2
    assert task([{"workflow": "w0"}], **chain(deepest)).report.states == 3
    assert task([{"workflow": "w0"}], fuse=False, **chain(deepest)).report.states == 2 * deepest + 5
    (problem,) = refused([{"workflow": "w0"}], **chain(deepest + 1))
    assert problem.msg == f"Calls and branches are nested more than {MAX_INLINED} levels deep in each other"


@pytest.mark.parametrize(("calls", "depth"), [(300, 0), (3_000, 0), (100, 20), (20, MAX_NESTING)])
def test_chains_that_are_too_deep_do_not_exhaust_the_stack(calls: int, depth: int):
    (problem,) = refused([{"workflow": "w0"}], **chain(calls, depth))
    assert "levels deep in each other" in problem.msg


@pytest.mark.parametrize("end", [STEP, EFFECT])
@pytest.mark.parametrize("fuse", [True, False])
def test_the_deepest_task_leaves_room_on_the_stack(end: Any, fuse: bool):
    """The API and the local stack call the compiler, and load programs, from some depth."""

    deep = chain(2, MAX_NESTING - 2, end)

    def deeper(frames: int) -> Compiled:
        if frames:
            return deeper(frames - 1)
        result = task([{"workflow": "w0"}], fuse=fuse, **deep)
        assert load(dump(result.program)) == result.program
        return result

    assert sys.getrecursionlimit() == 1_000
    deeper(250)


@pytest.mark.parametrize("kind", [within_if, within_foreach, within_parallel])
def test_the_deepest_task_runs(kind: Callable[[Any], Any]):
    world = World()
    outcome = world.run(world.compile({"main": [nested(MAX_NESTING, STEP, kind)]}))
    assert outcome.status == "succeeded"


def test_a_circle_longer_than_the_deepest_chain_is_no_matter():
    circle: dict[str, Any] = {f"w{i}": [ALONE, {"workflow": f"w{(i + 1) % 150}"}] for i in range(150)}
    result = task([{"workflow": "w0"}], **circle)
    assert result.report.max_invocations > 300


def test_after_many_problems_the_compiler_stops():
    problems = refused([{"evalute": {}}] * 50_000)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[0].loc == "main[0]"
    assert problems[-1] == Problem("", f"There are more problems; these are the first {MAX_PROBLEMS}")


def test_exactly_as_many_problems_as_can_be_told_are_all_told():
    problems = refused([{"evalute": {}}] * MAX_PROBLEMS)
    assert [problem.loc for problem in problems] == [f"main[{i}]" for i in range(MAX_PROBLEMS)]


@pytest.mark.parametrize(
    ("main", "more"),
    [
        ([{"workflow": "w"}] * 5_000, {f"other{i}": [STEP] for i in range(5_000)}),
        ([{"tool": "t"}] * 5_000, {"tools": [{"name": f"other{i}", "type": "function"} for i in range(5_000)]}),
        ([{"evaluate": {"x": "$ nmae"}}] * 20_000, {}),
    ],
    ids=["workflows", "tools", "expressions"],
)
def test_many_unknown_names_are_told_in_short_time(main: list[Any], more: dict[str, Any]):
    started = time.perf_counter()
    assert len(refused(main, **more)) == MAX_PROBLEMS + 1
    assert time.perf_counter() - started < 5


def test_many_warnings_are_cut():
    steps = [{"log": "x", **{f"key{i}": 1 for i in range(300)}}] * 3
    assert len(task(steps).warnings) == MAX_PROBLEMS
    with pytest.raises(InvalidTask) as error:
        compile_task(Source({"name": "x", "main": steps}), Context(strict=True))
    assert len(error.value.details) == MAX_PROBLEMS
