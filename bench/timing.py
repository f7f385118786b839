"""Wall time of a step on the local stack, beside an empty state's, and beside handlers that only send the same DynamoDB requests.

All three run the same state machine: only what stands behind the function's name is another. Times are from the start of the
machine's execution to its end, as moto notes them, so that what the stack's own interpreter takes is in all of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.counting import FUNCTIONS, Counted
from bench.figure import Figure, against, table
from bench.runs import STACK, Ran, run_line
from local import moto_state
from local.stack import Stack
from silvercup.adapters.aws import Clients
from silvercup.ids import uuid7

STEPS = 100
ROUNDS = 3
KINDS = ("evaluate", "prompt")
BUDGET = 1.3
"""A step against handlers that make the same DynamoDB requests and nothing else."""

type Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An execution as it was counted, to be replayed by other handlers.

    Attributes:
        machine_arn: Its state machine.
        execution_id: Stands in every text below; a replay puts another one in its place.
        pointer: The state machine's input.
        start: DynamoDB requests of the POST.
        blocks: Of each block: its DynamoDB requests, and its answer.
    """

    machine_arn: str
    execution_id: str
    pointer: str
    start: str
    blocks: str


def measure() -> Figure:
    """Run lines of effects with the real handlers, with bare ones and with empty ones, in turn."""
    rows: list[list[object]] = []
    verdicts: list[str] = []
    with Stack(**STACK) as stack:
        for kind in KINDS:
            real, bare, empty = _line(stack, kind)
            rows.append([kind, f"{real:.1f}", f"{bare:.1f}", f"{empty:.1f}", f"{real / bare:.2f}"])
            verdicts.append(f"{kind}: {real / bare:.2f}, {against(real / bare, BUDGET)}")
    header = ["kind", "ms a step", "same requests only", "empty state", "ratio"]
    shown = "\n".join(f"- {line}" for line in verdicts)
    return Figure("Time of a step on the local stack", f"{table(header, rows)}\n\n{shown}")


def _line(stack: Stack, kind: str) -> tuple[float, float, float]:
    """Milliseconds a step: real, bare, empty; the best of the rounds of each."""
    counted = Counted(stack)
    recorded = _record(stack, counted, run_line(stack, counted, kind, STEPS))
    counted.release()
    real = {name: stack.aws.invoker.load(name) for name in FUNCTIONS.values()}
    times: dict[str, list[float]] = {"real": [], "bare": [], "empty": []}
    for _ in range(ROUNDS):
        for how, seconds in times.items():
            execution_id = uuid7()
            handlers = {"bare": _bare(stack, recorded, execution_id), "empty": _empty}
            for name in FUNCTIONS.values():
                stack.aws.invoker.replace(name, handlers.get(how, real[name]))
            _send_all(stack, _requests(recorded.start, recorded, execution_id))
            seconds.append(_run(stack, recorded, execution_id))
    for name in FUNCTIONS.values():
        stack.aws.invoker.replace(name, real[name])
    best = {how: min(seconds) * 1000 / STEPS for how, seconds in times.items()}
    return best["real"], best["bare"], best["empty"]


def _record(stack: Stack, counted: Counted, ran: Ran) -> Recorded:
    blocks: dict[str, Any] = {}
    for block in ran.compiled.program.blocks:
        label = f"{ran.execution_id}/{block}"
        blocks[block] = [counted.costs[label].sent, counted.events[label][1]]
    pointer = counted.events[f"{ran.execution_id}/b0"][0]["run"]
    item = {"digest": ran.compiled.digest, "id": ran.execution_id, "replays": 0}
    return Recorded(
        machine_arn=stack.container.launcher.run_of(item).machine_arn,
        execution_id=ran.execution_id,
        pointer=json.dumps(pointer),
        start=json.dumps([request for request in ran.start.sent if request[0] == "PutItem"]),
        blocks=json.dumps(blocks),
    )


def _requests(text: str, recorded: Recorded, execution_id: str) -> Any:
    return json.loads(text.replace(recorded.execution_id, execution_id))


def _bare(stack: Stack, recorded: Recorded, execution_id: str) -> Handler:
    settings = stack.container.settings
    client: Any = Clients(region=settings.region, endpoint_url=settings.endpoint_url).get("dynamodb")
    blocks = _requests(recorded.blocks, recorded, execution_id)
    calls = {"BatchGetItem": client.batch_get_item, "PutItem": client.put_item, "GetItem": client.get_item}
    calls["UpdateItem"] = client.update_item

    def handler(event: Any, _: Any) -> Any:
        requests, answer = blocks[event["block"]]
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
    return {"prev": "block:main/b0", "go": 0, "left": 1}


def _run(stack: Stack, recorded: Recorded, execution_id: str) -> float:
    """Seconds from the start to the end of one execution of the machine."""
    pointer = _requests(recorded.pointer, recorded, execution_id)
    arn = stack.container.machines.start(recorded.machine_arn, execution_id, pointer)
    while True:
        time.sleep(0.05)
        found = next(one for one in moto_state.executions() if one.arn == arn)
        if found.stopped is not None:
            if found.status != "SUCCEEDED":
                raise RuntimeError(f"a benchmark's execution is {found.status}: {found.error} {found.cause}")
            return found.stopped - found.started
