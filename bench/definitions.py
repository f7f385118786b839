"""The tasks that are compiled and run: straight lines, loops, recursion, and a mixture of all kinds of steps."""

from __future__ import annotations

from typing import Any

type Step = dict[str, Any]
type Task = dict[str, Any]

INPUT: dict[str, Any] = {"n": 1, "name": "Ada"}

PROMPT: Step = {"prompt": "Say hello to {steps[0].input.name}", "unwrap": True}
WAIT: Step = {"wait_for_input": {"info": {"question": "Go on?"}}}
SECRET = "BENCH_KEY"
TOOL: Step = {"tool": "echo", "arguments": {"name": "$ steps[0].input.name"}}
TOOLS: tuple[dict[str, Any], ...] = (
    {"name": "echo", "type": "integration", "integration": {"provider": "dummy"}},
    {
        "name": "sign",
        "type": "integration",
        "integration": {"provider": "dummy", "setup": {"key": f"$ secrets.{SECRET}"}},
    },
)
"""Of lines with tools: two that need nothing from outside but the second's secret."""

BEGIN: tuple[Step, ...] = ({"log": "Here we go"}, PROMPT, {"set": {"n": 0, "begun": True}})
"""What every line begins with."""
EVALUATE: Step = {"evaluate": {"n": "$ steps[0].input.n + 1", "name": "$ steps[0].input.name"}}
PURE: tuple[Step, ...] = (
    EVALUATE,
    {"set": {"n": "$ state.get('n', 0) + 1", "seen": "$ _.name"}},
    {"get": ["n", "seen"]},
    {"log": "Now at {_}"},
    {"if": "$ steps[0].input.n > 0", "then": {"evaluate": {"n": "$ _[0] + 1"}}, "else": {"evaluate": {"n": 0}}},
    {"switch": [{"case": "$ _.n > 5", "then": {"evaluate": {"n": 6}}}, {"case": "_", "then": {"log": "small"}}]},
    EVALUATE,
    {"set": {"n": "$ state.n + 1"}},
    {"evaluate": {"n": "$ _.n * 2", "name": "$ state.seen"}},
    EVALUATE,
)
"""Ten steps that need nothing from outside."""
_FAR: tuple[Step, ...] = (*(EVALUATE,) * 8, {"get": "begun"}, EVALUATE)
"""Ten that read a ``state`` which was set at the beginning of the run."""
_LOOP: Step = {"foreach": {"in": "$ [1, 2, 3]", "do": {"evaluate": {"n": "$ _ + 1"}}}}

LINES: dict[str, tuple[Step, ...]] = {
    "ten pure": (*PURE, {"if": "$ steps[0].input.n < 0", "then": PROMPT}),
    "ten pure, a loop among them": (*PURE[:9], _LOOP, {"if": "$ steps[0].input.n < 0", "then": PROMPT}),
    "ten pure, `state` from far": (*_FAR, {"if": "$ steps[0].input.n < 0", "then": PROMPT}),
    "ten pure, a loop among them, `state` from far": (
        *_FAR[:9],
        _LOOP,
        {"if": "$ steps[0].input.n < 0", "then": PROMPT},
    ),
    "prompt": (PROMPT,),
    "ten pure + prompt": (*PURE, PROMPT),
    "ten pure, `state` from far + prompt": (*_FAR, PROMPT),
    "ten pure + if + prompt in it": (*PURE, {"if": "$ steps[0].input.n > 0", "then": PROMPT, "else": PROMPT}),
    "ten pure + tool": (*PURE, TOOL),
    "ten pure + tool with a secret": (*PURE, {**TOOL, "tool": "sign"}),
    "ten pure + wait": (*PURE, WAIT),
}
"""A pass of each line; each reads the first step of the run, however far away it is.

After ten pure steps stands an ``if`` whose branch has an effect and is not taken: it ends the block that is pure.
"""


def line(kind: str, passes: int) -> Task:
    """A task of passes of one kind, one after the other."""
    tools = {"tools": [*TOOLS]} if any("tool" in step for step in LINES[kind]) else {}
    return {"name": f"{passes} of {kind}", **tools, "main": [*BEGIN, *LINES[kind] * passes]}


def repeated(step: Step, times: int) -> Task:
    """A task of the same step, several times."""
    return {"name": f"{times} of a kind", "main": [step] * times}


def each(items: int, do: Any) -> Step:
    """One after the other."""
    return {"foreach": {"in": f"$ list(range({items}))", "do": do}}


def over(items: int, do: Any, parallelism: int = 100) -> Step:
    """Side by side."""
    return {"over": f"$ list(range({items}))", "map": do, "parallelism": parallelism}


def poll(times: int) -> Task:
    """A workflow that asks, sleeps and goes on to itself, so often."""
    again = [{"sleep": {"seconds": 1}}, {"workflow": "poll", "arguments": {"left": "$ state.left - 1"}}]
    return {
        "name": f"Poll {times} times",
        "main": [{"workflow": "poll", "arguments": {"left": f"$ {times}"}}],
        "poll": [{"set": {"left": "$ inputs[0].left"}}, {"if": "$ state.left > 0", "then": again}],
    }


def recursion(depth: int) -> Task:
    """A workflow that calls itself and goes on afterwards, so deep."""
    return {
        "name": f"{depth} deep",
        "main": [{"workflow": "down", "arguments": {"n": f"$ {depth}"}}],
        "down": [
            {"if": "$ _.n > 0", "then": {"workflow": "down", "arguments": {"n": "$ _.n - 1"}}},
            {"evaluate": {"n": "$ _.n + 1"}},
        ],
    }


TWENTY: Task = {
    "name": "Twenty steps",
    "main": [EVALUATE, PURE[1], PURE[3], PROMPT] * 5,
}
"""Twenty steps, of which five are effects: evaluate, set, log, prompt, and again."""


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
