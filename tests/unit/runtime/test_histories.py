"""No state machine ever writes more events than AWS allows, however long a task's loops and chains of calls are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from silvercup.runtime import rows
from statemachines import Context, Source, compile_task, ir
from tests.support.histories import Histories, Walk
from tests.support.world import World
from tests.unit.statemachines.definitions import LOOPS, RETURNS, Definition, compiled, definitions

MOST = 20_000
"""AWS ends an execution at 25,000 events; the rest is for tries."""
PROMPT: dict[str, Any] = {"prompt": "hi"}


def histories(main: list[Any], lengths: dict[str, int], *, fuse: bool = True, **workflows: Any) -> Histories:
    made = compile_task(Source({"name": "x", "main": main, **workflows}), Context(fuse=fuse))
    return Histories(made, lengths)


def foreach(body: Any) -> dict[str, Any]:
    return {"foreach": {"in": "$ _", "do": body}}


def over(body: Any, parallelism: int = 100) -> dict[str, Any]:
    return {"over": "$ _", "map": body, "parallelism": parallelism}


@pytest.mark.parametrize("kind", [foreach, over])
@pytest.mark.parametrize("length", [0, 1, 40, 500, 501, 1_000, 2_500, 10_000])
@pytest.mark.parametrize("fuse", [True, False])
def test_a_loop_of_any_length(kind: Any, length: int, fuse: bool):
    history = histories([kind(PROMPT)], {"main[0]": length}, fuse=fuse)
    found = history.run()
    assert found.effects == length
    assert history.fullest <= MOST
    assert (found.machines == 1) == (length <= 1_000)


@pytest.mark.parametrize("kinds", [(foreach, foreach), (foreach, over), (over, foreach), (over, over)])
@pytest.mark.parametrize(
    "lengths", [(100, 100), (1, 10_000), (10_000, 1), (10_000, 100), (100, 10_000), (10_000, 10_000)]
)
def test_loops_two_deep(kinds: tuple[Any, Any], lengths: tuple[int, int]):
    outer, inner = kinds
    where = "main[0].foreach.do" if outer is foreach else "main[0].map"
    history = histories([outer(inner(PROMPT))], {"main[0]": lengths[0], where: lengths[1]})
    assert history.run().effects == lengths[0] * lengths[1]
    assert history.fullest <= MOST


def test_loops_of_long_bodies():
    body = [*[PROMPT] * 80, foreach([PROMPT] * 140), over([PROMPT] * 80)]
    inner = {"main[0].map[80]": 1, "main[0].map[81]": 2}
    history = histories([over(body), PROMPT], {"main[0]": 100, **inner})
    assert history.run().effects == 100 * (80 + 140 + 2 * 80) + 1
    assert history.fullest <= MOST


def test_many_loops_side_by_side():
    loops = [foreach([PROMPT, {"parallel": [PROMPT, over(PROMPT)]}]) for _ in range(20)]
    lengths = {f"main[{i}]": 300 for i in range(20)} | {f"main[{i}].foreach.do[1].parallel[1]": 30 for i in range(20)}
    history = histories(loops, lengths)
    assert history.run().effects == 20 * 300 * 32
    assert history.fullest <= MOST


class Countdown:
    """Takes the first arm so many times, then none or the last."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, op: ir.DecideOp) -> int:
        if self.left:
            self.left -= 1
            return 0
        return -1 if op.otherwise else len(op.branches) - 1


def chain(times: int, main: list[Any], **workflows: Any) -> tuple[Histories, Walk]:
    made = compile_task(Source({"name": "x", "main": main, **workflows}), Context())
    decide = Countdown(times)
    history = Histories(made, lambda _: 3, decide)
    found = history.run()
    assert decide.left == 0
    return history, found


AGAIN: dict[str, Any] = {"if": "$ _", "then": {"workflow": "p"}}


def test_a_workflow_that_goes_on_to_itself_five_thousand_times():
    history, found = chain(5_000, [PROMPT, {"workflow": "p"}, PROMPT], p=[PROMPT, AGAIN])
    assert found.effects == 5_001 + 2
    assert 2 < found.machines < 15
    assert history.fullest <= MOST


def test_workflows_that_go_on_to_each_other_five_thousand_times():
    check = {"switch": [{"case": "$ _", "then": [PROMPT, {"workflow": "p"}]}, {"case": "_", "then": PROMPT}]}
    history, found = chain(5_000, [{"workflow": "p"}], p=[PROMPT, {"workflow": "q"}], q=[check])
    assert found.effects == 2 * 5_001
    assert history.fullest <= MOST


def test_a_chain_whose_workflow_has_loops():
    history, found = chain(1_000, [{"workflow": "p"}], p=[foreach(PROMPT), over(over(PROMPT)), AGAIN])
    assert found.effects == 1_001 * (3 + 9)
    assert history.fullest <= MOST


def test_chains_called_one_after_the_other_share_the_history():
    history, found = chain(3_000, [{"workflow": "p"}] * 4, p=[PROMPT, AGAIN])
    assert found.effects == 3_000 + 4
    assert history.fullest <= MOST


def test_calls_within_calls_run_in_children():
    deeper = {"if": "$ _", "then": [{"workflow": "p"}, PROMPT]}
    history, found = chain(60, [{"workflow": "p"}], p=[PROMPT, deeper])
    assert found.effects == 61 + 60
    assert found.machines == 61
    assert history.fullest < 100


@given(definitions(recursive=False), st.integers(0, 2), st.data())
@example(LOOPS, 0, None)
@example(RETURNS, 1, None)
def test_any_task_with_loops_of_any_length(task: Definition, arm: int, data: Any):
    lengths = st.sampled_from([0, 1, 2, 39, 100, 501, 3_000])
    drawn: dict[str, int] = {}

    def length(op: ir.LoopOp) -> int:
        if op.id not in drawn:
            drawn[op.id] = 700 if data is None else data.draw(lengths)
        return drawn[op.id]

    history = Histories(compiled(task), length, lambda op: min(arm, len(op.branches) - 1))
    history.run()
    assert history.fullest <= MOST


@pytest.mark.parametrize("length", [0, 3, 45, 130])
def test_the_histories_are_what_the_interpreter_counts(length: int, monkeypatch: pytest.MonkeyPatch):
    """Of real runs, in which each iteration and each event is counted."""
    monkeypatch.setattr(rows, "ROW_SECONDS", -1.0)
    twice = {"foreach": {"in": "$ [1, 2]", "do": PROMPT}}
    main = [
        {"over": "$ list(range(input.n))", "map": [PROMPT, twice, {"log": "x"}], "parallelism": 60},
        {"parallel": [PROMPT, {"sleep": {"seconds": 1}}]},
    ]
    world = World()
    made = world.compile({"main": main})
    outcome = world.run(made, {"n": length})
    assert outcome.status == "succeeded"
    history = Histories(made, {"main[0]": length, "main[0].map[1]": 2})
    found = history.run()
    executions = world.machines.executions.values()
    assert max(execution.events for execution in executions) == history.fullest
    assert len(executions) == found.machines
    assert found.effects == 3 * length + 1
