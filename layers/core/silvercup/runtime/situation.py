"""Everything that a block knows when it starts, read in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import count
from typing import Any

from silvercup import values
from silvercup.errors import InternalError, StepError
from silvercup.executions.execution import is_final
from silvercup.executions.hidden import HIDDEN_MARK
from silvercup.executions.keys import INIT, RecordKey
from silvercup.executions.paths import cut, iterations
from silvercup.executions.record import BLOB_MARK, Record
from silvercup.executions.store import RunStore
from silvercup.runtime.draft import Snapshot
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.programs import Loaded
from silvercup.runtime.reads import StepIndex, reads_of
from silvercup.runtime.secrets import Secrets
from silvercup.storage import Item
from silvercup.tools.overrides import may_be_overridden, overridden
from silvercup.tools.secrets import named_by
from silvercup.values import JsonObject
from statemachines import ir
from statemachines.ir import Block, Op, has_loop, walk

_BATCH = 100


class ExecutionEnded(StepError):
    """The execution has ended or is gone: nothing may run any more."""

    def __init__(self) -> None:
        super().__init__("The execution has ended")


class Returned(StepError):
    """A ``return`` has ended the workflow that this block belongs to. The state machine leaves its loops."""

    def __init__(self) -> None:
        super().__init__("A return ended the workflow")


class Situation:
    """What one invocation of a block reads.

    Attributes:
        pointer: Where the run is.
        loaded: The program.
        block: The block.
        execution: The execution's item.
        prev: The record that the state machine names as the one before.
        own: The items that this block wrote before, by key.
        first: The block's first operation.
        secrets: The secrets that it names, and those that may be the key of a model's provider.
        overtaken: Whether another invocation wrote a record first that this one made.
    """

    def __init__(
        self,
        store: RunStore,
        secrets: Secrets,
        pointer: Pointer,
        loaded: Loaded,
        block: Block,
        own: Iterable[RecordKey],
    ) -> None:
        self._store = store
        self.pointer = pointer
        self.loaded = loaded
        self.block = block
        self.first = block.ops[0]
        self.overtaken = False
        every = list(walk(block.ops))
        self._inside = {op.id for op in every}
        self._reads = reads_of(every)
        self._returns = tuple(self._guards())
        own = list(own)
        keys: set[RecordKey] = {pointer.prev, *own, *self._returns, *self._before_keys()}
        for op in every:
            needed = StepIndex(loaded.program, op).needed(self._reads)
            keys |= {self._key_of(name) for name in needed if name not in self._inside and self._exists(name)}
        if self._reads.names & {"input", "arguments"}:
            keys.add(INIT)
        if has_loop(block.ops):
            keys.add(self._slice_key(0))
        agent = [self._agent_pk] if self._needs_agent(every) else []
        asks = block.effect in {"prompt", "talk"}
        named = self._reads.secrets.union(
            *(named_by(loaded.program.tools[op.tool]) for op in every if isinstance(op, ir.ToolOp))
        )
        self.secrets = secrets.of(pointer.ref.tenant, self.agent_id, named, asks=asks)
        others = [*agent, *(key.pk for key in self.secrets.keys)]
        self._asked: set[RecordKey] = set(keys)
        batch = store.read(pointer.ref, keys, others)
        if batch.execution is None or pointer.prev not in batch.records:
            raise ExecutionEnded
        self.execution = batch.execution
        self._agent = batch.others.get(agent[0]) if agent else None
        self.secrets.take({key: batch.others[key.pk] for key in self.secrets.keys if key.pk in batch.others})
        self._items = batch.records
        self._records: dict[RecordKey, Record] = {}
        self._loaded_values: dict[str, Any] = {}
        self.prev = self.record(pointer.prev)
        self.own = {key: batch.records[key] for key in own if key in batch.records}

    @property
    def path(self) -> str:
        """The block's path."""
        return self.pointer.path(self.block.id)

    def ensure_alive(self) -> None:
        """Stop here when the execution, or the workflow around, has ended.

        Raises:
            ExecutionEnded: The execution has.
            Returned: A ``return`` ended a workflow around.
        """
        if is_final(self.execution):
            raise ExecutionEnded
        if any(key in self._items for key in self._returns):
            raise Returned

    def has_returned(self) -> bool:
        """Whether a ``return`` has ended a workflow around this block by now."""
        return bool(self._returns) and bool(self._store.read_records(self.pointer.ref, self._returns))

    def value(self, op_id: str | None) -> Any:
        """The output of an operation of another block; None: the execution's input.

        Raises:
            KeyError: It has not run.
        """
        key = self._key_of(op_id)
        record = self.record(key)
        text = text_of(record, op_id)
        if text is None:
            raise KeyError(str(key))
        return self.load(text)

    def load(self, text: str) -> Any:
        """The JSON value of a stored text, with the secrets that it was made of; a large one is read once. It must not be changed.

        Raises:
            StepError: One of these secrets is gone.
        """
        if len(text) < _BATCH and not text.startswith((BLOB_MARK, HIDDEN_MARK)):
            return values.loads(text)
        if text not in self._loaded_values:
            self._loaded_values[text] = self.secrets.load(self._store.text(text))
        return self._loaded_values[text]

    def state(self, holder: str, depth: int) -> Snapshot:
        """The ``state`` that a record holds, with the names that were set in the iteration around this block."""
        record = self.record(RecordKey.parse(holder))
        index = record.snapshots.get(depth)
        if index is None:
            raise InternalError("The state of this execution is missing")
        tag, names = record.sets.get(depth, ("", ()))
        return self.load(record.values[index]), names if tag == self.tag else ()

    @property
    def tag(self) -> str:
        """The iteration or branch around that runs beside others; empty where none does."""
        at = self.pointer.at
        loops = len(iterations_after_root(at))
        while loops > 0:
            place = cut(at, loops)
            opener = self.loaded.ops[place.rpartition("/")[2].partition(".")[0]]
            if not (isinstance(opener, ir.LoopOp) and opener.chained):
                return place
            loops -= 1
        return ""

    def agent(self) -> JsonObject:
        """The task's agent; empty when it was deleted."""
        return {} if self._agent is None or "body" not in self._agent else values.loads(self._agent["body"])

    def tool(self, definition: JsonObject) -> JsonObject:
        """A tool as the metadata of the agent and the task has it.

        Raises:
            InvalidRequest: What that says is not valid.
        """
        return overridden(definition, self._authors)

    @cached_property
    def _authors(self) -> tuple[tuple[str, Any], ...]:
        """The metadata that changes tools, each with whose it is."""
        return ("agent", self.agent().get("metadata")), ("task", self.loaded.program.task.get("metadata"))

    def slices(self) -> list[Record]:
        """What earlier invocations of this block wrote of it."""
        if not has_loop(self.block.ops):
            return []
        found: list[Record] = []
        for number in count():
            key = self._slice_key(number)
            item = self._items.get(key) or self._read_now(key)
            if item is None:
                return found
            found.append(Record.from_item(item))
        return found

    def _slice_key(self, number: int) -> RecordKey:
        return RecordKey("slice", f"{self.path}+{number}")

    def _before_keys(self) -> Iterator[RecordKey]:
        """What the first operation needs of what came before, besides the record that the state machine names."""
        first = self.first
        match first:
            case ir.BeginOp(of="item"):
                loop = self.loaded.ops[first.opener]
                if isinstance(loop, ir.LoopOp) and loop.parallelism == 1:
                    key = self.end_before(first)
                    if key is not None:
                        yield key
            case ir.EndCallOp():
                yield self.loaded.key_of(self.pointer.at, first.call)
            case _:
                pass

    def end_before(self, first: ir.BeginOp) -> RecordKey | None:
        """The record that ends the iteration before this one."""
        loop = self.loaded.ops[first.opener]
        assert isinstance(loop, ir.LoopOp)
        number = self.number(first)
        if number == 0:
            return None
        around = self.pointer.at.rpartition("/")[0]
        return self.loaded.key_of(f"{around}/{loop.id}.{number - 1}", loop.last)

    def number(self, op: ir.BeginOp) -> int:
        """Which iteration this is."""
        return iterations(self.pointer.at)[op.opener]

    def _guards(self) -> Iterator[RecordKey]:
        """The records that would say that a ``return`` ended a workflow around this block."""
        op = self.first
        frame: int | None = op.frame
        while frame is not None:
            found = self.loaded.program.frames[frame]
            if found.returns and op.loops > found.loops:
                yield return_key(self.pointer.at, frame, found.loops)
            frame = found.parent

    def _exists(self, op_id: str | None) -> bool:
        """Whether an operation is in the program; those that nothing leads to are not."""
        return op_id is None or op_id in self.loaded.ops

    def _key_of(self, op_id: str | None) -> RecordKey:
        return INIT if op_id is None else self.loaded.key_of(self.pointer.at, op_id)

    def record(self, key: RecordKey) -> Record:
        """A record; one that was not read with the others is read now.

        Raises:
            KeyError: It is not there.
        """
        if key not in self._records:
            item = self._items.get(key) or self._read_now(key)
            if item is None:
                raise KeyError(str(key))
            self._records[key] = Record.from_item(item)
        return self._records[key]

    def _read_now(self, key: RecordKey) -> Item | None:
        """A record that only what was read before could name: the holder of a ``state``, a further slice."""
        if key in self._asked:
            return None
        self._asked.add(key)
        item = self._store.record(self.pointer.ref, key)
        if item is not None:
            self._items[key] = item
        return item

    def fetch(self, keys: Iterable[RecordKey]) -> None:
        """Read records that only what was read before could name, in one batch."""
        missing = [key for key in keys if key not in self._items]
        if missing:
            batch = self._store.read_records(self.pointer.ref, missing)
            self._items.update(batch)

    def _needs_agent(self, ops: Iterable[Op]) -> bool:
        tools = self.loaded.program.tools
        return "agent" in self._reads.names or any(
            isinstance(op, ir.PromptOp) or (isinstance(op, ir.ToolOp) and may_be_overridden(tools[op.tool]))
            for op in ops
        )

    @property
    def agent_id(self) -> str | None:
        """The id of the task's agent."""
        return self.loaded.program.task.get("agent_id") or None

    @property
    def _agent_pk(self) -> str:
        return f"{self.pointer.ref.tenant}#agent#{self.agent_id or ''}"


def text_of(record: Record, op_id: str | None) -> str | None:
    """The stored text of an operation's output (None: of what a record hands on)."""
    if op_id is None:
        return None if record.out is None else record.values[record.out]
    return record.value_of(op_id)


def return_key(at: str, frame: int, loops: int) -> RecordKey:
    """The record of the ``return`` that ended a workflow from inside one of its loops: there is one at most."""
    return RecordKey("return", f"{cut(at, loops)}/f{frame}")


def iterations_after_root(at: str) -> list[str]:
    """The iterations around a place within its procedure."""
    root = cut(at, 0)
    return [part for part in at[len(root) :].split("/") if part]
