"""Wall time of a block on the local stack, beside an empty state's, and beside handlers that only send the same DynamoDB requests.

All three run the same state machine: only what stands behind the function's name is another. Times are from the beginning of the
first invocation to the end of the last, so that what the stack's own interpreter takes for a step is in all of them, and what it
takes to read the definition is not. The stack is one process, so its processor time is the whole work of a run; the ratio is of
that, which other programs disturb less.
"""

from __future__ import annotations

import base64
import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.counting import FUNCTIONS, Counted, blocks_of
from bench.figure import Figure, against, table
from bench.runs import Ran, make_stack, run_line
from local import moto_state
from local.stack import Stack
from silvercup.adapters.aws import Clients
from silvercup.ids import uuid7

PASSES = 100
ROUNDS = 5
KINDS = ("ten pure", "prompt", "ten pure + prompt")
BUDGET = 1.3
"""A block against handlers that make the same DynamoDB requests and nothing else."""

type Handler = Callable[[Any, Any], Any]


class _Clock:
    """Takes the time from the beginning of the first invocation to the end of the last."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def around(self, handler: Handler) -> Handler:
        def timed(event: Any, context: Any) -> Any:
            self._first = self._first or (time.perf_counter(), time.process_time())
            answer = handler(event, context)
            self._last = (time.perf_counter(), time.process_time())
            return answer

        return timed

    def time(self) -> Time:
        assert self._first is not None
        wall, processor = (last - first for first, last in zip(self._first, self._last, strict=True))
        return Time(wall * 1000 / PASSES, processor * 1000 / PASSES)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An execution as it was counted, to be replayed by other handlers.

    Attributes:
        machine_arn: Its state machine.
        execution_id: Stands in every text below; a replay puts another one in its place.
        pointer: The state machine's input.
        start: DynamoDB requests of the POST.
        blocks: Of each block: its DynamoDB requests, and the answer of the row that it ends.
    """

    machine_arn: str
    execution_id: str
    pointer: str
    start: str
    blocks: str


@dataclass(frozen=True, slots=True)
class Time:
    """Milliseconds a block."""

    wall: float
    processor: float


def measure() -> Figure:
    """Run lines with the real handlers, with bare ones and with empty ones, in turn."""
    rows: list[list[object]] = []
    verdicts: list[str] = []
    with make_stack() as stack:
        for kind in KINDS:
            real, bare, empty = _line(stack, kind)
            ratio = real.processor / bare.processor
            rows.append(
                [kind, *(f"{time.wall:.1f} ({time.processor:.1f})" for time in (real, bare, empty)), f"{ratio:.2f}"]
            )
            verdicts.append(f"{kind}: {ratio:.2f}, {against(ratio, BUDGET)}")
    header = ["kind", "ms a block (processor time)", "same requests only", "empty state", "ratio"]
    shown = "\n".join(f"- {line}" for line in verdicts)
    return Figure("Time of a block on the local stack", f"{table(header, rows)}\n\n{shown}")


def _line(stack: Stack, kind: str) -> tuple[Time, Time, Time]:
    """Milliseconds a block: real, bare, empty; the best of the rounds of each."""
    counted = Counted(stack)
    recorded = _record(stack, counted, run_line(stack, counted, kind, PASSES))
    counted.release()
    real = {name: stack.aws.invoker.load(name) for name in FUNCTIONS.values()}
    times: dict[str, list[Time]] = {"real": [], "bare": [], "empty": []}
    for _ in range(ROUNDS):
        for how, found in times.items():
            execution_id = uuid7()
            handlers = {"bare": _bare(stack, recorded, execution_id), "empty": _empty}
            clock = _Clock()
            for name in FUNCTIONS.values():
                stack.aws.invoker.replace(name, clock.around(handlers.get(how, real[name])))
            _send_all(stack, _requests(recorded.start, recorded, execution_id))
            _run(stack, recorded, execution_id)
            found.append(clock.time())
    for name in FUNCTIONS.values():
        stack.aws.invoker.replace(name, real[name])
    best = {how: _best(found) for how, found in times.items()}
    return best["real"], best["bare"], best["empty"]


def _record(stack: Stack, counted: Counted, ran: Ran) -> Recorded:
    blocks: dict[str, Any] = {}
    for label, cost in ran.costs.items():
        _, answer = counted.events.get(label, (None, None))
        blocks[label.rpartition("/")[2]] = [cost.sent, answer]
    pointer = counted.events[f"{ran.execution_id}/main/b0"][0]["run"]
    item = {"digest": ran.compiled.digest, "id": ran.execution_id, "replays": 0}
    return Recorded(
        machine_arn=stack.container.launcher.run_of(item).machine_arn,
        execution_id=ran.execution_id,
        pointer=kept(pointer),
        start=kept([request for request in ran.start.sent if request[0] == "PutItem"]),
        blocks=kept(blocks),
    )


def kept(value: Any) -> str:
    """Requests, answers or a pointer as a text in which an execution's id can be replaced."""
    return json.dumps(value, default=lambda data: {"base64": base64.b64encode(data).decode()})


def replayed(text: str, execution_id: str, other: str) -> Any:
    """The value of a text of ``kept``, for another execution."""

    def made(found: dict[str, Any]) -> Any:
        return base64.b64decode(found["base64"]) if found.keys() == {"base64"} else found

    return json.loads(text.replace(execution_id, other), object_hook=made)


def _requests(text: str, recorded: Recorded, execution_id: str) -> Any:
    return replayed(text, recorded.execution_id, execution_id)


def _bare(stack: Stack, recorded: Recorded, execution_id: str) -> Handler:
    settings = stack.container.settings
    client: Any = Clients(region=settings.region, endpoint_url=settings.endpoint_url).get("dynamodb")
    blocks = _requests(recorded.blocks, recorded, execution_id)
    calls = {"BatchGetItem": client.batch_get_item, "PutItem": client.put_item, "GetItem": client.get_item}
    calls["UpdateItem"] = client.update_item

    def handler(event: Any, _: Any) -> Any:
        answer: Any = None
        for name in blocks_of(event):
            requests, answer = blocks[name]
            for operation, params in requests:
                calls[operation](**params)
        return answer

    return handler


def _send_all(stack: Stack, requests: list[tuple[str, Any]]) -> None:
    """Send the POST's puts, which the records of a run build on."""
    client: Any = stack.container.clients.get("dynamodb")
    for _, params in requests:
        client.put_item(**params)


def _empty(_event: Any, _context: Any) -> Any:
    return {"prev": "block:main/b0", "go": -1, "left": 1}


def _best(times: list[Time]) -> Time:
    return Time(min(time.wall for time in times), min(time.processor for time in times))


def _run(stack: Stack, recorded: Recorded, execution_id: str) -> None:
    """One execution of the machine, to its end."""
    pointer = _requests(recorded.pointer, recorded, execution_id)
    gc.collect()
    arn = stack.container.machines.start(recorded.machine_arn, execution_id, pointer)
    while True:
        time.sleep(0.05)
        found = next(one for one in moto_state.executions() if one.arn == arn)
        if found.status == "SUCCEEDED":
            return
        if found.status != "RUNNING":
            raise RuntimeError(f"a benchmark's execution is {found.status}: {found.error} {found.cause}")
