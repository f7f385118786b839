"""Waits: open, answered or closed; one conditional change each, so that one answer wins."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from silvercup import values
from silvercup.errors import ConditionFailed, Conflict
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.machines import Machines
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.storage import Change, Item

MAX_OPEN_WAITS = 1000
UNSENT_SECONDS = 30
"""After this the sweeper sends an answer that was recorded and not sent."""

_INBOX = ("inbox", "inbox_at")


def opened(ref: ExecutionRef, record: Record, token: str, deadline: int) -> Item:
    """What the item of a wait's record has beside the record: it is open, and stands in its tenant's inbox."""
    place = f"{record.t:017d}#{ref.id}#{ref.record_hash(record.key)}"
    return {"wait": "open", "token": token, "deadline": deadline, "inbox": ref.tenant, "inbox_at": place}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an execution is resumed with.

    Attributes:
        text: Its JSON text.
        hash: Tells whether two answers are the same.
    """

    text: str
    hash: str

    @classmethod
    def of(cls, value: Any) -> Answer:
        """The answer of a JSON value."""
        return cls(values.dumps(value), values.digest(value)[:32])


class Waits:
    """The waits of executions."""

    def __init__(self, store: RunStore, machines: Machines) -> None:
        self._store = store
        self._machines = machines

    def answer(self, ref: ExecutionRef, pk: str, answer: Answer) -> Item | None:
        """Record an answer and wake the machine. The same answer again does what is left of it.

        Args:
            ref: The execution.
            pk: The wait record's partition key.
            answer: The answer.

        Returns:
            The execution's item after it, None when it is gone.

        Raises:
            Conflict: It was answered otherwise, or has been closed, or is not there yet (then it may be tried again).
        """
        now = int(time.time())
        change = Change(
            set={
                "wait": "answered",
                "answer": self._store.keep(ref, answer.text),
                "answer_hash": answer.hash,
                "sweep": ref.shard,
                "sweep_at": now + UNSENT_SECONDS,
            },
            remove=_INBOX,
            condition="#wait = :open",
            args={"open": "open"},
        )
        try:
            item = self._store.change_record(pk, change)
        except ConditionFailed as error:
            item = _answered_before(error.found, answer)
        return self.send(ref, item)

    def send(self, ref: ExecutionRef, item: Item) -> Item | None:
        """Wake the machine that waits for an answered wait, and note that this was done; the execution's item after it.

        A token that is no longer good needs nothing more: the machine has gone on, or the invocation that waits now finds
        the answer itself.
        """
        key = Record.from_item(item).key
        if not self._succeed(item, key):
            newer = self._store.record(ref, key)
            if newer is not None and newer["token"] != item["token"]:
                self._succeed(newer, key)
        execution = self.note_answered(ref, key.path, item["answer_hash"])
        self._store.change_record(item["pk"], Change(remove=("sweep", "sweep_at")))
        return execution

    def note_answered(self, ref: ExecutionRef, path: str, answer_hash: str) -> Item | None:
        """Take an answered wait off the execution's open ones, and remember it as the last one."""
        change = Change(
            set={"answered_path": path, "answered_hash": answer_hash},
            delete_from={"open_waits": {path}},
            condition="attribute_exists(#pk)",
        )
        try:
            return self._store.change_execution(ref, change)
        except ConditionFailed:
            return None

    def close(self, ref: ExecutionRef, keys: list[RecordKey], *, stop: bool) -> None:
        """Close the waits of an execution that has ended.

        Args:
            ref: The execution.
            keys: The waits.
            stop: Whether the machine still waits and has to be told.
        """
        for key in keys:
            change = Change(
                set={"wait": "closed"},
                remove=_INBOX,
                condition="#wait = :open OR #wait = :closed",
                args={"open": "open", "closed": "closed"},
            )
            try:
                item = self._store.change_record(ref.record_pk(key), change)
            except ConditionFailed:
                continue
            if stop:
                self._machines.fail(item["token"], "Silvercup.Failed", "The execution was cancelled")

    def _succeed(self, item: Item, key: RecordKey) -> bool:
        return self._machines.succeed(item["token"], {"prev": str(key), "go": 0, "left": 1})


def _answered_before(found: Any, answer: Answer) -> Item:
    if found is None:
        raise Conflict("The execution is just about to wait; try again in a moment", should_retry=True)
    if found.get("wait") == "answered" and found["answer_hash"] == answer.hash:
        return dict(found)
    if found.get("wait") == "answered":
        raise Conflict("This wait was answered already, with another input")
    raise Conflict("This wait is closed: the execution has ended")
