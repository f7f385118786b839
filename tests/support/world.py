"""The whole product in memory: its services over tables, blobs and machines of this process, for thousands of runs in seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from silvercup.container import Container
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.service import ExecutionService, Runnable, RunnableTasks
from silvercup.executions.waits import Answer
from silvercup.ids import uuid7
from silvercup.llm.model import usage
from silvercup.paging import ListQuery
from silvercup.settings import Settings
from silvercup.tools.calls import ToolCall
from statemachines import Compiled, Context, Source, compile_task
from statemachines.program import dump, load
from tests.support.asl import Interpreter
from tests.support.runs import FINAL, normal
from tests.support.secrets import MemoryVault
from tests.support.tables import MemoryBlobs, MemoryQueue, MemoryTables

TENANT = "00000000-0000-0000-0000-000000000000"
PROMPTS, STEPS = "prompts", "steps"


class Keys:
    """Signs task tokens."""

    def current(self) -> tuple[str, bytes]:
        return "1", b"key"

    def get(self, key_id: str) -> bytes | None:
        return b"key" if key_id == "1" else None


class EchoModels:
    """A model that says what it was told, as the offline one does.

    With tools, ``call a, b; c`` has it call the tools a and b, then, when it has their results, c, and then say the last result.

    Attributes:
        asked: What it was told, each time.
        given: The tools and the ``tool_choice`` that it was given, each time.
        keys: The developer's own key that it was called with, each time.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.given: list[tuple[list[str], Any]] = []
        self.keys: list[str | None] = []

    def key_variables(self, model: str | None, /) -> list[str]:
        return ["ANTHROPIC_API_KEY"]

    def complete(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        tools: Sequence[Any] = (),
        tool_choice: Any = None,
        api_key: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        text = str(messages[-1]["content"])
        self.asked.append(text)
        self.keys.append(api_key)
        self.given.append(([tool["function"]["name"] for tool in tools], tool_choice))
        told = [str(message["content"]) for message in messages if message["role"] == "user"][-1:] or [""]
        rounds = sum(1 for message in messages if message.get("tool_calls"))
        parts = told[0].removeprefix("call ").split(";") if told[0].startswith("call ") else []
        if tools and tool_choice != "none" and rounds < len(parts):
            calls = [
                {
                    "id": f"c{rounds}.{i}",
                    "type": "function",
                    "function": {"name": name.strip(), "arguments": json.dumps({"round": rounds, "i": i})},
                }
                for i, name in enumerate(parts[rounds].split(","))
            ]
            said = {"role": "assistant", "content": None, "tool_calls": calls}
            choice = {"index": 0, "message": said, "finish_reason": "tool_calls"}
            return {"id": "x", "model": "echo", "choices": [choice], "usage": usage(len(text), 1)}
        message = {"role": "assistant", "content": f"Echo: {text}"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return {"id": "x", "model": "echo", "choices": choices, "usage": usage(len(text), len(text) + 6)}


class EchoTools:
    """Tools that give back what they were called with, but for ``at``, which may differ from run to run.

    Attributes:
        calls: The calls, each time.
        failures: What the next calls raise instead; None: nothing.
    """

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []
        self.failures: list[Exception | None] = []

    def run(self, call: ToolCall) -> dict[str, Any]:
        self.calls.append(call)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        got = {name: value for name, value in call.arguments.items() if name != "at"}
        return {"tool": call.tool["name"], "got": got}


class World:
    """One stack.

    Attributes:
        container: The product.
        machines: What runs its state machines.
        tables: Where its items are.
        payloads: What its functions were called with.
        vault: Opens secrets.
    """

    def __init__(self, *, settings: Settings | None = None) -> None:
        self.container = Container(settings or Settings(steps_arn=STEPS, prompts_arn=PROMPTS, max_steps=0))
        self.tables = MemoryTables()
        self.blobs = MemoryBlobs()
        self.models = EchoModels()
        self.tools = EchoTools()
        self.vault = MemoryVault()
        self.payloads: list[Any] = []
        self.machines = Interpreter(self._invoke)
        self.install(tables=self.tables, blobs=self.blobs, machines=self.machines)

    def _invoke(self, arn: str, payload: Any) -> Any:
        self.payloads.append(payload)
        assert (arn == PROMPTS) == self._asks(payload), "a block runs in the function that its effect needs"
        return self.container.runtime.invoke(payload)

    def _asks(self, payload: Any) -> bool:
        if "token" in payload:
            return False
        blocks = (
            payload["blocks"] if payload["op"] == "blocks" else [payload["block"]] if payload["op"] == "block" else []
        )
        program = load(self.blobs.bodies[payload["run"]["program"]])
        return any(program.blocks[name].by_prompts for name in blocks)

    def install(self, **parts: Any) -> None:
        """Put parts into a fresh container: what a restarted process has."""
        self.container = Container(self.container.settings)
        self.container.__dict__.update(
            {
                "signing_keys": Keys(),
                "models": self.models,
                "tool_runner": self.tools,
                "vault": self.vault,
                "delete_queue": MemoryQueue(),
                **parts,
            }
        )

    def compile(self, task: dict[str, Any], *, fuse: bool = True, agent_id: str | None = None) -> Compiled:
        """A task definition, compiled."""
        shown = {"id": "task", "name": "x", "agent_id": agent_id} if agent_id else None
        tools = {"ask": {"name": "ask", "type": "function"}}
        return compile_task(Source({"name": "x", **task}), Context(agent_tools=tools, task=shown, fuse=fuse))

    def prepare(self, compiled: Compiled) -> RunnableTasks:
        """Store what a task version is made of."""
        program, definition = f"p/{uuid7()}", f"d/{compiled.digest}"
        self.blobs.put(program, dump(compiled.program).encode())
        self.blobs.put(definition, compiled.definition.encode())
        return _One(Runnable("task", 1, "agent", program, definition, compiled.digest, None))

    def begin(self, tasks: RunnableTasks, ref: ExecutionRef, value: Any) -> None:
        """Start an execution of what was prepared; may be repeated."""
        executions = self.container.executions
        executions._tasks = tasks
        executions.create(TENANT, "task", input=value, metadata=None, execution_id=ref.id)

    def start(self, compiled: Compiled, value: Any) -> ExecutionRef:
        """Start an execution of a compiled task."""
        ref = ExecutionRef(TENANT, uuid7())
        self.begin(self.prepare(compiled), ref, value)
        return ref

    def run(self, compiled: Compiled, value: Any = None, answers: Sequence[Any] = ()) -> Outcome:
        """Run a compiled task to its end; answer its waits in order of their paths, the same way each time."""
        ref = self.start(compiled, {} if value is None else value)
        return self.finish(ref, answers)

    def finish(self, ref: ExecutionRef, answers: Sequence[Any] = ()) -> Outcome:
        """Let an execution come to its end."""
        for given in range(10_000):
            self.machines.settle()
            item = self.container.store.item(ref)
            waits = sorted(item.get("open_waits") or ())
            if item["status"] in FINAL or not waits:
                break
            answer = answers[min(given, len(answers) - 1)] if answers else {"answer": 1}
            self.answer(ref, waits[0], answer)
        return self.outcome(ref)

    def step(self, ref: ExecutionRef, answers: dict[Any, Any]) -> bool:
        """Let an execution go on, then answer what waits, by the ``q`` of its ``info``; False when nothing does."""
        self.machines.settle()
        waits = self.container.executions.get(TENANT, ref.id)["waits"]
        for wait in waits:
            self.container.executions.resume_by_token(wait["task_token"], answers[wait["info"]["q"]])
        return bool(waits)

    def answer(self, ref: ExecutionRef, path: str, answer: Any) -> None:
        """Answer the wait of a path; one for several calls of tools with this for each, where it does not say more."""
        pk = ref.record_pk(RecordKey("wait", path))
        calls: list[str] = self.container.store.records([pk])[pk].get("calls") or []
        if calls and not (isinstance(answer, dict) and set(calls) & answer.keys()):
            answer = dict.fromkeys(calls, answer)
        self.container.waits.answer(ref, pk, Answer.of(answer))

    def sweep(self) -> None:
        """What the sweeper does an hour later."""
        caretaker = self.container.caretaker
        caretaker._clock = lambda: time.time() + 4_000
        caretaker.sweep()

    def outcome(self, ref: ExecutionRef) -> Outcome:
        """What is to be seen of an execution."""
        executions = self.container.executions
        return Outcome(ref.id, executions.get(TENANT, ref.id), all_transitions(executions, ref.id), ref)


def tell(world: World, arn: str) -> None:
    """Bring the status event of an execution of a state machine that has ended."""
    ended = world.machines.executions[arn]
    detail = {
        "executionArn": arn,
        "name": arn.rpartition(":")[2],
        "status": ended.status,
        "input": json.dumps(ended.input),
        "error": ended.error,
    }
    world.container.caretaker.machine_ended(detail)


def all_transitions(executions: ExecutionService, execution_id: str) -> list[dict[str, Any]]:
    """Every transition of an execution, oldest first, a page after the other."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = executions.transitions(TENANT, execution_id, ListQuery(direction="asc", limit=1000, cursor=cursor))
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


class Outcome:
    """What is to be seen of an execution: itself, and its transitions."""

    def __init__(
        self, id_: str, shown: dict[str, Any], transitions: list[dict[str, Any]], ref: ExecutionRef | None = None
    ) -> None:
        self.id = id_
        self.ref = ref or ExecutionRef(TENANT, id_)
        self.status: str = shown["status"]
        self.output: Any = shown["output"]
        self.count: int = shown["transition_count"]
        self.transitions = transitions

    @property
    def normal(self) -> list[dict[str, Any]]:
        """Transitions without ids and times."""
        return normal(self.transitions)

    def by_workflow(self) -> list[tuple[str, str]]:
        """The transitions of each use of a workflow or branch in their order: what runs side by side may come in any order."""
        found: dict[tuple[str, str], list[Any]] = {}
        for shown in self.transitions:
            place = shown["current"]
            found.setdefault((place["workflow"], place["scope_id"]), []).append(
                [
                    shown["type"],
                    place["step"],
                    shown["next"] and [shown["next"]["workflow"], shown["next"]["step"]],
                    _plain(shown["output"]),
                    shown["step_label"],
                    shown["metadata"],
                ]
            )
        return sorted((workflow, json.dumps(sequence)) for (workflow, _), sequence in found.items())


def _plain(output: Any) -> Any:
    if isinstance(output, dict) and str(output.get("id", "")).startswith("call_"):
        return {**output, "id": "call"}
    return output


class _One:
    """The one task that there is."""

    def __init__(self, task: Runnable) -> None:
        self._task = task

    def runnable(self, tenant: str, task_id: str) -> Runnable:
        return self._task

    def owner(self, tenant: str, task_id: str) -> Any:
        raise AssertionError("nothing is listed here")
