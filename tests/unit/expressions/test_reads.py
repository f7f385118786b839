"""What an expression is found to read."""

from __future__ import annotations

import pytest

from silvercup.expressions import Reads, compile_value


def reads(
    *names: str,
    outputs: set[int | str] | None = None,
    inputs: set[int | str] | None = None,
    secrets: set[str] | None = None,
    any_step: bool = False,
) -> Reads:
    return Reads(
        frozenset(names), frozenset(outputs or ()), frozenset(inputs or ()), frozenset(secrets or ()), any_step
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", reads()),
        ("$ 1 + len('x')", reads()),
        ("$ steps[0].output.x", reads("steps", outputs={0})),
        ("$ f'Bearer {secrets.A}' + secrets['B'] + secrets.get('C', '')", reads("secrets", secrets={"A", "B", "C"})),
        ("$ [secrets for secrets in _]", reads("_")),
        ("$ steps['a']['output']['x'][0]", reads("steps", outputs={"a"})),
        ("$ steps[2].input", reads("steps", inputs={2})),
        ("$ steps[2]['input'].q", reads("steps", inputs={2})),
        ("$ steps[1]", reads("steps", outputs={1}, inputs={1})),
        ("$ steps[1].get('output')", reads("steps", outputs={1}, inputs={1})),
        ("$ steps.get('a').output", reads("steps", outputs={"a"})),
        ("$ outputs[1].x + inputs[0]", reads("outputs", "inputs", outputs={1}, inputs={0})),
        ("$ outputs.get('a', 1)", reads("outputs", outputs={"a"})),
        ("$ inputs.get('min', 50)", reads("inputs", inputs={"min"})),
        ("$ steps[-1].output", reads("steps", any_step=True)),
        ("$ steps[_].output", reads("steps", "_", any_step=True)),
        ("$ len(steps)", reads("steps", any_step=True)),
        ("$ outputs[1:]", reads("outputs", any_step=True)),
        ("$ [steps[i].output for i in range(2)]", reads("steps", any_step=True)),
        ("$ [steps for steps in _]", reads("_")),
        ("$ [steps[0].output for steps in steps]", reads("steps", any_step=True)),
        ("$ [s for s in steps[0].output if s in state.x]", reads("steps", "state", outputs={0})),
        ("$ f'{steps[0].output}{agent.name}'", reads("steps", "agent", outputs={0})),
        ("a {steps[0].output} {{input.x}} {nothing}", reads("steps", "input", outputs={0})),
        ("outputs[3]", reads("outputs", outputs={3})),
        (["$ _", {"a": "$ steps[True]"}], reads("_", "steps", any_step=True)),
        ({"a": ["$ steps[0].output", "{outputs[1]}"], "b": "_.x"}, reads("_", "steps", "outputs", outputs={0, 1})),
        ("$ steps[0].output == steps[0].input", reads("steps", outputs={0}, inputs={0})),
        ("$ steps[0].output[steps[1].output]", reads("steps", outputs={0, 1})),
    ],
)
def test_reads(value: object, expected: Reads) -> None:
    assert compile_value(value).reads == expected


def test_union() -> None:
    assert reads("a", outputs={1}) | reads("b", inputs={"x"}, any_step=True) == reads(
        "a", "b", outputs={1}, inputs={"x"}, any_step=True
    )
