"""``steps``, ``inputs`` and ``outputs`` as expressions see them."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import ExpressionError
from silvercup.expressions import Reads, compile_value
from silvercup.runtime.reads import StepIndex, reads_of
from silvercup.runtime.scope import Scope, Steps
from statemachines import Source, compile_task
from statemachines.ir import Op, walk
from tests.support.world import World

TASK = {
    "name": "t",
    "main": [
        {"evaluate": {"n": 1}, "label": "first"},
        {"if": "$ True", "then": [{"evaluate": {"n": 2}, "label": "inside"}, {"evaluate": {"n": 3}}]},
        {"workflow": "sub", "arguments": {"n": 4}},
        {"prompt": "hello", "label": "asked"},
        {"foreach": {"in": "$ [1]", "do": [{"evaluate": {"n": 7}, "label": "item"}, {"evaluate": {"n": 8}}]}},
    ],
    "sub": [{"evaluate": {"n": 5}, "label": "first"}, {"evaluate": {"n": 6}}],
}
PROGRAM = compile_task(Source(TASK)).program
OPS: list[Op] = [op for block in PROGRAM.blocks.values() for op in walk(block.ops)]


def op_of(loc: str, name: str) -> Op:
    return next(op for op in OPS if (op.loc, op.name) == (loc, name))


def scope(at: Op, outputs: dict[str | None, Any]) -> Scope:
    """The scope of an operation when only these operations have run."""
    index = StepIndex(PROGRAM, at)

    def load(op: str | None) -> Any:
        return outputs[op]

    return Scope({
        "steps": lambda: Steps(index, load),
        "inputs": lambda: Steps(index, load, "input"),
        "outputs": lambda: Steps(index, load, "output"),
    })  # fmt: skip


AT_CALL = op_of("main[2]", "enter")
OUTPUTS: dict[str | None, Any] = {
    None: {"start": True},
    op_of("main[0]", "evaluate").id: {"n": 1},
    op_of("main[1].then[0]", "evaluate").id: {"n": 2},
    op_of("main[1]", "close").id: {"n": 3},
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("steps[0].output.n", 1),
        ("steps[0]['output']['n']", 1),
        ("steps[0].input.start", True),
        ("steps['first'].output.n", 1),
        ("steps.first.output.n", 1),
        ("outputs[1].n", 3),
        ("inputs[1].n", 1),
        ("inputs[2].n", 3),
        ("steps[2].input.n", 3),
        ("len(steps)", 2),
        ("[s.output.n for s in steps]", [1, 3]),
        ("outputs[-1].n", 3),
        ("steps.get(3, 'nothing')", "nothing"),
        ("steps.get('first').output.n", 1),
        ("outputs", [{"n": 1}, {"n": 3}]),
    ],
)
def test_what_has_run_is_seen(expression: str, expected: Any):
    assert compile_value(f"$ {expression}").evaluate(scope(AT_CALL, OUTPUTS)) == expected


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("steps[2].output", "has not run yet"),
        ("outputs[3]", "has not run yet"),
        ("steps[9].output", "5 steps"),
        ("steps['nobody'].output", "no step is labelled"),
        ("steps['inside'].output", "no step is labelled"),
        ("steps[0].result", "input"),
    ],
)
def test_what_has_not_is_told(expression: str, words: str):
    with pytest.raises(ExpressionError, match=words):
        compile_value(f"$ {expression}").evaluate(scope(AT_CALL, OUTPUTS))


def test_a_label_is_seen_inside_its_branch_with_those_around_it():
    inside = op_of("main[1].then[1]", "evaluate")
    found = compile_value("$ [steps['inside'].output.n, steps['first'].output.n]").evaluate(scope(inside, OUTPUTS))
    assert found == [2, 1]


def test_a_sub_workflow_sees_only_its_own_steps():
    second = op_of("sub[1]", "evaluate")
    there = {**OUTPUTS, AT_CALL.id: {"n": 4}, op_of("sub[0]", "evaluate").id: {"n": 5}}
    found = compile_value("$ [steps[0].input.n, steps['first'].output.n, len(steps)]").evaluate(scope(second, there))
    assert found == [4, 5, 1]


def test_inside_a_loop_the_steps_are_the_workflows_and_the_labels_the_bodys():
    inside = op_of("main[4].foreach.do[1]", "evaluate")
    there = {**OUTPUTS, op_of("main[4].foreach.do[0]", "evaluate").id: {"n": 7}}
    found = compile_value("$ [steps[0].output.n, steps['item'].output.n, steps.first.output.n]")
    assert found.evaluate(scope(inside, there)) == [1, 7, 1]
    with pytest.raises(ExpressionError, match="no step is labelled"):
        compile_value("$ steps['item'].output").evaluate(scope(AT_CALL, there))


def test_a_block_reads_only_what_its_expressions_name():
    index = StepIndex(PROGRAM, AT_CALL)
    some = Reads(frozenset({"steps"}), frozenset({0, "asked", 99, "nobody"}), frozenset({0}), any_step=False)
    assert index.needed(some) == {None, op_of("main[0]", "evaluate").id, op_of("main[3]", "prompt").id}
    everything = index.needed(Reads(frozenset(), frozenset(), frozenset(), any_step=True))
    assert len(everything) == 6


@pytest.mark.parametrize("fuse", [True, False])
def test_steps_that_nothing_leads_to_have_not_run(fuse: bool):
    world = World()
    main = [
        {"evaluate": {"n": "$ len(steps)"}},
        {"prompt": "x"},
        {"evaluate": {"n": "$ [len(steps), steps.get(4, 'nothing'), steps.get('there', 'nothing')]"}},
        {"return": {"n": "$ _.n"}},
        {"log": "x", "label": "there"},
    ]
    outcome = world.run(world.compile({"main": main}, fuse=fuse))
    assert (outcome.status, outcome.output) == ("succeeded", {"n": [2, "nothing", "nothing"]})


def test_the_reads_of_operations_add_up():
    total = reads_of([op_of("main[1]", "decide"), op_of("main[2]", "enter"), op_of("main[3]", "prompt")])
    assert total == Reads(frozenset(), frozenset(), frozenset(), any_step=False)
