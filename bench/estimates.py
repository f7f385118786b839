"""What the compiler says of a run beforehand, against what the run came to: state transitions, Lambda calls, history events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.counting import Counted
from bench.definitions import PROMPT, PURE, TOOL, TOOLS, Step, Task, each, over, poll, recursion
from bench.figure import Figure, table
from bench.runs import make_stack, run
from statemachines.report import Count, Report

BOUNDS = Count(0, 0, 2)
"""A history also says that the execution started and that it ended."""
EFFECTS = (1, 5, 20)
ITEMS = (3, 40, 400)
HEADER = ["task", "transitions", "estimate", "Lambda", "estimate", "history events", "estimate", "executions"]


@dataclass(frozen=True, slots=True)
class Case:
    """A task, and how much of what the report tells apart it runs.

    Attributes:
        effects: Of a straight line: how many effects; its budget follows.
        loops: How many items each loop has in all, and how often it is opened.
        rounds: How often a workflow goes on to itself.
        depth: How often a workflow calls itself and goes on afterwards; then the estimate is a bound.
    """

    name: str
    task: Task
    effects: int = 0
    loops: tuple[tuple[int, int], ...] = ()
    rounds: int = 0
    depth: int = 0

    def estimate(self, report: Report) -> Count:
        """What the report says of it."""
        total = Count(report.max_transitions, report.max_invocations, report.max_events) + BOUNDS
        for loop, (items, opened) in zip(report.loops, self.loops, strict=True):
            total += loop.of(items) * opened
        for one in report.rounds:
            total += one.each * self.rounds
        for one in report.children:
            total += (one.each + BOUNDS) * self.depth
        return total


def measure() -> Figure:
    """Run every case on a local stack."""
    rows: list[list[object]] = []
    broken: list[str] = []
    with make_stack(SILVERCUP_SKIP_WAITS="1") as stack:
        counted = Counted(stack, whole=False)
        for case in _cases():
            ran = run(stack, counted, case.task)
            found, told = sum(ran.machines, Count(0, 0, 0)), case.estimate(ran.compiled.report)
            rows.append(_row(case, found, told, len(ran.machines)))
            broken += _wrong(case, found, told)
        counted.release()
    verdict = "\n".join(f"- **{line}**" for line in broken) or (
        "Every straight line stays within its budget; every run comes to what the compiler's report says."
    )
    return Figure("Estimates", f"{table(HEADER, rows)}\n\n{verdict}", tuple(broken))


def _cases() -> Iterator[Case]:
    for n in EFFECTS:
        main = [*PURE[:4], PROMPT] * n
        yield Case(f"straight line, {n} effects", {"name": "Line", "main": [*main, {"log": "end"}]}, effects=n)
        tools = [*PURE[:4], TOOL] * n
        yield Case(
            f"straight line, {n} tools",
            {"name": "Line", "tools": [*TOOLS], "main": [*tools, {"log": "end"}]},
            effects=n,
        )
    for n in ITEMS:
        yield Case(f"foreach, {n} items, a prompt", {"name": "Loop", "main": [each(n, PROMPT)]}, loops=((n, 1),))
        yield Case(f"map_reduce, {n} items, a prompt", {"name": "Map", "main": [over(n, PROMPT)]}, loops=((n, 1),))
    inner = [over(41, PROMPT), PROMPT]
    yield Case("3 times 41 items, one loop in another", _main(each(3, inner)), loops=((3, 1), (41, 3)))
    yield Case("parallel: 1, 2 and no prompts", _main({"parallel": [PROMPT, [PROMPT, PROMPT], PURE[0]]}))
    choice = {"if": "$ steps[0].input.n > 0", "then": [PROMPT, PROMPT], "else": PROMPT}
    yield Case("if, the longer way", _main(choice))
    for n in (0, 1, 20):
        yield Case(f"a tail call, {n} times round", poll(n), rounds=n)
    yield Case("recursion, 20 deep (at most)", recursion(20), depth=20)


def _main(step: Step) -> Task:
    return {"name": "One step", "main": [step]}


def _row(case: Case, found: Count, told: Count, executions: int) -> list[object]:
    pairs = zip(_figures(found), _figures(told), strict=True)
    return [case.name, *(n for pair in pairs for n in pair), executions]


def _figures(count: Count) -> tuple[int, int, int]:
    return count.transitions, count.invocations, count.events


def _wrong(case: Case, found: Count, told: Count) -> Iterator[str]:
    if case.depth:
        if any(n > most for n, most in zip(_figures(found), _figures(told), strict=True)):
            yield f"{case.name}: {found}, at most {told} was estimated"
    elif found != told:
        yield f"{case.name}: {found}, {told} was estimated"
    if case.effects and (found.transitions > case.effects + 3 or found.invocations > case.effects + 1):
        yield f"{case.name}: {found} is over the budget of n + 3 transitions and n + 1 calls"
