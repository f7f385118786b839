"""Everything that a block knows when it starts, read in one batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from silvercup import values
from silvercup.errors import InternalError, StepError
from silvercup.executions.execution import is_final
from silvercup.executions.keys import INIT, RecordKey
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.reads import StepIndex, reads_of
from silvercup.runtime.scope import NoSecrets, Scope, Steps
from silvercup.times import iso
from silvercup.values import JsonObject
from statemachines.ir import Block, Op, Program, PromptOp


class ExecutionEnded(StepError):
    """The execution has ended or is gone: nothing may run any more."""

    def __init__(self) -> None:
        super().__init__("The execution has ended")


class Situation:
    """What one invocation of a block reads.

    Attributes:
        pointer: Where the run is.
        program: The program.
        block: The block.
        execution: The execution's item.
        prev: The record of the block before.
        own: The items that this block wrote before, by key.
    """

    def __init__(
        self, store: RunStore, pointer: Pointer, program: Program, block: Block, own: tuple[RecordKey, ...]
    ) -> None:
        self._store = store
        self.pointer = pointer
        self.program = program
        self.block = block
        self._reads = reads_of(block.ops)
        keys: set[RecordKey] = {pointer.prev, *own}
        for op in block.ops:
            keys |= StepIndex(program, pointer.at, op).needed(self._reads)
        if self._reads.names & {"input", "arguments"}:
            keys.add(INIT)
        others = [self._agent_pk] if self._needs_agent else []
        batch = store.read(pointer.ref, keys, others)
        if batch.execution is None or pointer.prev not in batch.records:
            raise ExecutionEnded
        self.execution = batch.execution
        self._agent = batch.others.get(others[0]) if others else None
        self._items = batch.records
        self._loaded: dict[RecordKey, Any] = {}
        self.prev = Record.from_item(batch.records[pointer.prev])
        self.own = {key: batch.records[key] for key in own if key in batch.records}

    def ensure_alive(self) -> None:
        """Stop here when the execution has ended.

        Raises:
            ExecutionEnded: It has.
        """
        if is_final(self.execution):
            raise ExecutionEnded

    def output_of(self, key: RecordKey) -> Any:
        """The value that a record hands on.

        Raises:
            KeyError: It is not there, or hands nothing on.
        """
        if key not in self._loaded:
            item = self._items[key]
            record = Record.from_item(item)
            if record.out is None:
                raise KeyError(str(key))
            self._loaded[key] = self._store.load(record.values[record.out])
        return self._loaded[key]

    def state(self, depth: int) -> dict[str, Any]:
        """The ``state`` of the scope of this depth, as it is before this block."""
        holder = self.prev.states[depth]
        if holder is None:
            return {}
        key = RecordKey.parse(holder)
        item = self._items.get(key) or self._store.record(self.pointer.ref, key)
        if item is None:
            raise InternalError("The state of this execution is missing")
        record = Record.from_item(item)
        if record.snapshot is None:
            raise InternalError("The state of this execution is missing")
        return self._store.load(record.values[record.snapshot])

    def agent(self) -> JsonObject:
        """The task's agent; empty when it was deleted."""
        return {} if self._agent is None or "body" not in self._agent else values.loads(self._agent["body"])

    def scope(self, op: Op) -> Scope:
        """The names that an operation's expressions see."""
        index = StepIndex(self.program, self.pointer.at, op)

        def current() -> Any:
            return self.output_of(self.pointer.prev)

        def start() -> Any:
            return self.output_of(INIT)

        makers: dict[str, Callable[[], object]] = {
            "_": current,
            "current_input": current,
            "input": start,
            "arguments": start,
            "steps": lambda: Steps(index, self.output_of),
            "inputs": lambda: Steps(index, self.output_of, "input"),
            "outputs": lambda: Steps(index, self.output_of, "output"),
            "state": lambda: self.state(op.at.depth),
            "agent": self.agent,
            "task": lambda: dict(self.program.task),
            "execution": self._execution,
            "developer_id": lambda: self.pointer.ref.tenant,
            "cursor": lambda: {
                "workflow": op.at.workflow,
                "step": op.at.step,
                "scope_id": self.prev.scopes[min(op.at.depth, len(self.prev.scopes) - 1)],
            },
            "agent_tools": list[object],
            "secrets": NoSecrets,
            "user": lambda: None,
            "session": lambda: None,
        }
        return Scope(makers)

    def _execution(self) -> JsonObject:
        return {
            "id": self.execution["id"],
            "task_id": self.execution["task_id"],
            "status": "running",
            "metadata": values.loads(self.execution["metadata"]),
            "created_at": iso(self.execution["created_at"]),
        }

    @property
    def _needs_agent(self) -> bool:
        return "agent" in self._reads.names or any(isinstance(op, PromptOp) for op in self.block.ops)

    @property
    def _agent_pk(self) -> str:
        return f"{self.pointer.ref.tenant}#agent#{self.program.task.get('agent_id', '')}"
