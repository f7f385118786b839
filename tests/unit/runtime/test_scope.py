"""``steps``, ``inputs`` and ``outputs`` as expressions see them."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import ExpressionError
from silvercup.executions.keys import INIT, RecordKey
from silvercup.expressions import Reads, compile_value
from silvercup.runtime.reads import StepIndex, reads_of
from silvercup.runtime.scope import NoSecrets, Scope, Steps
from statemachines import Source, compile_task

TASK = {
    "name": "t",
    "main": [
        {"evaluate": {"n": 1}, "label": "first"},
        {"if": "$ True", "then": [{"evaluate": {"n": 2}, "label": "inside"}, {"evaluate": {"n": 3}}]},
        {"workflow": "sub", "arguments": {"n": 4}},
        {"prompt": "hello", "label": "asked"},
    ],
    "sub": [{"evaluate": {"n": 5}, "label": "first"}, {"evaluate": {"n": 6}}],
}
PROGRAM = compile_task(Source(TASK)).program


def op_of(loc: str, name: str) -> Any:
    return next(op for block in PROGRAM.blocks.values() if block.loc == loc for op in block.ops if op.name == name)


def scope(at: Any, outputs: dict[str, Any]) -> Scope:
    """The scope of an operation when only these records are there."""
    index = StepIndex(PROGRAM, "main", at)

    def load(key: RecordKey) -> Any:
        return outputs[str(key)]

    return Scope({
        "steps": lambda: Steps(index, load),
        "inputs": lambda: Steps(index, load, "input"),
        "outputs": lambda: Steps(index, load, "output"),
        "secrets": NoSecrets,
    })  # fmt: skip


OUTPUTS = {"init:": {"start": True}, "block:main/b0": {"n": 1}, "block:main/b2": {"n": 2}, "block:main/b4": {"n": 3}}
AT_CALL = op_of("main[2]", "enter")


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
        ("steps[9].output", "4 steps"),
        ("steps['nobody'].output", "no step is labelled"),
        ("steps['inside'].output", "no step is labelled"),
        ("steps[0].result", "input"),
        ("secrets.KEY", "secrets"),
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
    enter = next(
        block.id for block in PROGRAM.blocks.values() if block.loc == "main[2]" and block.ops[0].name == "enter"
    )
    first = next(block.id for block in PROGRAM.blocks.values() if block.loc == "sub[0]")
    there = {**OUTPUTS, f"block:main/{enter}": {"n": 4}, f"block:main/{first}": {"n": 5}}
    found = compile_value("$ [steps[0].input.n, steps['first'].output.n, len(steps)]").evaluate(scope(second, there))
    assert found == [4, 5, 1]


def test_a_block_reads_only_what_its_expressions_name():
    index = StepIndex(PROGRAM, "main", AT_CALL)
    some = Reads(frozenset({"steps"}), frozenset({0, "asked", 99, "nobody"}), frozenset({0}), any_step=False)
    effect = next(block.id for block in PROGRAM.blocks.values() if block.effect == "prompt")
    assert index.needed(some) == {INIT, RecordKey("block", "main/b0"), RecordKey("effect", f"main/{effect}")}
    everything = index.needed(Reads(frozenset(), frozenset(), frozenset(), any_step=True))
    assert len(everything) == 5


def test_the_reads_of_operations_add_up():
    total = reads_of([op_of("main[1]", "decide"), op_of("main[2]", "enter"), op_of("main[3]", "prompt")])
    assert total == Reads(frozenset(), frozenset(), frozenset(), any_step=False)
