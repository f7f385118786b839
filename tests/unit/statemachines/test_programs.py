"""What holds for the program of every valid task, how it fits its state machine, and how it is stored."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from silvercup.errors import InternalError
from statemachines import Compiled, ir
from statemachines.program import dump, load
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
from tests.unit.statemachines.steps import Ended, Runner, TooLong


def operations(result: Compiled) -> dict[str, ir.Op]:
    return {op.id: op for block in result.program.blocks.values() for op in ir.walk(block.ops)}


def every_operation_has_its_own_id(task: Definition, result: Compiled):
    ops = [op for block in result.program.blocks.values() for op in ir.walk(block.ops)]
    assert len({op.id for op in ops}) == len(ops)
    assert all(block.id == name for name, block in result.program.blocks.items())


def a_block_is_pure_operations_and_one_effect_at_most(task: Definition, result: Compiled):
    effects: dict[type[ir.Op], str] = {
        ir.PromptOp: "prompt",
        ir.TalkOp: "prompt",
        ir.ToolOp: "tool",
        ir.AwaitOp: "wait",
    }
    lasts = (ir.PromptOp, ir.ToolOp, ir.AwaitOp, ir.SleepOp, ir.InvokeOp)
    for block in result.program.blocks.values():
        last = block.ops[-1]
        talks = isinstance(last, ir.TalkOp) and last.auto
        assert block.effect == ("talk" if talks else effects.get(type(last), "none"))
        assert block.loc == block.ops[0].loc
        for op in block.ops[:-1]:
            assert not isinstance(op, lasts)
            held = ir.inner(op)
            assert held or not isinstance(op, ir.DecideOp | ir.LoopOp | ir.ForkOp | ir.ScopeOp)
            assert not any(isinstance(inner, lasts) for ops in held for inner in ir.walk(ops))
        assert len({op.loops for op in ir.walk(block.ops)}) == 1, "all of a block stands in the same loops"


def frames_name_the_operations_that_close_the_steps(task: Definition, result: Compiled):
    program, ops = result.program, operations(result)
    assert program.frames[0].workflow == "main"
    for number, frame in enumerate(program.frames):
        assert len(frame.steps) == len(task[frame.workflow])
        assert frame.parent is None or frame.parent < number
        for i, ref in enumerate(frame.steps):
            if i > 0:
                assert ref.input == frame.steps[i - 1].output
            op = ops.get(ref.output)
            if op is not None:  # nothing leads to some
                assert (op.at.workflow, op.at.step, op.frame) == (frame.workflow, i, number)
                assert op.closings or isinstance(op, ir.RaiseOp)
        first = frame.steps[0].input
        if number == 0:
            assert first is None
        elif first in ops:
            entered = ops[first]
            assert isinstance(entered, ir.EnterOp if frame.parent is not None else ir.BeginOp)
            entry = entered.entry if isinstance(entered, ir.EnterOp) else entered.at
            assert entry.workflow == frame.workflow


def operations_read_through_their_own_frame_and_labels(task: Definition, result: Compiled):
    program, ops = result.program, operations(result)
    for op in ops.values():
        frame = program.frames[op.frame]
        assert op.at.workflow == frame.workflow or op.at.workflow.startswith(("`", "PAR:`"))
        if op.label is not None and op.closings and not isinstance(op, ir.EnterOp | ir.InvokeOp):
            assert op.id in {ref.output for ref in program.labels[op.labels].labels[op.label]}
    for number, scope in enumerate(program.labels):
        assert scope.parent is None or scope.parent < number
        for label, refs in scope.labels.items():
            for ref in refs:
                if ref.output in ops:
                    assert (ops[ref.output].label, ops[ref.output].labels) == (label, number)


def parts_of_operations_name_each_other(task: Definition, result: Compiled):
    ops = operations(result)
    for op in ops.values():
        match op:
            case ir.GatherOp():
                opener = ops[op.loop]
                assert isinstance(opener, ir.LoopOp)
                assert opener.at == op.at
            case ir.JoinOp():
                assert isinstance(ops[op.fork], ir.ForkOp)
            case ir.EndCallOp():
                assert isinstance(ops[op.call], ir.InvokeOp)
            case ir.LoopOp():
                begin = ops[op.first]
                assert isinstance(begin, ir.BeginOp)
                assert (begin.opener, begin.of) == (op.id, "item")
                assert begin.loops == op.loops + (op.body is None)
            case ir.ForkOp():
                assert op.bodies is None or len(op.bodies) == len(op.lasts)
            case ir.InvokeOp():
                assert f"procedure:{op.procedure}" in result.program.shares
                assert op.id in result.program.shares
            case _:
                pass


def shares_leave_room_for_everything_around(task: Definition, result: Compiled):
    ops = operations(result)
    for name, share in result.program.shares.items():
        assert share.fixed > 0
        if not name.startswith("procedure:"):
            op = ops[name]
            assert share.slots > 0 or (isinstance(op, ir.InvokeOp) and (op.tail or not op.jump))
            assert (share.item > 0) == isinstance(op, ir.LoopOp)


def a_program_comes_back_as_it_was_stored(task: Definition, result: Compiled):
    program = result.program
    assert load(dump(program)) == program
    assert load(dump(program).encode()) == program


CHECKS = (
    every_operation_has_its_own_id,
    a_block_is_pure_operations_and_one_effect_at_most,
    frames_name_the_operations_that_close_the_steps,
    operations_read_through_their_own_frame_and_labels,
    parts_of_operations_name_each_other,
    shares_leave_room_for_everything_around,
    a_program_comes_back_as_it_was_stored,
)


@given(definitions(), st.booleans())
@example(RETURNS, True)
@example(RETURNS, False)
@example(LOOPS, True)
@example(LOOPS, False)
@example(CIRCLES, True)
@example(CIRCLES, False)
@example(ENDLESS, True)
def test_every_program(task: Definition, fuse: bool):
    result = compiled(task, fuse=fuse)
    for check in CHECKS:
        check(task, result)


@settings(deadline=None)
@given(definitions(), st.integers(0, 2**32), st.booleans())
@example(RETURNS, 0, True)
@example(RETURNS, 1, False)
@example(LOOPS, 0, True)
@example(LOOPS, 1, False)
@example(CIRCLES, 0, True)
@example(CIRCLES, 1, False)
def test_every_run_takes_the_steps_in_v1s_order(task: Definition, seed: int, fuse: bool):
    result = compiled(task, fuse=fuse)
    pick = random.Random(seed)
    for _ in range(10):
        runner = Runner(result, pick.randrange)
        try:
            runner.run()
        except TooLong:
            continue
        except Ended as ended:
            error = ended.error
        else:
            error = ""
        assert (error == "Silvercup.Failed") == runner.steps.failed
        assert runner.steps.failed or (error == "" and runner.steps.at is None and not runner.steps.opened)


def test_a_program_of_an_unknown_format_is_refused():
    document = json.loads(dump(compiled({"name": "x", "main": [{"log": "x"}]}).program))
    assert document["format"] == ir.FORMAT == 2
    with pytest.raises(InternalError, match="format 3"):
        load(json.dumps({**document, "format": 3}))
    del document["format"]
    with pytest.raises(InternalError, match="format None"):
        load(json.dumps(document))


def test_half_a_surrogate_pair_survives_storage():
    task = {"name": "x", "main": [{"evaluate": {"x": "\ud83d"}}]}
    program = compiled(task).program
    assert load(dump(program).encode("utf-8", "surrogatepass")) == program


def test_every_operation_can_be_stored():
    loop = {"over": "$ _", "map": [{"get": ["x", "y"]}, {"log": "x"}], "reduce": "$ results + [_]", "initial": [1]}
    task = definition(
        [
            *({"evaluate": {"x": 1}}, {"set": {"x": None}}, loop, {"parallel": [loop, {"log": "x"}]}),
            {"switch": [{"case": True, "then": {"prompt": "x"}}, {"case": "_", "then": {"tool": "ask"}}]},
            *({"tool": "fetch"}, {"prompt": "x", "auto_run_tools": True}),
            {"foreach": {"in": "$ _", "do": {"sleep": {"seconds": 1}}}},
            *({"workflow": "pure"}, {"workflow": "again"}, {"error": "x"}),
        ],
        pure=[{"if": "$ _", "then": {"return": [1, 2.5, {"x": [None]}]}}, {"log": "x"}],
        again=[{"workflow": "again"}],
    )
    program = compiled(task).program
    assert {type(op) for block in program.blocks.values() for op in ir.walk(block.ops)} == set(ir.OPS)
    assert load(dump(program)) == program
