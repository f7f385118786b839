"""What a step costs, counted: requests, items, units, Lambda calls, state transitions; the same at step 5 and at step 200."""

from __future__ import annotations

from collections.abc import Iterator

from bench.counting import Cost, Counted
from bench.definitions import STEPS
from bench.figure import Figure, table
from bench.runs import STACK, Ran, run_line
from local.stack import Stack

SHORT, LONG = 5, 200
HEADER = [
    "kind",
    "DynamoDB",
    "of them",
    "items read",
    "written",
    "read units",
    "write units",
    "S3",
    "Step Functions",
    "Lambda",
]
SHOWN = {"dynamodb": "", "s3": "S3 ", "states": "SFN "}


def measure() -> Figure:
    """Run lines of 5 and of 200 steps of each kind."""
    steps: list[list[object]] = []
    once: list[list[object]] = []
    machines: list[list[object]] = []
    broken: list[str] = []
    with Stack(**STACK) as stack:
        counted = Counted(stack)
        run_line(stack, counted, "prompt", 2)
        for kind in STEPS:
            short, long = run_line(stack, counted, kind, SHORT), run_line(stack, counted, kind, LONG)
            steps.append(_row(kind, long.steps[SHORT - 1]))
            once += _once(kind, long)
            machines.append(_machine(kind, short, long))
            broken += _differences(kind, short, long)
        counted.release()
    verdict = (
        "\n".join(f"- **{line}**" for line in broken) or f"Step {LONG} costs what step {SHORT} costs, of every kind."
    )
    text = f"""\
One step in the middle of a run, warm: all its invocations, and for a wait the request that answers it.

{table(HEADER, steps)}

{verdict}

Beyond that, a run costs once:

{table(["what", *HEADER[1:]], once)}

The state machine ({LONG} steps; per step: the difference to the run of {SHORT} steps):

{table(["kind", "transitions", "history events", "transitions of the run", "the compiler's estimate"], machines)}"""
    return Figure("What a step costs", text, tuple(broken))


def _row(name: str, cost: Cost) -> list[object]:
    ours = sorted(
        (n, request.removeprefix("dynamodb:"))
        for request, n in cost.requests.items()
        if request.startswith("dynamodb:")
    )
    listed = ", ".join(f"{n} {request}" for n, request in ours)
    return [
        name,
        cost.of("dynamodb"),
        listed,
        cost.read,
        cost.written,
        cost.read_units,
        cost.write_units,
        cost.of("s3"),
        cost.of("states"),
        cost.calls,
    ]


def _once(kind: str, long: Ran) -> Iterator[list[object]]:
    if kind == "evaluate":
        yield _row("to start it (POST)", long.start)
        yield _row("its first step, whole", long.steps[0])
        yield _row("its last step, whole", long.steps[-1])


def _machine(kind: str, short: Ran, long: Ran) -> list[object]:
    between = LONG - SHORT
    return [
        kind,
        f"{(long.entered - short.entered) / between:g}",
        f"{(long.events - short.events) / between:g}",
        long.entered + 1,
        long.compiled.report.max_transitions,
    ]


def _differences(kind: str, short: Ran, long: Ran) -> Iterator[str]:
    pairs = {
        f"step {SHORT} and step {LONG - 1} of {LONG}": (long.steps[SHORT - 1], long.steps[-2]),
        f"step {SHORT} of {SHORT} and step {LONG} of {LONG}": (short.steps[-1], long.steps[-1]),
    }
    for name, (one, other) in pairs.items():
        if not one.same_as(other):
            yield f"{kind}: {name} differ: {one.figures()} and {other.figures()}"
    if long.entered + 1 != long.compiled.report.max_transitions:
        yield f"{kind}: {long.entered + 1} transitions, estimated {long.compiled.report.max_transitions}"
    if long.events != long.compiled.report.max_events + 2:
        yield f"{kind}: {long.events} history events, estimated {long.compiled.report.max_events}"
