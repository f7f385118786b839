"""What a task of twenty steps with five effects costs here, and as an AWS Lambda durable function: counted operations times list prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.counting import Counted
from bench.definitions import TWENTY
from bench.figure import Figure, table
from bench.runs import make_stack, run
from local.template import load
from silvercup import values
from silvercup.paging import ListQuery
from silvercup.settings import DEFAULT_TENANT

MODEL_SECONDS = 2.0
"""Assumed: how long a model takes to answer. A function waits for it, here and there."""
BLOCK_SECONDS = 0.06
"""Assumed: what a block of ours takes besides: three or four requests to DynamoDB."""
START_SECONDS, CHECKPOINT_SECONDS = 0.05, 0.01
"""Assumed: what a durable function takes besides: once, and for each operation that it writes down."""
GB = 1_000_000_000
MILLION = 1_000_000
STEPS, EFFECTS = 20, 5

PRICES: Mapping[str, tuple[str, float]] = {
    "state transitions": ("$0.025 per 1,000", 0.025 / 1_000),
    "durable operations": ("$8 per million", 8 / MILLION),
    "durable data written, bytes": ("$0.25 per GB", 0.25 / GB),
    "Lambda requests": ("$0.20 per million", 0.20 / MILLION),
    "Lambda GB-s, own work": ("$0.0000133334 (arm64)", 0.0000133334),
    "DynamoDB write units": ("$0.625 per million", 0.625 / MILLION),
    "DynamoDB read units": ("$0.125 per million", 0.125 / MILLION),
    "S3 PUT": ("$5 per million", 5 / MILLION),
    "S3 GET": ("$0.40 per million", 0.40 / MILLION),
    "Lambda GB-s, waiting for the model": ("$0.0000133334 (arm64)", 0.0000133334),
}
"""List prices in us-east-1, without free tiers, as published; see README.md for where."""
WAITING = "Lambda GB-s, waiting for the model"


@dataclass(frozen=True, slots=True)
class Side:
    """One way to run it: how many of each thing one run takes."""

    name: str
    counts: Mapping[str, float]

    def dollars(self, what: str) -> float:
        """What one thing costs in a million runs."""
        return self.counts.get(what, 0) * PRICES[what][1] * MILLION

    def total(self) -> float:
        """Everything but waiting for models, in a million runs."""
        return sum(self.dollars(what) for what in PRICES if what != WAITING)


def measure() -> Figure:
    """Count a run of ours, and set the same steps beside it."""
    memory = load().functions["PromptsFunction"].memory / 1024
    waiting = EFFECTS * MODEL_SECONDS * memory
    with make_stack() as stack:
        counted = Counted(stack)
        run(stack, counted, TWENTY)
        ran = run(stack, counted, TWENTY)
        counted.release()
        listed = stack.container.executions.transitions(
            DEFAULT_TENANT, ran.execution_id, ListQuery(direction="asc", limit=100, cursor=None)
        )
    written = sum(len(values.dumps(shown["output"]).encode()) for shown in listed.items)
    machine, cost, posted, blocks = ran.machines[0], ran.total, ran.start, len(ran.costs)
    ours = Side(
        "ours",
        {
            "state transitions": machine.transitions,
            "Lambda requests": machine.invocations,
            "Lambda GB-s, own work": blocks * BLOCK_SECONDS * memory,
            "DynamoDB write units": cost.write_units + posted.write_units,
            "DynamoDB read units": cost.read_units + posted.read_units,
            "S3 PUT": cost.requests["s3:PutObject"],
            "S3 GET": 0,
            WAITING: waiting,
        },
    )
    records = {"DynamoDB write units": 2 * posted.write_units, "DynamoDB read units": posted.read_units}
    sides = [
        ours,
        _durable("durable, a step each", STEPS, written, memory, {}),
        _durable("and its records", STEPS, written, memory, records),
        _durable("durable, effects only", EFFECTS, written, memory, {}),
    ]
    return Figure("The price of twenty steps", _text(sides))


def _durable(name: str, operations: int, written: int, memory: float, records: Mapping[str, float]) -> Side:
    own = (START_SECONDS + operations * CHECKPOINT_SECONDS) * memory
    counts: dict[str, float] = {
        "durable operations": operations,
        "durable data written, bytes": written * operations / STEPS,
        "Lambda requests": 1,
        "Lambda GB-s, own work": own,
        WAITING: EFFECTS * MODEL_SECONDS * memory,
        **records,
    }
    return Side(name, counts)


def _text(sides: list[Side]) -> str:
    rows: list[list[object]] = []
    for what, (price, _) in PRICES.items():
        rows.append(
            [
                what,
                price,
                *(cell for side in sides for cell in (f"{side.counts.get(what, 0):g}", f"{side.dollars(what):.2f}")),
            ]
        )
    totals = [cell for side in sides for cell in ("", f"**{side.total():.2f}**")]
    rows.insert(-1, ["**together, without waiting for models**", "", *totals])
    header = ["one run", "price", *(cell for side in sides for cell in (side.name, "$ a million runs"))]
    ours, *others = sides
    lines = [f"- ours is {ours.total() / one.total():.2f} times *{one.name}*: {_verdict(ours, one)}" for one in others]
    return f"{table(header, rows)}\n\n" + "\n".join(lines)


def _verdict(ours: Side, other: Side) -> str:
    return "below it" if ours.total() < other.total() else "OVER it"
