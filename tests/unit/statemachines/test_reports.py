"""The report of a task says what its runs come to."""

from __future__ import annotations

import json

from hypothesis import assume, example, given
from hypothesis import strategies as st

from statemachines.ir import InvokeOp
from tests.unit.statemachines.definitions import (
    CIRCLES,
    ENDLESS,
    LOOPS,
    RETURNS,
    Definition,
    compiled,
    definition,
    definitions,
)
from tests.unit.statemachines.machine import every_state
from tests.unit.statemachines.outcomes import Outcome, TooMany, of_an_iteration, outcomes


@given(definitions(), st.booleans())
@example(RETURNS, True)
@example(RETURNS, False)
@example(LOOPS, True)
@example(CIRCLES, True)
@example(CIRCLES, False)
@example(ENDLESS, True)
def test_the_report_is_what_all_runs_come_to(task: Definition, fuse: bool):
    result = compiled(task, fuse=fuse)
    report, machine = result.report, json.loads(result.definition)
    try:
        runs = outcomes(machine)
    except TooMany:
        assume(False)
        raise
    assert report.min_transitions == min([run for run in runs if not run.error] or runs).transitions
    assert report.max_transitions == max(run.transitions for run in runs)
    assert report.max_invocations == max(run.invocations for run in runs)
    assert report.max_events == max(run.events for run in runs)


@given(definitions(recursive=False), st.booleans())
@example(LOOPS, True)
@example(LOOPS, False)
def test_it_says_what_the_items_of_each_loop_add(task: Definition, fuse: bool):
    result = compiled(task, fuse=fuse)
    loops = {name: state for name, state in every_state(json.loads(result.definition)) if state["Type"] == "Map"}
    try:
        items = {
            name.partition(" ")[0]: of_an_iteration(state)
            for name, state in loops.items()
            if state["ItemsPath"] == "$.r.chunks"
        }
    except TooMany:
        assume(False)
        raise
    opened = {op.id: block.id for block in result.program.blocks.values() for op in block.ops}
    for loop in result.report.loops:
        runs = items[opened[loop.id]]
        told = (loop.item.transitions, loop.item.invocations, loop.item.events)
        most = (
            max(run.transitions for run in runs),
            max(run.invocations for run in runs),
            max(run.events for run in runs),
        )
        assert told == most
        assert (loop.chunk.transitions, loop.chunk.invocations, loop.chunk.events) == (2, 0, 2 + 2 + 4)


def test_the_report_of_a_task_counted_by_hand():
    task = {
        "name": "x",
        "main": [
            {"evaluate": {"x": "$ 1"}},
            {"if": "$ _.x", "then": {"wait_for_input": {"info": "?"}}},
            {"sleep": {"seconds": 1}},
        ],
    }
    result = compiled(task)
    skipped = Outcome("", transitions=1 + 2 + 2 + 1, invocations=3, events=5 + 2 + 5 + 2 + 5)
    waited = Outcome("", skipped.transitions + 2, skipped.invocations + 2, skipped.events + 6 + 5)
    assert outcomes(json.loads(result.definition)) == {skipped, waited}
    assert result.report.as_dict() == {
        "states": 9,
        "bytes": result.report.bytes,
        "min_transitions": 6,
        "max_transitions": 8,
        "max_invocations": 5,
        "max_events": 30,
    }


def test_going_round_is_told_by_the_round():
    report = compiled(
        definition([{"workflow": "p"}], p=[{"prompt": "x"}, {"if": "$ _", "then": {"workflow": "p"}}])
    ).report
    (once,) = report.rounds
    assert (once.each.transitions, once.each.invocations) == (4, 2)


def test_a_workflow_that_never_ends_has_a_report_too():
    report = compiled(ENDLESS).report
    assert report.min_transitions == report.max_transitions > 0


@given(definitions(), st.booleans())
@example(CIRCLES, True)
@example(ENDLESS, True)
def test_only_what_goes_on_to_itself_goes_round(task: Definition, fuse: bool):
    result = compiled(task, fuse=fuse)
    ops = [op for block in result.program.blocks.values() for op in block.ops]
    tails = {op.id for op in ops if isinstance(op, InvokeOp) and op.tail}
    assert {one.id for one in result.report.rounds} <= tails
    names = [one.id for one in result.report.children]
    assert len(names) == len(set(names))


def test_what_is_called_again_and_again_goes_in_no_circle():
    report = compiled(definition([{"workflow": "w"}] * 40, w=[{"sleep": {"seconds": 1}}] * 40)).report
    assert report.rounds == ()
    assert [one.id for one in report.children] == ["w"]
    assert report.max_invocations > 40 * 40


def test_each_tail_call_of_a_circle_is_a_round():
    again = {"if": "$ _", "then": {"workflow": "p"}, "else": [{"sleep": {"seconds": 1}}, {"workflow": "p"}]}
    report = compiled(definition([{"workflow": "p"}, {"workflow": "p"}], p=[{"prompt": "x"}, again])).report
    assert sorted(one.each.invocations for one in report.rounds) == [2, 3]
