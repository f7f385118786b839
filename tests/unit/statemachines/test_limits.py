"""Large tasks compile, too large ones are refused cleanly, and bad ones cost no more time than good ones."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from silvercup.errors import InvalidTask, Problem
from statemachines import Compiled, Context, Source, compile_task
from statemachines.lower import MAX_NESTING as MAX_INLINED
from statemachines.parse_steps import MAX_NESTING
from statemachines.problems import MAX_PROBLEMS

STEP: dict[str, Any] = {"evaluate": {"x": "$ 1"}}


def task(main: list[Any], **more: Any) -> Compiled:
    return compile_task(Source({"name": "x", "main": main, **more}))


def refused(main: list[Any], **more: Any) -> tuple[Problem, ...]:
    with pytest.raises(InvalidTask) as error:
        task(main, **more)
    return error.value.details


def nested(depth: int, step: Any = STEP) -> Any:
    for _ in range(depth):
        step = {"if": "$ True", "then": step}
    return step


def chain(calls: int, depth: int = 0) -> dict[str, Any]:
    workflows = {f"w{i}": [nested(depth, {"workflow": f"w{i + 1}"})] for i in range(calls)}
    return {**workflows, f"w{calls}": [STEP]}


@pytest.mark.parametrize("steps", [1, 100, 500])
def test_long_tasks_compile(steps: int):
    result = task([STEP] * steps)
    assert result.report.states == steps + 2
    assert result.report.max_invocations == steps
    assert len(result.program.blocks) == steps


def test_a_task_of_a_hundred_steps_of_every_kind_compiles():
    kinds = [
        STEP,
        {"prompt": "hi {_}"},
        {"wait_for_input": {"info": "?"}},
        {"sleep": {"seconds": 1}},
        {"if": "$ _.x", "then": STEP, "else": [STEP, {"return": {"x": "$ _"}}]},
        {"switch": [{"case": "$ _.y", "then": nested(3)}, {"case": "_", "then": {"workflow": "sub"}}]},
        {"workflow": "sub", "arguments": {"x": "$ _"}},
        {"set": {"x": "$ _"}},
        {"get": "x"},
        {"log": "{_}"},
    ]
    result = task(kinds * 10, sub=[STEP, {"prompt": "x"}])
    assert result.report.states > 200


@pytest.mark.parametrize("steps", [1_300, 3_000])
def test_a_definition_over_a_megabyte_is_refused(steps: int):
    (problem,) = refused([STEP] * steps)
    assert problem.loc == ""
    assert "state machine of 1," in problem.msg or "state machine of 2," in problem.msg
    assert "at most 1,000,000" in problem.msg
    assert problem.hint


def test_with_arns_the_largest_definition_still_fits_step_functions():
    steps, largest = 1_000, ""
    while True:
        try:
            result = task([STEP] * steps)
        except InvalidTask:
            break
        largest, steps = result.definition, steps + 50
    filled = largest.replace("${StepsFunction}", "arn:aws:lambda:ap-southeast-2:123456789012:function:" + "f" * 64)
    assert 900_000 < len(filled.encode()) < 1_048_576


def test_too_many_steps_are_refused():
    (problem,) = refused([STEP] * 5_000)
    assert problem.msg == "With its calls unfolded the task has more than 3,500 steps"
    assert problem.hint


def test_calls_that_multiply_are_refused():
    doubling = {f"w{i}": [{"workflow": f"w{i + 1}"}] * 2 for i in range(60)}
    started = time.perf_counter()
    (problem,) = refused([{"workflow": "w0"}], **doubling, w60=[STEP])
    assert "more than 3,500 steps" in problem.msg
    assert time.perf_counter() - started < 5


def test_the_deepest_nesting_of_branches():
    assert task([nested(MAX_NESTING)]).report.max_invocations == 2 * MAX_NESTING + 1
    (problem,) = refused([nested(MAX_NESTING + 1)])
    assert problem.loc == "main[0]" + ".then" * (MAX_NESTING + 1)
    assert "nested more than 30 levels deep" in problem.msg
    assert problem.hint == "Move the inner steps to a sub-workflow"


def test_the_deepest_chain_of_calls():
    deepest = MAX_INLINED - 2
    assert task([{"workflow": "w0"}], **chain(deepest)).report.states == 2 * deepest + 5
    (problem,) = refused([{"workflow": "w0"}], **chain(deepest + 1))
    assert problem.msg == f"Calls and branches are nested more than {MAX_INLINED} levels deep in each other"


@pytest.mark.parametrize(("calls", "depth"), [(300, 0), (3_000, 0), (100, 20), (20, MAX_NESTING)])
def test_chains_that_are_too_deep_do_not_exhaust_the_stack(calls: int, depth: int):
    (problem,) = refused([{"workflow": "w0"}], **chain(calls, depth))
    assert "levels deep in each other" in problem.msg


def test_the_deepest_task_leaves_room_on_the_stack():
    """The API and the local stack call the compiler from some depth."""

    deep = {**chain(3, MAX_NESTING), "w3": [nested(3)]}

    def deeper(frames: int) -> Compiled:
        return deeper(frames - 1) if frames else task([{"workflow": "w0"}], **deep)

    assert sys.getrecursionlimit() == 1_000
    assert deeper(300).report.states > 100


def test_a_circle_longer_than_the_deepest_chain_is_refused():
    circle = {f"w{i}": [{"workflow": f"w{(i + 1) % 500}"}] for i in range(500)}
    problems = refused([{"workflow": "w0"}], **circle)
    assert problems
    assert all("levels deep" in problem.msg or "calls itself" in problem.msg for problem in problems)


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
