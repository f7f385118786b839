"""What flows through a state machine: where the run is, never its data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from silvercup import values
from silvercup.errors import InternalError, SilvercupError
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.values import JsonObject

CHILD_BUDGET = 18_000
"""History events that one execution of a state machine plans with, of the 25,000 that AWS allows."""

_DONE = re.compile(r"(\d+)(?: (\w+):(b\d+))?")


class MoreToDo(SilvercupError):
    """A row of blocks goes on in another invocation. The state machine enters the state again, with this message in ``r.more``."""

    def __init__(self, done: int, prev: RecordKey) -> None:
        """Say where it goes on.

        Args:
            done: How many blocks are done.
            prev: The record of the last of them.
        """
        super().__init__(f"{done} {prev.kind}:{prev.path.rpartition('/')[2]}" if done else "0")


@dataclass(frozen=True, slots=True)
class Pointer:
    """The input of a Task state.

    Attributes:
        ref: The execution.
        program: The blob of the program.
        at: The path of the procedure and iteration that runs.
        prev: The record of the block before.
        done: How many blocks of the state's row were done when it was entered.
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
    done: int
    budget: int
    chain: int
    join: RecordKey | None
    chunk: JsonObject | None
    raw: JsonObject

    @classmethod
    def of(cls, run: JsonObject) -> Pointer:
        """The pointer of a state's input."""
        join = run.get("join")
        done, prev = _begun(run["r"], run["at"])
        return cls(
            ref=ExecutionRef(run["developer"], run["execution"]),
            program=run["program"],
            at=run["at"],
            prev=prev,
            done=done,
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


def _begun(r: JsonObject, at: str) -> tuple[int, RecordKey]:
    """How many blocks of a row are done, and the record before the next one."""
    prev = RecordKey.parse(r["prev"])
    if "more" not in r:
        return 0, prev
    try:
        said = _DONE.fullmatch(values.loads(r["more"]["Cause"])["errorMessage"])
    except (ValueError, KeyError, TypeError):
        said = None
    if said is None:
        raise InternalError("Where a row of blocks goes on can't be read")
    done, kind, block = said.groups()
    return int(done), prev if kind is None else RecordKey.parse(f"{kind}:{at}/{block}")
