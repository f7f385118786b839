"""Which workflows are unfolded, and which become procedures."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachines import Source
from statemachines import task as model
from statemachines.calls import INLINE_STEPS, Calls, branches, within
from statemachines.parse import parse_task
from statemachines.problems import Problems
from statemachines.tools import any_tool

STEP: dict[str, Any] = {"log": "x"}


def call(name: str) -> dict[str, Any]:
    return {"workflow": name}


def parsed(main: list[Any], **workflows: Any) -> model.Task:
    source = Source({"name": "x", "main": main, **workflows})
    problems = Problems(source)
    task = parse_task(source, problems, any_tool)
    assert task is not None
    assert not problems.errors
    return task


def procedures(main: list[Any], **workflows: Any) -> set[str]:
    return Calls(parsed(main, **workflows)).procedures


def test_what_does_not_call_itself_is_unfolded():
    assert procedures([STEP]) == set()
    assert procedures([call("a"), call("a")], a=[call("b")], b=[STEP], c=[STEP]) == set()


@pytest.mark.parametrize(
    "inside",
    [
        call("a"),
        {"if": "$ _", "then": STEP, "else": [STEP, call("a")]},
        {"switch": [{"case": "$ _", "then": STEP}, {"case": "_", "then": call("a")}]},
        {"foreach": {"in": "$ _", "do": [STEP, call("a")]}},
        {"over": "$ _", "map": {"if": "$ _", "then": call("a")}},
        {"parallel": [STEP, [STEP, call("a")]]},
    ],
)
def test_what_calls_itself_from_anywhere_is_a_procedure(inside: Any):
    assert procedures([call("a")], a=[STEP, inside]) == {"a"}


def test_of_a_circle_every_workflow_is_one():
    circle = {"a": [call("b")], "b": [STEP, call("c")], "c": [call("a"), call("d")]}
    assert procedures([call("a")], **circle, d=[STEP], e=[call("a")]) == {"a", "b", "c"}
    assert procedures([STEP], **circle, d=[STEP]) == {"a", "b", "c"}, "though nobody calls them"


def test_what_would_be_there_too_often_is_there_once():
    assert procedures([call("a")] * 15, a=[STEP] * 100) == {"a"}
    assert procedures([call("a")] * 14, a=[STEP] * 100) == set()


def test_the_workflow_whose_copies_are_the_most_goes_first():
    main = [call("small")] * 10 + [call("large")] * 10
    assert procedures(main, small=[STEP] * 20, large=[STEP] * 150) == {"large"}
    inside = {"middle": [call("inner")] * 10, "inner": [STEP] * 30}
    assert procedures([call("middle")] * 10, **inside) == {"inner"}


def test_a_long_workflow_that_is_called_once_stays_where_it_is():
    assert procedures([call("a")], a=[STEP] * 3_000) == set()
    assert procedures([call("a"), call("b")], a=[STEP] * 3_000, b=[STEP]) == set()


def test_calls_that_multiply_are_outlined_in_short_time():
    doubling = {f"w{i}": [call(f"w{i + 1}")] * 2 for i in range(300)}
    started = time.perf_counter()
    found = procedures([call("w0")], **doubling, w300=[STEP])
    assert time.perf_counter() - started < 5
    assert 0 < len(found) < 300


@given(st.data())
def test_what_is_unfolded_is_never_large_unless_it_was_written_so(data: st.DataObject):
    names = [f"w{i}" for i in range(data.draw(st.integers(1, 8)))]
    bodies: dict[str, list[Any]] = {}
    for i, name in enumerate(names):
        callees = data.draw(st.lists(st.sampled_from(names[i + 1 :] or ["none"]), max_size=12))
        steps = [STEP] * data.draw(st.integers(1, 300))
        bodies[name] = steps + [call(callee) for callee in callees if callee != "none"]
    task = parsed([call(name) for name in names], **bodies)
    outlined = Calls(task).procedures
    sizes: dict[str, int] = {}

    def size(name: str) -> int:
        if name not in sizes:
            inlined = [step.workflow for step in within(task.workflows[name]) if isinstance(step, model.Call)]
            sizes[name] = len(task.workflows[name]) + sum(size(one) for one in inlined if one not in outlined)
        return sizes[name]

    total = sum(size(root) for root in ("main", *outlined))
    written = sum(len(steps) for steps in task.workflows.values())
    assert total <= max(INLINE_STEPS, written)


def test_every_step_within_in_order():
    task = parsed([
        {"if": "$ _", "then": {"log": "a"}, "else": [{"log": "b"}, {"parallel": [{"log": "c"}, [{"log": "d"}]]}]},
        {"foreach": {"in": "$ _", "do": {"over": "$ _", "map": {"log": "e"}}}},
        {"switch": [{"case": "$ _", "then": {"log": "f"}}]},
    ])  # fmt: skip
    found = list(within(task.workflows["main"]))
    assert [step.text for step in found if isinstance(step, model.Log)] == list("abcdef")
    assert [len(branches(step)) for step in task.workflows["main"]] == [2, 1, 1]
