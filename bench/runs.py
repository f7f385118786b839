"""Running a straight line of steps on a local stack, and finding out what each step cost."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.counting import Cost, Counted
from bench.definitions import INPUT, line
from local.stack import Stack
from silvercup.executions.execution import is_final, open_waits
from silvercup.executions.keys import ExecutionRef
from silvercup.ids import uuid7
from silvercup.settings import DEFAULT_TENANT
from statemachines import Compiled, Context, Source, compile_task

SECONDS = 120.0
STACK: dict[str, Any] = {"env": {"SILVERCUP_MODEL": "offline"}, "sweep_seconds": 3600.0}
"""How the stack of a figure is made; nothing is swept while it counts."""


class Stuck(Exception):
    """An execution did not end as it should."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One execution of a straight line.

    Attributes:
        execution_id: It.
        compiled: Its task.
        start: What the POST cost.
        steps: What each step cost: all its invocations together, and the answer to its wait.
        answers: Of these, the answer to the wait.
        events: History events of the state machine.
        entered: States that were entered.
    """

    execution_id: str
    compiled: Compiled
    start: Cost
    steps: tuple[Cost, ...]
    answers: tuple[Cost, ...]
    events: int
    entered: int


def make_task(stack: Stack, definition: dict[str, Any]) -> str:
    """Make a task (and its agent); its id."""
    agent_id, task_id = uuid7(), uuid7()
    stack.container.agents.create(DEFAULT_TENANT, {"name": "Bench"}, agent_id=agent_id)
    stack.container.tasks.create(DEFAULT_TENANT, agent_id, Source(definition), task_id=task_id)
    return task_id


def make_machine(stack: Stack, compiled: Compiled) -> str:
    """Make a task's state machine before it is needed; its ARN. moto takes a minute for a thousand states, our client waits 10 s."""
    settings = stack.container.settings
    definition = compiled.definition.replace("${StepsFunction}", settings.steps_arn)
    machine = stack.aws.client("stepfunctions").create_state_machine(
        name=f"{settings.machine_prefix}-{compiled.digest}",
        definition=definition.replace("${PromptsFunction}", settings.prompts_arn),
        roleArn=settings.machine_role_arn,
        type="STANDARD",
    )
    return str(machine["stateMachineArn"])


def run_line(stack: Stack, counted: Counted, kind: str, steps: int) -> Ran:
    """Run a task of steps of one kind to its end."""
    definition = line(kind, steps)
    compiled = compile_task(Source(definition), Context())
    task_id, ref = make_task(stack, definition), ExecutionRef(DEFAULT_TENANT, uuid7())
    make_machine(stack, compiled)
    with _held(counted), counted.under(f"{ref.id}/POST") as start:
        stack.container.executions.create(DEFAULT_TENANT, task_id, input=INPUT, metadata=None, execution_id=ref.id)
    answers = [_answer(stack, counted, ref, i) for i in range(steps)] if kind == "wait_for_input" else []
    arn = _await_end(stack, ref)
    history = stack.container.clients.get("stepfunctions").get_execution_history(executionArn=arn)["events"]
    costs = [Cost() for _ in range(steps)]
    for block in compiled.program.blocks.values():
        costs[_step_of(block.loc)] += counted.costs.get(f"{ref.id}/{block.id}", Cost())
    for i, answer in enumerate(answers):
        costs[i] += answer
    entered = sum(event["type"].endswith("StateEntered") for event in history)
    return Ran(ref.id, compiled, start, tuple(costs), tuple(answers), len(history), entered)


@contextmanager
def _held(counted: Counted) -> Generator[None]:
    """No invocation begins meanwhile: what overtakes what is then always the same."""
    with counted.gate:
        yield


def _answer(stack: Stack, counted: Counted, ref: ExecutionRef, i: int) -> Cost:
    _until(lambda: _waits(stack, ref), f"wait {i}")
    with _held(counted), counted.under(f"{ref.id}/answer {i}") as cost:
        stack.container.executions.resume(DEFAULT_TENANT, ref.id, {"go": i})
    return cost


def _waits(stack: Stack, ref: ExecutionRef) -> bool:
    item = stack.container.store.item(ref)
    if is_final(item):
        raise Stuck(f"the execution {item['status']} while its waits were being answered")
    keys = open_waits(item)
    return bool(keys) and stack.container.store.record(ref, keys[0]) is not None


def _await_end(stack: Stack, ref: ExecutionRef) -> str:
    item = stack.container.store.item(ref)
    arn = stack.container.launcher.run_of(item).arn
    _until(lambda: stack.container.machines.status(arn) != "RUNNING", "the end")
    item = stack.container.store.item(ref)
    if item["status"] != "succeeded":
        raise Stuck(
            f"the execution is {item['status']}: {stack.container.executions.get(ref.tenant, ref.id)['output']}"
        )
    return arn


def _until(there: Any, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not there():
        if time.monotonic() > deadline:
            raise Stuck(f"{what} did not come within {SECONDS:.0f} s")
        time.sleep(0.01)


def _step_of(loc: str) -> int:
    match = re.match(r"main\[(\d+)\]", loc)
    assert match is not None
    return int(match[1])
