"""Running tasks on a local stack, and finding out what each block of them cost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.counting import Cost, Counted, sum_of
from bench.definitions import BEGIN, INPUT, LINES, Task, line
from local import moto_state
from local.stack import Stack
from silvercup.executions.execution import is_final, open_waits
from silvercup.executions.keys import ExecutionRef
from silvercup.ids import uuid7
from silvercup.resources.idempotency import Claim
from silvercup.settings import DEFAULT_TENANT
from statemachines import Compiled, Context, Source, compile_task
from statemachines.report import Count

SECONDS = 120.0


class Stuck(Exception):
    """An execution did not end as it should."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One execution, at its end.

    Attributes:
        execution_id: It.
        compiled: Its task.
        start: What the POST cost.
        costs: What its invocations cost, by their labels.
        answers: What the answers to its waits cost.
        machines: Transitions, Lambda calls and history events of each execution of its state machine: its own first, then its
            children's.
    """

    execution_id: str
    compiled: Compiled
    start: Cost
    costs: dict[str, Cost]
    answers: tuple[Cost, ...]
    machines: tuple[Count, ...]

    @property
    def total(self) -> Cost:
        """What all its invocations cost."""
        return sum_of(self.costs.values())

    def passes(self, kind: str) -> list[Cost]:
        """What each pass of a line cost: all its blocks together, without what the run begins with."""
        steps = len(LINES[kind])
        blocks = self.compiled.program.blocks
        found = [Cost() for _ in range((len(self.compiled.task.workflows["main"]) - len(BEGIN)) // steps)]
        for label, cost in self.costs.items():
            match = re.match(r"main\[(\d+)\]", blocks[label.rpartition("/")[2]].ops[-1].loc)
            assert match is not None
            step = int(match[1]) - len(BEGIN)
            if step >= 0:
                found[step // steps] += cost
        return found


def make_stack(**env: str) -> Stack:
    """The stack of a figure; nothing is swept while it counts."""
    return Stack(env={"SILVERCUP_MODEL": "offline", **env}, sweep_seconds=3600.0)


def make_task(stack: Stack, definition: Task) -> str:
    """Make a task (and its agent); its id."""
    agent_id, task_id = uuid7(), uuid7()
    stack.container.agents.create(DEFAULT_TENANT, {"name": "Bench"}, agent_id=agent_id)
    stack.container.tasks.create(DEFAULT_TENANT, agent_id, Source(definition), task_id=task_id)
    return task_id


def make_secret(stack: Stack, name: str) -> None:
    """Make a secret of the developer."""
    fields = {"name": name, "value": "a-value-of-thirty-two-characters"}
    stack.container.secrets.create(DEFAULT_TENANT, fields, claimed=Claim(uuid7(), repeated=False))


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


def prepare(stack: Stack, definition: Task) -> tuple[str, Compiled]:
    """Make a task and its machine; its id, and the task compiled."""
    compiled = compile_task(Source(definition), Context())
    task_id = make_task(stack, definition)
    make_machine(stack, compiled)
    return task_id, compiled


def start(stack: Stack, task_id: str, value: Any = None) -> ExecutionRef:
    """Start an execution of a task."""
    ref = ExecutionRef(DEFAULT_TENANT, uuid7())
    value = INPUT if value is None else value
    stack.container.executions.create(DEFAULT_TENANT, task_id, input=value, metadata=None, execution_id=ref.id)
    return ref


def run_line(stack: Stack, counted: Counted, kind: str, passes: int) -> Ran:
    """Run a task of passes of one kind to its end."""
    return run(stack, counted, line(kind, passes), waits=passes if kind.endswith("wait") else 0)


def run(stack: Stack, counted: Counted, definition: Task, *, waits: int = 0) -> Ran:
    """Run a task to its end, and answer its waits."""
    task_id, compiled = prepare(stack, definition)
    with _held(counted), counted.under(f"POST {task_id}") as posted:
        ref = start(stack, task_id)
    answers = tuple(_answer(stack, counted, ref, i) for i in range(waits))
    await_end(stack, ref)
    costs = {label: cost for label, cost in counted.costs.items() if label.startswith(f"{ref.id}/")}
    return Ran(ref.id, compiled, posted, costs, answers, tuple(machines_of(stack, ref)))


@contextmanager
def _held(counted: Counted) -> Generator[None]:
    """No invocation begins meanwhile: what overtakes what is then always the same."""
    with counted.gate:
        yield


def _answer(stack: Stack, counted: Counted, ref: ExecutionRef, i: int) -> Cost:
    until(lambda: waits_now(stack, ref), f"wait {i}")
    with _held(counted), counted.under(f"answer {i} of {ref.id}") as cost:
        stack.container.executions.resume(DEFAULT_TENANT, ref.id, {"go": i})
    return cost


def waits_now(stack: Stack, ref: ExecutionRef) -> bool:
    """Whether an execution waits for an answer.

    Raises:
        Stuck: It has ended.
    """
    item = stack.container.store.item(ref)
    if is_final(item):
        raise Stuck(f"the execution {item['status']} while its waits were being answered")
    keys = open_waits(item)
    return bool(keys) and stack.container.store.record(ref, keys[0]) is not None


def await_end(stack: Stack, ref: ExecutionRef, seconds: float = SECONDS) -> None:
    """Wait until an execution, and what drives it, has succeeded.

    Raises:
        Stuck: It has not.
    """
    item = stack.container.store.item(ref)
    arn = stack.container.launcher.run_of(item).arn
    until(lambda: stack.container.machines.status(arn) != "RUNNING", "the end", seconds)
    item = stack.container.store.item(ref)
    if item["status"] != "succeeded":
        shown = stack.container.executions.get(ref.tenant, ref.id)
        raise Stuck(f"the execution is {item['status']}: {shown['output']}")


def machines_of(stack: Stack, ref: ExecutionRef) -> Iterator[Count]:
    """What each execution of a state machine came to that drove one of ours: its own first, then its children's."""
    found = [one for one in moto_state.executions() if one.name.startswith(ref.id)]
    client = stack.aws.client("stepfunctions")
    for one in sorted(found, key=lambda one: one.started):
        history: list[Any] = client.get_execution_history(executionArn=one.arn)["events"]
        types = [event["type"] for event in history]
        entered = sum(name.endswith("StateEntered") for name in types)
        yield Count(entered + 1, types.count("TaskStarted"), len(history))


def until(there: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Poll until something is so.

    Raises:
        Stuck: Not in time.
    """
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            raise Stuck(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.01)
