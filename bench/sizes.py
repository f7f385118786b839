"""What is large: loops over many items, large values, long workflows, deep recursion, long polling, many executions at once.

Each runs to its end, on a local stack or, where that would take too long, in memory. Counted: what drives it, and that no state
machine comes near the end of its history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.counting import Counted, sum_of
from bench.definitions import PROMPT, WAIT, Task, each, line, over, poll, recursion
from bench.figure import Figure, table
from bench.memory import run_in_memory
from bench.runs import await_end, machines_of, make_stack, prepare, start, until, waits_now
from local.stack import Stack
from silvercup.executions.keys import ExecutionRef
from silvercup.settings import DEFAULT_TENANT
from statemachines.report import Count

MAX_EVENTS = 20_000
"""History events; AWS ends an execution at 25,000."""
BIG = 20_000_000
SECONDS = 900.0
MANY_AT_ONCE, MANY_WAITING = 50, 500
HEADER = [
    "what",
    "where",
    "seconds",
    "transitions",
    "Lambda",
    "DynamoDB",
    "state machine executions",
    "longest history",
]

_THREE: list[dict[str, Any]] = [
    {"evaluate": {"n": "$ _"}},
    {"log": "It is {_.n}"},
    {"evaluate": {"n": "$ _.n + 1"}},
]
_SMALL: Task = {"name": "Small", "main": [{"evaluate": {"n": "$ _.n + 1"}}, PROMPT, {"log": "{_}"}, PROMPT]}
_ASKS: Task = {"name": "Asks", "main": [{"evaluate": {"n": "$ _.n + 1"}}, WAIT, {"evaluate": {"go": "$ _"}}]}


@dataclass(frozen=True, slots=True)
class Sized:
    """One row.

    Attributes:
        requests: DynamoDB requests of the invocations.
    """

    seconds: float
    machines: list[Count]
    requests: int


def measure() -> Figure:
    """Run them all."""
    rows: list[list[object]] = []
    broken: list[str] = []

    def add(name: str, where: str, sized: Sized) -> None:
        most = max(count.events for count in sized.machines)
        total = sum(sized.machines, Count(0, 0, 0))
        shown = [total.transitions, total.invocations, sized.requests, len(sized.machines), most]
        rows.append([name, where, f"{sized.seconds:.1f}", *(f"{n:,}" for n in shown)])
        if most >= MAX_EVENTS:
            broken.append(f"{name}: a history of {most:,} events")

    with make_stack(SILVERCUP_SKIP_WAITS="1") as stack:
        counted = Counted(stack, whole=False)
        for name, (task, value) in _tasks_of_stack().items():
            add(name, "local stack", _timed(stack, counted, lambda task=task, value=value: [_run(stack, task, value)]))
        add(
            f"{MANY_AT_ONCE} executions side by side",
            "local stack",
            _timed(stack, counted, lambda: _side_by_side(stack)),
        )
        add(
            f"{MANY_WAITING} executions wait, then all are answered",
            "local stack",
            _timed(stack, counted, lambda: _waiting(stack)),
        )
        counted.release()
    for name, task in _tasks_of_memory().items():
        began = time.perf_counter()
        machines, requests = run_in_memory(task)
        add(name, "in memory", Sized(time.perf_counter() - began, machines, requests))
    verdict = "\n".join(f"- **{line}**" for line in broken) or f"Every history stays under {MAX_EVENTS:,} events."
    return Figure("Sizes", f"{table(HEADER, rows)}\n\n{verdict}", tuple(broken))


def _tasks_of_stack() -> dict[str, tuple[Task, Any]]:
    """What runs on a local stack, with its input where that matters."""
    small: dict[str, Task] = {
        "foreach, 10,000 items, three pure steps": _of(each(10_000, _THREE)),
        "map_reduce, 10,000 items, three pure steps": _of(over(10_000, _THREE)),
        "foreach, 2,000 items, a prompt": _of(each(2_000, PROMPT)),
        "map_reduce, 2,000 items, a prompt": _of(over(2_000, PROMPT)),
        "500 steps in one workflow": {"name": "Long", "main": line("ten pure + prompt", 46)["main"][:500]},
        "recursion, 200 deep": recursion(200),
        "a self-call, polled 500 times": poll(500),
    }
    through = [
        step
        for i in range(5)
        for step in (
            {"evaluate": {"big": "$ steps[0].input.big", "i": i}},
            {"prompt": "$ str(len(_.big))", "unwrap": True},
        )
    ]
    return {name: (task, None) for name, task in small.items()} | {
        "a value of 20 MB through ten steps": ({"name": "Big", "main": through}, {"big": "x" * BIG})
    }


def _tasks_of_memory() -> dict[str, Task]:
    return {
        "foreach, 10,000 items, a prompt": _of(each(10_000, PROMPT)),
        "map_reduce, 10,000 items, a prompt": _of(over(10_000, PROMPT)),
        "a self-call, polled 5,000 times": poll(5_000),
        "recursion, 900 deep": recursion(900),
    }


def _of(step: dict[str, Any]) -> Task:
    return {"name": "One loop", "main": [step]}


def _timed(stack: Stack, counted: Counted, work: Callable[[], Iterable[ExecutionRef]]) -> Sized:
    began = time.perf_counter()
    refs = list(work())
    seconds = time.perf_counter() - began
    machines = [count for ref in refs for count in machines_of(stack, ref)]
    return Sized(seconds, machines, sum_of(counted.total(ref.id) for ref in refs).of("dynamodb"))


def _run(stack: Stack, task: Task, value: Any) -> ExecutionRef:
    task_id, _ = prepare(stack, task)
    ref = start(stack, task_id, value)
    await_end(stack, ref, SECONDS)
    return ref


def _side_by_side(stack: Stack) -> list[ExecutionRef]:
    task_id, _ = prepare(stack, _SMALL)
    refs = [start(stack, task_id) for _ in range(MANY_AT_ONCE)]
    for ref in refs:
        await_end(stack, ref, SECONDS)
    return refs


def _waiting(stack: Stack) -> list[ExecutionRef]:
    task_id, _ = prepare(stack, _ASKS)
    refs = [start(stack, task_id) for _ in range(MANY_WAITING)]
    for ref in refs:
        until(lambda ref=ref: waits_now(stack, ref), "a wait", SECONDS)
    for ref in refs:
        stack.container.executions.resume(DEFAULT_TENANT, ref.id, {"go": True})
    for ref in refs:
        await_end(stack, ref, SECONDS)
    return refs
