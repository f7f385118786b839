"""Where executions and their records are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from silvercup.deletions import sweep_shard
from silvercup.ids import hash128

type RecordKind = Literal[
    "init", "block", "pure", "effect", "round", "call", "wait", "return", "join", "slice", "fail", "cancelled"
]

CORE = "core"
RUNS = "runs"
"""Logical names of the tables."""

INDEX_BY_RUN = "by_run"
SWEEP_INDEX = "sweep"
INBOX_INDEX = "inbox"


@dataclass(frozen=True, slots=True)
class RecordKey:
    """What identifies a record inside its execution.

    Attributes:
        kind: What wrote it.
        path: Where: a static position with the iterations and calls on the way (``main/b3``).
    """

    kind: RecordKind
    path: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}"

    @classmethod
    def parse(cls, text: str) -> RecordKey:
        """The key of ``str(key)``."""
        kind, _, path = text.partition(":")
        return cls(kind, path)  # pyright: ignore[reportArgumentType]


INIT = RecordKey("init", "")
CANCELLED = RecordKey("cancelled", "")


@dataclass(frozen=True, slots=True)
class ExecutionRef:
    """One execution of one developer; the only way to its items, so tenants can't meet.

    Attributes:
        tenant: The developer's id.
        id: The execution's id.
    """

    tenant: str
    id: str

    @property
    def item_pk(self) -> str:
        """The partition key of the execution's item, in the ``core`` table."""
        return f"{self.tenant}#execution#{self.id}"

    @property
    def run(self) -> str:
        """The partition of the index that lists the records in order of time."""
        return f"{self.tenant}#{self.id}"

    def record_pk(self, key: RecordKey) -> str:
        """The partition key of a record: a hash, so that paths of any length fit and no partition is hot."""
        return f"{self.run}#{self.record_hash(key)}"

    def record_hash(self, key: RecordKey) -> str:
        """32 hex digits that stand for a record's key."""
        return hash128(key.kind, key.path).hex()

    @property
    def shard(self) -> str:
        """The execution's partition in the sparse indexes."""
        return sweep_shard(self.id)


def blob_name(ref: ExecutionRef, content_hash: str) -> str:
    """The name of a large value: by content, so that two attempts can't write over each other."""
    return f"{ref.tenant}/runs/{ref.id}/{content_hash[:32]}"
