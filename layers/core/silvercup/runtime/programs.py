"""Programs by blob name, kept in memory: they never change."""

from __future__ import annotations

import threading
from collections import OrderedDict

from silvercup.errors import InternalError
from silvercup.executions.keys import RecordKey
from silvercup.executions.paths import cut
from silvercup.storage import Blobs
from statemachines.ir import CALLS, Block, Op, Program, walk
from statemachines.program import load

_KEPT = 64


class Loaded:
    """A program, and where each of its operations is.

    Attributes:
        program: The program.
        ops: Every operation by id.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ops: dict[str, Op] = {}
        self._blocks: dict[str, Block] = {}
        for block in program.blocks.values():
            for op in walk(block.ops):
                self.ops[op.id] = op
                self._blocks[op.id] = block

    def block_of(self, op_id: str) -> Block:
        """The block that runs an operation."""
        return self._blocks[op_id]

    def key_of(self, at: str, op_id: str) -> RecordKey:
        """The record that holds an operation's output, seen from a place in the same procedure."""
        block, op = self._blocks[op_id], self.ops[op_id]
        path = f"{cut(at, block.ops[0].loops)}/{block.id}"
        if block.effect in CALLS:
            return RecordKey("effect" if op is block.ops[-1] else "pure", path)
        return RecordKey("wait" if block.effect == "wait" else "block", path)


class Programs:
    """Loads programs; the ones used last stay in memory."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Loaded:
        """The program of a blob.

        Raises:
            InternalError: It is missing, or of an unknown format.
        """
        with self._lock:
            program = self._kept.get(name)
            if program is not None:
                self._kept.move_to_end(name)
                return program
        body = self._blobs.get(name)
        if body is None:
            raise InternalError("The program of this execution is missing")
        program = Loaded(load(body))
        with self._lock:
            self._kept[name] = program
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return program
