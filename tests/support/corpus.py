"""Tasks of every kind of step in every other, with what they come to: run in memory, on the local stack, and over the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A task and one run of it.

    Attributes:
        task: The definition.
        output: What the run ends with.
        status: How it ends.
        value: The input.
        answers: What its waits are answered with, by their ``info``'s ``q``.
        fixed: Whether it takes the same way every time, so that its history always has as many events.
    """

    task: dict[str, Any]
    output: Any
    status: str = "succeeded"
    value: dict[str, Any] = field(default_factory=lambda: {"n": 2})
    answers: dict[Any, Any] = field(default_factory=dict[Any, Any])
    fixed: bool = True


def _say(text: str) -> dict[str, Any]:
    return {"prompt": f"$ {text}", "unwrap": True}


_SHORT = "$ _.removeprefix('Echo: ')"
"""What the offline model was told."""

CASES: dict[str, Case] = {
    "pure steps": Case(
        {
            "main": [
                {"evaluate": {"n": "$ _.n + 1"}},
                {"set": {"a": "$ _.n"}},
                {"if": "$ _.a > 1", "then": [{"log": "hello {_.a}"}, {"evaluate": {"m": "$ state.a"}}]},
                {"evaluate": {"o": "$ steps[0].output.n", "p": "$ _"}},
            ]
        },
        {"o": 3, "p": {"m": 3}},
    ),
    "a pure map in a foreach": Case(
        {
            "main": [
                {
                    "foreach": {
                        "in": "$ [1, 2]",
                        "do": [
                            {
                                "over": "$ [_, _ + 1]",
                                "map": [{"evaluate": {"v": "$ _ * 10"}}],
                                "reduce": "$ results + _.v",
                                "initial": 0,
                            },
                            {"set": {"sum": "$ state.get('sum', 0) + _"}},
                        ],
                    }
                },
                {"evaluate": {"out": "$ _", "sum": "$ state.sum"}},
            ]
        },
        {"out": [{"sum": 30}, {"sum": 80}], "sum": 80},
    ),
    "a map that asks, three at once": Case(
        {
            "main": [
                {
                    "over": "$ ['a', 'b', 'c', 'd']",
                    "map": [_say("_"), {"evaluate": {"heard": _SHORT}}],
                    "parallelism": 3,
                },
                {"evaluate": {"all": "$ [x.heard for x in _]"}},
            ]
        },
        {"all": ["a", "b", "c", "d"]},
    ),
    "labels in an iteration and steps outside": Case(
        {
            "main": [
                {"evaluate": {"k": "$ 5"}, "label": "five"},
                {
                    "foreach": {
                        "in": "$ [1, 2]",
                        "do": [
                            {"evaluate": {"v": "$ _ * steps['five'].output.k"}, "label": "times"},
                            _say("'x'"),
                            {"evaluate": {"r": "$ [steps['times'].output.v, steps[0].output.k, inputs[1].k]"}},
                        ],
                    }
                },
            ]
        },
        [{"r": [5, 5, 5]}, {"r": [10, 5, 5]}],
    ),
    "state of branches": Case(
        {
            "main": [
                {"set": {"a": "$ 0", "z": "$ 'kept'"}},
                {
                    "parallel": [
                        [{"set": {"a": "$ 1"}}, _say("'x'"), {"set": {"b": "$ state.a"}}],
                        {"set": {"a": "$ 2"}},
                        [{"sleep": {"seconds": 1}}, {"evaluate": {"a": "$ state.a"}}],
                    ]
                },
                {"evaluate": {"state": "$ state", "out": "$ _"}},
            ]
        },
        {"state": {"a": 2, "b": 1, "z": "kept"}, "out": [{"b": 1}, {"a": 2}, {"a": 0}]},
    ),
    "several waits at once": Case(
        {
            "main": [
                {
                    "parallel": [
                        {"wait_for_input": {"info": {"q": "left"}}},
                        {"over": "$ [1, 2]", "map": {"wait_for_input": {"info": {"q": "$ _"}}}},
                    ]
                },
                {"evaluate": {"o": "$ _"}},
            ]
        },
        {"o": [{"x": "l"}, [{"x": "one"}, {"x": "two"}]]},
        answers={"left": {"x": "l"}, 1: {"x": "one"}, 2: {"x": "two"}},
        fixed=False,
    ),
    "a wait in a map in a switch in a workflow in a branch": Case(
        {
            "main": [{"parallel": [{"workflow": "w"}, {"log": "beside"}]}, {"evaluate": {"o": "$ _"}}],
            "w": [
                {
                    "switch": [
                        {"case": "$ False", "then": {"log": "no"}},
                        {"case": "_", "then": {"over": "$ [1]", "map": {"wait_for_input": {"info": {"q": "$ _"}}}}},
                    ]
                }
            ],
        },
        {"o": [[{"x": 1}], {"n": 2}]},
        answers={1: {"x": 1}},
        fixed=False,
    ),
    "a return out of two loops": Case(
        {
            "main": [{"workflow": "w"}, {"evaluate": {"o": "$ _"}}],
            "w": [
                {
                    "foreach": {
                        "in": "$ [1, 2]",
                        "do": {
                            "foreach": {
                                "in": "$ [1, 2, 3]",
                                "do": [_say("'x'"), {"if": "$ inputs[0].n == 2", "then": {"return": {"r": "$ 'out'"}}}],
                            }
                        },
                    }
                },
                {"error": "not reached"},
            ],
        },
        {"o": {"r": "out"}},
    ),
    "an error in an item": Case(
        {"main": [{"foreach": {"in": "$ [1, 0, 2]", "do": [_say("'x'"), {"evaluate": {"v": "$ 1 / 0"}}]}}]},
        "In item 0 of main[0]: main[0].foreach.do[1]: division by zero (in `1 / 0`)",
        status="failed",
    ),
    "recursion that comes back": Case(
        {
            "main": [{"workflow": "fact", "arguments": {"n": "$ 4"}}],
            "fact": [
                {
                    "if": "$ _.n > 1",
                    "then": [
                        {"workflow": "fact", "arguments": {"n": "$ _.n - 1"}},
                        {"evaluate": {"v": "$ _.v * steps[0].input.n"}},
                    ],
                    "else": {"evaluate": {"v": "$ 1"}},
                }
            ],
        },
        {"v": 24},
    ),
    "run, check, run": Case(
        {
            "main": [{"workflow": "run", "arguments": {"n": "$ 2"}}, {"evaluate": {"done": "$ _"}}],
            "run": [_say("'x'"), {"workflow": "check", "arguments": {"n": "$ inputs[0].n - 1"}}],
            "check": [
                {
                    "if": "$ _.n < 0",
                    "then": {"evaluate": {"end": "$ _.n"}},
                    "else": [{"sleep": {"seconds": 1}}, {"workflow": "run", "arguments": {"n": "$ inputs[0].n"}}],
                }
            ],
        },
        {"done": {"end": -1}},
    ),
    "items that are an object": Case(
        {"main": [{"foreach": {"in": "$ {'a': 1, 'b': 2}", "do": {"evaluate": {"k": "$ _"}}}}]},
        [{"k": "a"}, {"k": "b"}],
    ),
    "items that are a number": Case(
        {"main": [{"over": "$ _.n", "map": {"evaluate": {"k": "$ _"}}}]},
        "main[0]: 'over' must be a list, or an object whose keys are taken; it is a number",
        status="failed",
    ),
    "no items": Case(
        {
            "main": [
                {"over": "$ []", "map": _say("'x'"), "initial": ["start"]},
                {"foreach": {"in": "$ []", "do": _say("'x'")}},
                {"evaluate": {"o": "$ [steps[0].output, _]"}},
            ]
        },
        {"o": [["start"], []]},
    ),
}
