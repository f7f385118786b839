"""A hundred calls of a tool that takes 50 ms: one after the other, side by side in a map, and all at once by a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.chat import FITTING
from bench.chat_world import AGENT, World
from bench.counting import Counted
from bench.definitions import PROMPT, Step, Task, each, over
from bench.figure import table
from bench.loopback import Loopback, Seen
from bench.runs import await_end, machines_of, prepare, start
from bench.tool_costs import fetch
from silvercup.executions.keys import ExecutionRef
from statemachines.report import Count
from tests.support.provider_wire import Reply

CALLS = 100
MILLISECONDS, LONG = 50, 1000
AT_ONCE = 8
"""Of the calls of one answer of a model, so many run at once (``runtime/talk.py``, ``chat/rounds.py``)."""
SIDE_BY_SIDE = (10, 40, 100)
HEADER = [
    *("what", "seconds", "against `foreach`", "open at once", "arrived", "Lambda", "transitions"),
    *("DynamoDB", "executions"),
]

type Work = Callable[[], ExecutionRef | None]


@dataclass(frozen=True, slots=True)
class Case:
    """A way to make the calls.

    Attributes:
        most: How many may be open at once.
        work: Makes them; gives the execution that did, if one did.
        after: Milliseconds that each takes.
    """

    name: str
    most: int
    work: Work
    after: int = MILLISECONDS


def crowds(here: World, server: Loopback) -> tuple[str, list[str]]:
    """A table of the ways; what must hold and does not."""
    rows: list[list[object]] = []
    broken: list[str] = []
    first = 0.0
    counted = Counted(here.stack, whole=False)
    for case in _cases(here, server):
        server.seen()
        began = time.perf_counter()
        with counted.everywhere() as other:
            ref = case.work()
        seconds = time.perf_counter() - began
        first = first or seconds
        seen = server.seen()
        requests = (counted.total(ref.id) if ref else other).of("dynamodb")
        machines = [*machines_of(here.stack, ref)] if ref else []
        driven = sum(machines, Count(0, 0, 0))
        against = f"{seconds / first:.2f}" if case.after == MILLISECONDS else ""
        shown = [f"{seconds:.1f}", against, seen.most, len(seen.paths)]
        rows.append([case.name, *shown, driven.invocations, driven.transitions, requests, len(machines)])
        broken += _wrong(case, seen)
    counted.release()
    text = f"""\
{CALLS} calls of {MILLISECONDS} ms each, {CALLS * MILLISECONDS / 1000:.0f} s of waiting:

{table(HEADER, rows)}"""
    return text, broken


def _wrong(case: Case, seen: Seen) -> Iterator[str]:
    wrong = seen.wrong([f"/after/{case.after}/{n}" for n in range(CALLS)])
    if wrong is not None:
        yield f"{case.name}: {wrong}"
    if seen.most > case.most:
        yield f"{case.name}: {seen.most} calls open at once, at most {case.most} expected"


def _cases(here: World, server: Loopback) -> Iterator[Case]:
    tool, long = fetch(server, "slow", MILLISECONDS), fetch(server, "slow", LONG)
    step: Step = {"tool": "slow", "arguments": {"n": "$ str(_)"}}
    yield Case("`foreach`, one after the other", 1, _run(here, tool, each(CALLS, step)))
    for n in SIDE_BY_SIDE:
        yield Case(f"`map`, parallelism {n}", n, _run(here, tool, over(CALLS, step, n)))
    name = f"`map`, parallelism 100, calls of {LONG} ms"
    yield Case(name, 100, _run(here, long, over(CALLS, step, 100)), after=LONG)
    _run(here, tool, PROMPT)()
    prompt: Step = {"prompt": "Use the tool", "auto_run_tools": True, "unwrap": True}
    yield Case("a prompt whose model calls all at once", AT_ONCE, _asking(here, _run(here, tool, prompt)))
    yield Case("a chat whose model calls all at once", AT_ONCE, _asking(here, _chat(here, tool)))


def _run(here: World, tool: dict[str, Any], step: Step) -> Work:
    task: Task = {"name": "A hundred", "tools": [tool], "main": [step]}
    task_id, _ = prepare(here.stack, task)

    def work() -> ExecutionRef:
        ref = start(here.stack, task_id)
        await_end(here.stack, ref)
        return ref

    return work


def _chat(here: World, tool: dict[str, Any]) -> Work:
    agent = here.call("POST", "/agents", AGENT)["id"]
    here.call("POST", f"/agents/{agent}/tools", tool)
    session = here.session(2, agent=agent, auto_run_tools=True, **FITTING)

    def work() -> None:
        here.chat(session)

    return work


def _asking(here: World, work: Work) -> Work:
    """The same with a model that calls the tool with every number, and then has nothing more to ask."""

    def asking() -> ExecutionRef | None:
        here.provider.script(Reply(tools=[("slow", {"n": str(n)}) for n in range(CALLS)]))
        return work()

    return asking
