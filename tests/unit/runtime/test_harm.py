"""Exactly once: whatever call fails, whenever a process dies or an invocation comes twice, a run ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from silvercup.executions import launch
from silvercup.runtime import budget, children, pointer, rows, slices, talk
from tests.support.asl import is_running
from tests.support.harm import WAYS, Harm, Way, leftovers, open_waits, run_harmed
from tests.support.tasks import TOOLS
from tests.support.world import Outcome, World, tell

type Task = dict[str, Any]

ASK: Task = {"tools": TOOLS}
CORPUS: dict[str, tuple[Task, list[Any]]] = {
    "a straight line": (
        {
            "main": [
                {"set": {"n": "$ input.n"}, "label": "first"},
                {"prompt": "$ 'say ' + str(state.n)", "unwrap": True},
                {"sleep": {"seconds": 9}},
                {"wait_for_input": {"info": {"heard": "$ _"}}},
                {"evaluate": {"all": "$ [_, steps['first'].output, state]"}},
            ]
        },
        [{"x": 1}],
    ),
    "prompts in a row": (
        {
            "main": [
                {"prompt": "$ str(input.n)", "unwrap": True},
                {"set": {"heard": "$ _"}},
                {"foreach": {"in": "$ [1, 2]", "do": {"evaluate": {"v": "$ _"}}}},
                {"prompt": "$ state.heard", "unwrap": True},
                {"prompt": "$ _", "unwrap": True, "label": "last"},
                {"over": "$ [1, 2]", "map": [{"prompt": "$ str(_)", "unwrap": True}, {"log": "{_}"}]},
                {"prompt": "$ steps['last'].output", "unwrap": True},
                {"evaluate": {"v": "$ _ + 1"}},
            ]
        },
        [],
    ),
    "tools": (
        {
            "main": [
                {"set": {"n": "$ input.n"}},
                {"tool": "fetch", "arguments": {"at": "$ time.time()", "n": "$ state.n"}},
                {
                    "over": "$ [1, 2]",
                    "map": [{"tool": "find", "arguments": {"i": "$ _"}}, {"evaluate": {"r": "$ _.got"}}],
                },
                {"prompt": "$ str(_)", "unwrap": True},
                {"tool": "fetch", "arguments": {"heard": "$ _"}},
                {"evaluate": {"v": "$ _.got.heard"}},
            ]
        },
        [],
    ),
    "a prompt whose tools are called": (
        {
            "main": [
                {"set": {"n": "$ input.n"}},
                {"prompt": "$ 'call fetch, find; fetch, ask; ask'", "auto_run_tools": True, "unwrap": True},
                {"evaluate": {"v": "$ [_, state.n]"}},
                {
                    "over": "$ [1, 2]",
                    "map": {"prompt": "call fetch; find", "auto_run_tools": True, "tools": ["fetch", "find"]},
                },
                {"evaluate": {"v": "$ [one.messages[-1].content for one in _]"}},
            ]
        },
        [{"x": 1}, {"x": 2}],
    ),
    "a map that asks and sets": (
        {
            "main": [
                {"over": "$ [1, 2]", "map": [{"set": {"k": "$ _"}}, {"prompt": "$ 'p' + str(_)", "unwrap": True}]},
                {"evaluate": {"s": "$ state", "o": "$ _"}},
            ]
        },
        [],
    ),
    "waits side by side": (
        {
            "main": [
                {
                    "parallel": [
                        {"wait_for_input": {"info": {"q": 1}}},
                        [{"tool": "ask", "arguments": {"q": 2}}, {"set": {"b": "$ _.x"}}],
                    ]
                },
                {"evaluate": {"o": "$ _", "s": "$ state"}},
            ]
        },
        [{"x": 1}, {"x": 2}],
    ),
    "a workflow that goes on to itself": (
        {
            "main": [{"workflow": "run", "arguments": {"n": "$ 2"}}, {"evaluate": {"d": "$ _"}}],
            "run": [
                {"prompt": "$ str(_.n)"},
                {
                    "if": "$ inputs[0].n > 0",
                    "then": {"workflow": "run", "arguments": {"n": "$ inputs[0].n - 1"}},
                    "else": {"evaluate": {"end": "$ 1"}},
                },
            ],
        },
        [],
    ),
    "children that wait": (
        {
            "main": [{"workflow": "f", "arguments": {"n": "$ 2"}}],
            "f": [
                {
                    "if": "$ _.n > 0",
                    "then": [{"workflow": "f", "arguments": {"n": "$ _.n - 1"}}, {"evaluate": {"v": "$ [_, 1]"}}],
                    "else": {"wait_for_input": {"info": {"q": 1}}},
                }
            ],
        },
        [{"x": 1}],
    ),
    "a return from a loop": (
        {
            "main": [{"workflow": "w"}, {"log": "after {_}"}],
            "w": [
                {
                    "foreach": {
                        "in": "$ [1, 2, 3]",
                        "do": [{"prompt": "hi", "unwrap": True}, {"if": "$ True", "then": {"return": {"r": "$ _"}}}],
                    }
                }
            ],
        },
        [],
    ),
    "an item that fails": (
        {"main": [{"foreach": {"in": "$ [1, 0]", "do": [{"prompt": "hi"}, {"evaluate": {"v": "$ 1 / inputs[9]"}}]}}]},
        [],
    ),
    "a wait in a map in a switch in a workflow in a branch": (
        {
            "main": [{"parallel": [{"workflow": "w"}, {"log": "beside"}]}, {"evaluate": {"o": "$ _"}}],
            "w": [
                {
                    "switch": [
                        {"case": "$ False", "then": {"log": "no"}},
                        {"case": "_", "then": {"over": "$ [1, 2]", "map": {"wait_for_input": {"info": {"q": "$ _"}}}}},
                    ]
                }
            ],
        },
        [{"x": 1}, {"x": 2}],
    ),
}
CHUNKED: Task = {
    "main": [
        {
            "over": "$ list(range(5))",
            "parallelism": 2,
            "map": [{"prompt": "$ str(_)", "unwrap": True}, {"set": {"k": "$ _"}}],
        },
        {"evaluate": {"o": "$ _", "s": "$ state"}},
    ]
}
CHUNKED_RETURN: Task = {
    "main": [{"workflow": "w"}, {"log": "{_}"}],
    "w": [
        {
            "foreach": {
                "in": "$ list(range(5))",
                "do": [{"prompt": "$ str(_)", "unwrap": True}, {"if": "$ '3' in _", "then": {"return": {"r": "$ _"}}}],
            }
        }
    ],
}


@pytest.fixture
def small_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories so short that a loop of five items needs children."""
    monkeypatch.setattr(launch, "ROOT_BUDGET", 60)
    for module in (budget, children, pointer):
        monkeypatch.setattr(module, "CHILD_BUDGET", 100, raising=False)


def check(task: Task, answers: list[Any]) -> None:
    """Every call, in every way."""
    task = {**ASK, **task}
    answers = answers or [{}]
    value = {"n": 3}
    counting = Harm()
    world, expected = run_harmed(task, value, answers, counting)
    assert list(leftovers(world, expected.ref)) == []
    asked, called = len(world.models.asked), len(world.tools.calls)
    assert len({call.made_id for call in world.tools.calls}) == called, "each call creates under an id of its own"
    total = counting.total
    world, twice = run_harmed(task, value, answers, Harm(), twice=True)
    assert seen(twice) == seen(expected), "every invocation twice"
    for way, number in harms(total):
        harm = Harm(number, way)
        world, found = run_harmed(task, value, answers, harm)
        what = f"{way}: call {number}, {(harm.calls or [])[number]}"
        assert harm.hit, what
        if list(leftovers(world, found.ref)):
            world.sweep()
            world.machines.settle()
            found = world.outcome(found.ref)
        assert list(leftovers(world, found.ref)) == [], what
        assert seen(found) == seen(expected), what
        assert len(world.models.asked) <= asked + 1, what
        assert len(world.tools.calls) <= called + 1, what
        by_id = {call.made_id: call.arguments for call in world.tools.calls}
        assert len(by_id) == called, "a call that is made again creates under the same id"
        assert all(call.arguments == by_id[call.made_id] for call in world.tools.calls), "with the same arguments"


def harms(total: int) -> Iterator[tuple[Way, int]]:
    return ((way, number) for way in WAYS for number in range(total))


def seen(found: Outcome) -> Any:
    return found.status, found.output, found.count, found.by_workflow()


@pytest.mark.parametrize("name", CORPUS)
def test_whatever_goes_wrong_a_run_ends_the_same(name: str):
    check(*CORPUS[name])


@pytest.mark.parametrize("cut", [(rows, "ROW_SECONDS"), (slices, "SLICE_SECONDS")], ids=["rows", "slices"])
def test_whatever_goes_wrong_with_a_row_that_is_cut_a_run_ends_the_same(
    cut: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(*cut, -1.0)
    check(*CORPUS["prompts in a row"])


def test_whatever_goes_wrong_with_rounds_in_invocations_of_their_own_a_run_ends_the_same(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(talk, "TALK_SECONDS", -1.0)
    check(*CORPUS["a prompt whose tools are called"])


@pytest.mark.parametrize("task", [CHUNKED, CHUNKED_RETURN], ids=["items", "return"])
@pytest.mark.usefixtures("small_budgets")
def test_whatever_goes_wrong_with_children_a_run_ends_the_same(task: Task):
    world = World()
    world.run(world.compile(task))
    assert len(world.machines.executions) > 2, "no children"
    check(task, [])


def run_killed(task: Task, answers: list[Any], at: int) -> tuple[World, Outcome, bool]:
    """Run a task; the machine that makes the n-th invocation is ended from outside right after it, and the event of that comes."""
    world = World()
    compiled = world.compile({**ASK, **task})
    invoke = world.machines.function
    calls = 0
    due: list[str] = []

    def counted(arn: str, payload: Any) -> Any:
        nonlocal calls
        calls += 1
        answer = invoke(arn, payload)
        if calls == at + 1:
            running = [one for one in world.machines.executions.values() if one.status == "RUNNING" and one.run]
            due.extend(one.arn for one in running if one.run is not None and is_running(one.run))
        return answer

    world.machines.function = counted
    ref = world.start(compiled, {"n": 3})
    given = 0
    for _ in range(1_000):
        world.machines.settle_until(lambda: bool(due))
        if due:
            arn = due.pop()
            if world.machines.executions[arn].status == "RUNNING":
                world.machines.kill(arn)
            tell(world, arn)
            continue
        waits = open_waits(world, ref)
        if not waits:
            break
        world.answer(ref, waits[0], answers[min(given, len(answers) - 1)])
        given += 1
    return world, world.outcome(ref), calls > at


@pytest.mark.parametrize("name", CORPUS)
def test_a_machine_that_is_ended_from_outside_starts_again_and_nothing_is_lost(name: str):
    task, answers = CORPUS[name]
    answers = answers or [{}]
    world, expected, _ = run_killed(task, answers, -1)
    at, more = 0, True
    while more:
        world, found, more = run_killed(task, answers, at)
        assert seen(found) == seen(expected), f"killed after invocation {at}"
        assert list(leftovers(world, found.ref)) == [], f"killed after invocation {at}"
        at += 1
    assert at > 2
