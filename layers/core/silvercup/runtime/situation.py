"""Everything that a block knows when it starts, read in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from silvercup import values
from silvercup.errors import InternalError, StepError
from silvercup.executions.execution import is_final
from silvercup.executions.keys import INIT, RecordKey
from silvercup.executions.paths import cut, iterations
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.runtime.draft import Arrival, Snapshot, arrival_after
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.programs import Loaded
from silvercup.runtime.reads import StepIndex, reads_of
from silvercup.storage import Item
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
    """

    def __init__(
        self, store: RunStore, pointer: Pointer, loaded: Loaded, block: Block, own: Iterable[RecordKey]
    ) -> None:
        self._store = store
        self.pointer = pointer
        self.loaded = loaded
        self.block = block
        self._first = block.ops[0]
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
        others = [self._agent_pk] if self._needs_agent(every) else []
        self._asked: set[RecordKey] = set(keys)
        batch = store.read(pointer.ref, keys, others)
        if batch.execution is None or pointer.prev not in batch.records:
            raise ExecutionEnded
        self.execution = batch.execution
        self._agent = batch.others.get(others[0]) if others else None
        self._items = batch.records
        self._records: dict[RecordKey, Record] = {}
        self._loaded_values: dict[str, Any] = {}
        self.prev = self._record(pointer.prev)
        self.own = {key: batch.records[key] for key in own if key in batch.records}

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

    def arrival(self) -> Arrival:
        """What the block starts from."""
        first, prev = self._first, self.prev
        scopes, states = prev.scopes, prev.states
        match first:
            case ir.BeginOp(of="item"):
                return self._arrival_of_item(first)
            case ir.BeginOp(of="call"):
                scopes, states = prev.scopes[-1:], (None,)
            case ir.EndCallOp():
                home = self._record(self.loaded.key_of(self.pointer.at, first.call))
                depth = first.at.depth
                scopes, states = home.scopes[: depth + 1], home.states[: depth + 1]
            case ir.GatherOp() | ir.JoinOp():
                return self._arrival_of_ends(first)
            case _:
                pass
        return replace(arrival_after(prev), scopes=scopes, states=states)

    def value(self, op_id: str | None) -> Any:
        """The output of an operation of another block; None: the execution's input.

        Raises:
            KeyError: It has not run.
        """
        key = self._key_of(op_id)
        record = self._record(key)
        text = self._text(record, op_id)
        if text is None:
            raise KeyError(str(key))
        return self.load(text)

    def load(self, text: str) -> Any:
        """The JSON value of a stored text; a large one is read once. It must not be changed."""
        if len(text) < _BATCH and not text.startswith("@"):
            return values.loads(text)
        if text not in self._loaded_values:
            self._loaded_values[text] = self._store.load(text)
        return self._loaded_values[text]

    def state(self, holder: str, depth: int) -> Snapshot:
        """The ``state`` that a record holds, with the names that were set in the iteration around this block."""
        record = self._record(RecordKey.parse(holder))
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

    def item_of(self, op: ir.BeginOp) -> str:
        """The stored text of the item that this iteration is for."""
        opened = self._record(self.pointer.prev)
        assert opened.items is not None
        number = self._number(op)
        first, index = opened.items.page_of(number)
        return values.dumps(self.load(opened.values[index])[number - first])

    def ends(self, op: ir.GatherOp | ir.JoinOp) -> list[Record]:
        """The record that ends each iteration or branch, in order."""
        if isinstance(op, ir.GatherOp):
            opener = self.loaded.ops[op.loop]
            assert isinstance(opener, ir.LoopOp)
            assert self.prev.items is not None
            lasts = [opener.last] * self.prev.items.count
        else:
            opener = self.loaded.ops[op.fork]
            assert isinstance(opener, ir.ForkOp)
            lasts = list(opener.lasts)
        at = self.pointer.at
        keys = [self.loaded.key_of(f"{at}/{opener.id}.{i}", last) for i, last in enumerate(lasts)]
        self._fetch(keys)
        return [self._record(key) for key in keys]

    def texts_of(self, op: ir.GatherOp | ir.JoinOp) -> list[str]:
        """The stored text of each iteration's or branch's output, in order."""
        if isinstance(op, ir.GatherOp):
            opener = self.loaded.ops[op.loop]
            assert isinstance(opener, ir.LoopOp)
            ends = self.ends(op)
            lasts = [opener.last] * len(ends)
        else:
            opener = self.loaded.ops[op.fork]
            assert isinstance(opener, ir.ForkOp)
            ends, lasts = self.ends(op), list(opener.lasts)
        texts = [self._text(end, last) for end, last in zip(ends, lasts, strict=True)]
        if None in texts:
            raise InternalError("The output of an iteration is missing")
        return [text for text in texts if text is not None]

    def side_states(self, op: ir.GatherOp | ir.JoinOp) -> Iterator[tuple[JsonObject, tuple[str, ...]]]:
        """The ``state`` at the end of each iteration or branch that changed it, with the names that it set, in order."""
        depth = op.at.depth
        before = self.prev.states[depth]
        holders = [end.states[depth] for end in self.ends(op)]
        self._fetch(RecordKey.parse(holder) for holder in holders if holder is not None and holder != before)
        for holder in holders:
            if holder is None or holder == before:
                continue
            record = self._record(RecordKey.parse(holder))
            _, names = record.sets.get(depth, ("", ()))
            yield self.load(record.values[record.snapshots[depth]]), names

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
        return RecordKey("slice", f"{self.pointer.path(self.block.id)}+{number}")

    def _arrival_of_item(self, first: ir.BeginOp) -> Arrival:
        opened = self.prev
        before = opened
        loop = self.loaded.ops[first.opener]
        assert isinstance(loop, ir.LoopOp)
        if loop.parallelism == 1:
            key = self._end_before(first)
            before = opened if key is None else self._record(key)
        states = before.states if loop.chained else opened.states
        depth = first.at.depth
        return Arrival(
            max(opened.last_t, before.last_t),
            before.count,
            before.rough,
            opened.scopes,
            (*opened.states[:depth], *states[depth : depth + 1]),
            self.item_of(first),
            before.last,
        )

    def _arrival_of_ends(self, first: ir.GatherOp | ir.JoinOp) -> Arrival:
        opened, ends = self.prev, self.ends(first)
        one_by_one = False
        states = opened.states
        if isinstance(first, ir.GatherOp):
            loop = self.loaded.ops[first.loop]
            assert isinstance(loop, ir.LoopOp)
            one_by_one = loop.parallelism == 1
            if loop.chained and ends:
                depth = first.at.depth
                states = (*opened.states[:depth], ends[-1].states[depth])
        last = max(ends, key=lambda end: end.last_t, default=opened)
        added = [end.count - opened.count for end in ends]
        total = opened.count + (sum(added[-1:]) if one_by_one else sum(added))
        text = None if opened.out is None else opened.values[opened.out]
        rough = opened.rough or any(end.rough for end in ends)
        return Arrival(max(last.last_t, opened.last_t), total, rough, opened.scopes, states, text, last.last)

    def _before_keys(self) -> Iterator[RecordKey]:
        """What the first operation needs of what came before, besides the record that the state machine names."""
        first = self._first
        match first:
            case ir.BeginOp(of="item"):
                loop = self.loaded.ops[first.opener]
                if isinstance(loop, ir.LoopOp) and loop.parallelism == 1:
                    key = self._end_before(first)
                    if key is not None:
                        yield key
            case ir.EndCallOp():
                yield self.loaded.key_of(self.pointer.at, first.call)
            case _:
                pass

    def _end_before(self, first: ir.BeginOp) -> RecordKey | None:
        """The record that ends the iteration before this one."""
        loop = self.loaded.ops[first.opener]
        assert isinstance(loop, ir.LoopOp)
        number = self._number(first)
        if number == 0:
            return None
        around = self.pointer.at.rpartition("/")[0]
        return self.loaded.key_of(f"{around}/{loop.id}.{number - 1}", loop.last)

    def _number(self, op: ir.BeginOp) -> int:
        return iterations(self.pointer.at)[op.opener]

    def _guards(self) -> Iterator[RecordKey]:
        """The records that would say that a ``return`` ended a workflow around this block."""
        op = self._first
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

    def _record(self, key: RecordKey) -> Record:
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

    def _fetch(self, keys: Iterable[RecordKey]) -> None:
        missing = [key for key in keys if key not in self._items]
        if missing:
            batch = self._store.read_records(self.pointer.ref, missing)
            self._items.update(batch)

    def _text(self, record: Record, op_id: str | None) -> str | None:
        if op_id is None:
            return None if record.out is None else record.values[record.out]
        return record.value_of(op_id)

    def _needs_agent(self, ops: Iterable[Op]) -> bool:
        return "agent" in self._reads.names or any(isinstance(op, ir.PromptOp) for op in ops)

    @property
    def _agent_pk(self) -> str:
        return f"{self.pointer.ref.tenant}#agent#{self.loaded.program.task.get('agent_id', '')}"


def return_key(at: str, frame: int, loops: int) -> RecordKey:
    """The record of the ``return`` that ended a workflow from inside one of its loops: there is one at most."""
    return RecordKey("return", f"{cut(at, loops)}/f{frame}")


def iterations_after_root(at: str) -> list[str]:
    """The iterations around a place within its procedure."""
    root = cut(at, 0)
    return [part for part in at[len(root) :].split("/") if part]
