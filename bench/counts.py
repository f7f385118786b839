"""What a step costs, counted: requests, items, units, Lambda calls; the same early in a run and late."""

from __future__ import annotations

from collections.abc import Iterator

from bench.counting import Cost, Counted
from bench.definitions import BEGIN, LINES, SECRET
from bench.figure import Figure, table
from bench.runs import Ran, make_secret, make_stack, run_line

EARLY = 5
PASSES = dict.fromkeys(LINES, 46) | {"prompt": 501}
"""How many passes each line has: some 500 steps. The last but one is compared with the fifth."""
ANSWERS_FROM = 10
"""An answer shows the newest of the last eight records: before there are eight, it reads fewer."""
BUDGETS = {kind: 4 if kind.endswith(("prompt", "tool", "secret", "wait")) else 3 for kind in LINES if "if" not in kind}
"""DynamoDB requests of a block."""
HEADER = [
    "what",
    "budget",
    "DynamoDB",
    "of them",
    "items read",
    "written",
    "read units",
    "write units",
    "S3",
    "SFN",
    "Lambda",
]


def measure() -> Figure:
    """Run each line once, and compare an early pass with a late one, and the same line when it is short."""
    rows: list[list[object]] = []
    once: list[list[object]] = []
    broken: list[str] = []
    with make_stack() as stack:
        make_secret(stack, SECRET)
        counted = Counted(stack)
        run_line(stack, counted, "ten pure + prompt", 2)
        for kind, passes in PASSES.items():
            short, long = run_line(stack, counted, kind, EARLY), run_line(stack, counted, kind, passes)
            found = long.passes(kind)
            rows += _rows(kind, long)
            if kind == "ten pure + prompt":
                first = long.costs[f"{long.execution_id}/main/b0"]
                once += [_row("to start it (POST)", long.start), _row("its first block, whole", first)]
                once.append(_row("its last pass, whole", found[-1]))
            broken += _differences(kind, short, long)
        counted.release()
    verdict = "\n".join(f"- **{line}**" for line in broken) or "Early and late passes cost the same, of every kind."
    text = f"""\
One pass of a line, warm; Lambda calls on an average of all passes, as up to twenty blocks share one. Ten steps that are pure stand before each effect.

{table(HEADER, rows)}

{verdict}

Beyond that, a run costs once:

{table(HEADER, once)}"""
    return Figure("What a step costs", text, tuple(broken))


def _rows(kind: str, long: Ran) -> Iterator[list[object]]:
    passes = long.passes(kind)[EARLY - 1 : -1]
    calls = sum(found.calls for found in passes) / len(passes)
    yield [*_row(kind, passes[-1], BUDGETS.get(kind))[:-1], f"{calls:.2g}"]
    if long.answers:
        yield _row("the answer to it (PUT)", long.answers[-2])


def _row(name: str, cost: Cost, budget: int | None = None) -> list[object]:
    ours = sorted(
        (n, name.removeprefix("dynamodb:")) for name, n in cost.requests.items() if name.startswith("dynamodb:")
    )
    listed = ", ".join(f"{n} {request}" for n, request in ours)
    counts = [cost.of("dynamodb"), listed, cost.read, cost.written, cost.read_units, cost.write_units]
    return [name, budget or "", *counts, cost.of("s3"), cost.of("states"), cost.calls]


def _differences(kind: str, short: Ran, long: Ran) -> Iterator[str]:
    few, many = short.passes(kind), long.passes(kind)
    step = len(BEGIN) + (len(many) - 1) * len(LINES[kind])
    pairs = {
        f"pass {EARLY} and pass {len(many) - 1} (step {step})": (many[EARLY - 1], many[-2]),
        f"the last of {EARLY} passes and of {len(many)}": (few[-1], many[-1]),
    }
    if long.answers:
        pairs["answers early and late"] = (long.answers[ANSWERS_FROM], long.answers[-2])
    for name, (one, other) in pairs.items():
        if not one.same_as(other):
            yield f"{kind}: {name} differ: {one.figures()} and {other.figures()}"
    requests, budget = many[-2].of("dynamodb"), BUDGETS.get(kind)
    if budget is not None and requests > budget:
        yield f"{kind}: {requests} DynamoDB requests, the budget is {budget}"
