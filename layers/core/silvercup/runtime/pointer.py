"""What flows through a state machine: where the run is, never its data."""

from __future__ import annotations

from dataclasses import dataclass

from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.values import JsonObject

CHILD_BUDGET = 18_000
"""History events that one execution of a state machine plans with, of the 25,000 that AWS allows."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The input of a Task state.

    Attributes:
        ref: The execution.
        program: The blob of the program.
        at: The path of the procedure and iteration that runs.
        prev: The record of the block before.
        budget: Events that the procedure or iteration may write.
        chain: Events that jumps from here on may write.
        join: The key of the record that waits for this child; None in the root.
        chunk: The part of a loop that runs here: ``{from, to, width}``.
        raw: All of it, as it flows.
    """

    ref: ExecutionRef
    program: str
    at: str
    prev: RecordKey
    budget: int
    chain: int
    join: RecordKey | None
    chunk: JsonObject | None
    raw: JsonObject

    @classmethod
    def of(cls, run: JsonObject) -> Pointer:
        """The pointer of a state's input."""
        join = run.get("join")
        return cls(
            ref=ExecutionRef(run["developer"], run["execution"]),
            program=run["program"],
            at=run["at"],
            prev=RecordKey.parse(run["r"]["prev"]),
            budget=run.get("budget", CHILD_BUDGET),
            chain=run.get("chain", 0),
            join=RecordKey.parse(join) if join else None,
            chunk=run.get("chunk"),
            raw=run,
        )

    def at_home(self) -> Pointer:
        """The pointer back where the procedure was jumped to, for the block that goes on there."""
        home = self.raw.get("home")
        if home is None:
            return self
        raw = {name: value for name, value in self.raw.items() if name not in {"home", "ret", "chain"}}
        return Pointer.of({**raw, **home, "ret": ""})

    def path(self, block_id: str) -> str:
        """The path of a block."""
        return f"{self.at}/{block_id}"
