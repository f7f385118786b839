"""The tasks that are compiled and run: straight lines of one kind of step, and a mixture of all."""

from __future__ import annotations

from typing import Any

INPUT: dict[str, Any] = {"n": 1, "name": "Ada"}

STEPS: dict[str, dict[str, Any]] = {
    "evaluate": {"evaluate": {"n": "$ _.get('n', 0) + steps[0].input.n", "name": "$ steps[0].input.name"}},
    "set": {"set": {"n": "$ state.get('n', 0) + 1"}},
    "if": {"if": "$ steps[0].input.n > 0", "then": {"evaluate": {"n": "$ steps[0].input.n + 1"}}},
    "prompt": {"prompt": "Say hello to {steps[0].input.name}", "unwrap": True},
    "wait_for_input": {"wait_for_input": {"info": {"question": "Go on?"}}},
}
"""A step of each kind. Each reads the first step of the run, however far away it is."""


def line(kind: str, steps: int) -> dict[str, Any]:
    """A task of steps of one kind, one after the other."""
    return {"name": f"{steps} of {kind}", "main": [STEPS[kind]] * steps}


def mixture(steps: int, round_: int) -> str:
    """The YAML of a task of all kinds of steps, about four lines a step; every round has other expressions, so that nothing is cached."""
    lines = [f"name: Mixture {round_}", "input_schema: {type: object, required: [n]}", "main:"]
    for i in range(steps):
        match i % 5:
            case 0:
                lines += [
                    "  - evaluate:",
                    f"      n: $ _.get('n', {round_}) + {i}",
                    f"      m: $ steps[0].input.n * {i}",
                ]
            case 1:
                lines += [
                    f"  - prompt: Number {i} of {round_} for {{steps[0].input.name}}, please.",
                    "    unwrap: true",
                ]
            case 2:
                lines += [
                    f"  - if: $ len(str(steps[{i - 1}].output)) > {round_}",
                    f"    then: {{evaluate: {{n: '$ {i} + {round_}'}}}}",
                    "    else: {wait_for_input: {info: {question: 'Go on?'}}}",
                ]
            case 3:
                lines += ["  - set:", f"      seen{i}: $ state.get('seen', []) + [{round_}]", f"    label: seen{i}"]
            case _:
                lines += [f"  - workflow: sub{i % 2}", f"    arguments: {{n: $ {i} + {round_}}}"]
    for name in ("sub0", "sub1"):
        lines += [f"{name}:", f"  - log: It is {{_.n}} in round {round_}", "  - return: {n: '$ inputs[0].n'}"]
    return "\n".join(lines)
