"""The report of a task says what its runs come to."""

from __future__ import annotations

import json

from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.unit.statemachines.definitions import (
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


def has_errors(task: Definition) -> bool:
    """Whether a step of a branch may end the others early."""
    return '"error"' in json.dumps(task)


@given(definitions(recursive=False), st.booleans())
@example(RETURNS, True)
@example(RETURNS, False)
@example(LOOPS, True)
def test_the_report_is_what_all_runs_come_to(task: Definition, fuse: bool):
    result = compiled(task, fuse=fuse)
    report, machine = result.report, json.loads(result.definition)
    try:
        runs = outcomes(machine)
    except TooMany:
        assume(False)
        raise
    most = (
        max(run.transitions for run in runs),
        max(run.invocations for run in runs),
        max(run.events for run in runs),
    )
    told = (report.max_transitions, report.max_invocations, report.max_events)
    assert all(one >= other for one, other in zip(told, most, strict=True))
    if not has_errors(task):
        assert told == most
        assert report.min_transitions == min(run.transitions for run in runs)


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
        assert all(one >= other for one, other in zip(told, most, strict=True))
        if not has_errors(task):
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
    assert (once.each.transitions, once.each.invocations) == (5, 3)


def test_a_workflow_that_never_ends_has_a_report_too():
    report = compiled(ENDLESS).report
    assert report.min_transitions == report.max_transitions > 0
