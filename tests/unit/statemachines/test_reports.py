"""The report of a task says what its runs come to."""

from __future__ import annotations

import json

from hypothesis import assume, example, given
from hypothesis import strategies as st

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
        assert loop.item.transitions == max(run.transitions for run in runs)
        assert loop.item.invocations == max(run.invocations for run in runs)
        assert loop.item.events == max(run.events for run in runs)
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


def test_a_procedure_counts_each_time_it_is_jumped_to():
    again = {"if": "$ _", "then": {"workflow": "p"}}
    once = compiled(definition([{"workflow": "p"}], p=[{"prompt": "x"}, again])).report
    twice = compiled(definition([{"workflow": "p"}, {"workflow": "p"}], p=[{"prompt": "x"}, again])).report
    start = 2
    assert twice.min_transitions - start == 2 * (once.min_transitions - start)
    assert twice.max_events - 2 == 2 * (once.max_events - 2)


def test_a_workflow_that_never_ends_has_a_report_too():
    report = compiled(ENDLESS).report
    assert report.min_transitions == report.max_transitions > 0
