"""What flows through a state machine: where the run is, never its data."""

from __future__ import annotations

from dataclasses import dataclass

from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.values import JsonObject


@dataclass(frozen=True, slots=True)
class Pointer:
    """The input of a Task state.

    Attributes:
        ref: The execution.
        program: The blob of the program.
        at: The path of the workflow instance that runs.
        prev: The record of the block before.
    """

    ref: ExecutionRef
    program: str
    at: str
    prev: RecordKey

    @classmethod
    def of(cls, run: JsonObject) -> Pointer:
        """The pointer of a state's input."""
        return cls(
            ref=ExecutionRef(run["developer"], run["execution"]),
            program=run["program"],
            at=run["at"],
            prev=RecordKey.parse(run["r"]["prev"]),
        )

    def path(self, block_id: str) -> str:
        """The path of a block."""
        return f"{self.at}/{block_id}"
