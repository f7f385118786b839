"""What holds for the program of every valid task, how it fits its state machine, and how it is stored."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from silvercup.errors import InternalError
from statemachines import Compiled, ir
from statemachines.program import dump, load
from tests.unit.statemachines.definitions import RETURNS, Definition, compiled, definitions
from tests.unit.statemachines.machine import Steps, walk


def frames_name_the_blocks_that_close_the_steps(task: Definition, result: Compiled):
    program = result.program
    assert program.frames[0].workflow == "main"
    for number, frame in enumerate(program.frames):
        assert len(frame.steps) == len(task[frame.workflow])
        for i, ref in enumerate(frame.steps):
            op = program.blocks[ref.output].ops[-1]
            assert (op.at.workflow, op.at.step, op.frame) == (frame.workflow, i, number)
            assert op.closings or isinstance(op, ir.RaiseOp)
            if i > 0:
                assert ref.input == frame.steps[i - 1].output
        first = frame.steps[0].input
        if number == 0:
            assert first is None
        else:
            assert first is not None
            entered = program.blocks[first].ops[-1]
            assert isinstance(entered, ir.EnterOp)
            assert entered.entry.workflow == frame.workflow


def each_call_has_a_frame_of_its_own(task: Definition, result: Compiled):
    program = result.program
    calls = [op for block in program.blocks.values() for op in block.ops if isinstance(op, ir.EnterOp)]
    assert len(program.frames) == len(calls) + 1


def operations_read_through_their_own_frame_and_labels(task: Definition, result: Compiled):
    program = result.program
    for block in program.blocks.values():
        for op in block.ops:
            frame = program.frames[op.frame]
            assert op.at.workflow == frame.workflow or op.at.workflow.startswith("`")
            scope = program.labels[op.labels]
            if op.label is not None:
                assert block.id in {ref.output for ref in scope.labels[op.label]} or not op.closings or _opens(op)
    for number, scope in enumerate(program.labels):
        assert scope.parent is None or scope.parent < number
        for label, refs in scope.labels.items():
            for ref in refs:
                op = program.blocks[ref.output].ops[-1]
                assert (op.label, op.labels) == (label, number)
                assert ref.input is None or ref.input in program.blocks


def _opens(op: ir.Op) -> bool:
    return isinstance(op, ir.EnterOp | ir.DecideOp)


def a_program_comes_back_as_it_was_stored(task: Definition, result: Compiled):
    program = result.program
    assert load(dump(program)) == program
    assert load(dump(program).encode()) == program


@given(definitions())
@example(RETURNS)
def test_every_program(task: Definition):
    result = compiled(task)
    for check in (
        frames_name_the_blocks_that_close_the_steps,
        each_call_has_a_frame_of_its_own,
        operations_read_through_their_own_frame_and_labels,
        a_program_comes_back_as_it_was_stored,
    ):
        check(task, result)


@given(definitions(), st.integers(0, 2**32))
@example(RETURNS, 0)
@example(RETURNS, 1)
def test_every_run_takes_the_steps_in_v1s_order(task: Definition, seed: int):
    result = compiled(task)
    machine = json.loads(result.definition)
    pick = random.Random(seed)
    for _ in range(20):
        steps = Steps(result.program)
        for block, branch in walk(machine, pick.randrange):
            for op in result.program.blocks[block].ops:
                steps.take(op, _branch(op, branch))
        assert steps.failed or (steps.at is None and not steps.opened)


def _branch(op: ir.Op, number: int | None) -> int | None:
    return number if isinstance(op, ir.DecideOp) else None


def test_a_program_of_an_unknown_format_is_refused():
    document = json.loads(dump(compiled({"name": "x", "main": [{"log": "x"}]}).program))
    with pytest.raises(InternalError, match="format 2"):
        load(json.dumps({**document, "format": 2}))
    del document["format"]
    with pytest.raises(InternalError, match="format None"):
        load(json.dumps(document))


def test_half_a_surrogate_pair_survives_storage():
    task = {"name": "x", "main": [{"evaluate": {"x": "\ud83d"}}]}
    program = compiled(task).program
    assert load(dump(program).encode("utf-8", "surrogatepass")) == program


def test_every_operation_can_be_stored():
    task = {
        "name": "x",
        "tools": [{"name": "ask", "type": "function"}],
        "main": [
            *({"evaluate": {"x": 1}}, {"set": {"x": None}}, {"get": "x"}, {"get": ["x", "y"]}, {"log": "x"}),
            {"switch": [{"case": True, "then": {"prompt": "x"}}, {"case": "_", "then": {"tool": "ask"}}]},
            *({"sleep": {"seconds": 1}}, {"workflow": "sub"}, {"error": "x"}),
        ],
        "sub": [{"return": [1, 2.5, {"x": [None]}]}],
    }
    program = compiled(task).program
    assert {type(op) for block in program.blocks.values() for op in block.ops} == set(ir.OPS)
    assert load(dump(program)) == program
