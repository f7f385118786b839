"""Waits: open, answered or closed; one conditional change each, so that one answer wins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from silvercup import values
from silvercup.errors import ConditionFailed, Conflict, InvalidInput, Problem
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.machines import Machines
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.storage import Change, Item

MAX_OPEN_WAITS = 1000
UNSENT_SECONDS = 30
"""After this the sweeper sends an answer that was recorded and not sent."""

_INBOX = ("inbox", "inbox_at")


def opened(ref: ExecutionRef, record: Record, token: str, deadline: int, calls: Sequence[str] = ()) -> Item:
    """What the item of a wait's record has beside the record: it is open, and stands in its tenant's inbox.

    Args:
        ref: The execution.
        record: The record.
        token: Step Functions' token.
        deadline: When it expires, seconds since the epoch.
        calls: The ids of the calls of tools that it waits for; where there are several, the answer has a result for each.
    """
    place = f"{record.t:017d}#{ref.id}#{ref.record_hash(record.key)}"
    several = {"calls": list(calls)} if len(calls) > 1 else {}
    return {"wait": "open", "token": token, "deadline": deadline, "inbox": ref.tenant, "inbox_at": place, **several}


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
            InvalidInput: It waits for the results of several calls, and the answer is not an object of these.
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
            condition="#wait = :open AND attribute_not_exists(#calls)",
            args={"open": "open"},
        )
        try:
            item = self._store.change_record(pk, change)
        except ConditionFailed as error:
            item = self._answer_calls(pk, change, error.found, answer)
        return self.send(ref, item)

    def _answer_calls(self, pk: str, change: Change, found: Any, answer: Answer) -> Item:
        """Record the results of several calls, which are checked first; or find that something was answered before."""
        if found is None or found.get("wait") != "open":
            return _answered_before(found, answer)
        _check_results(found["calls"], answer)
        try:
            return self._store.change_record(pk, replace(change, condition="#wait = :open"))
        except ConditionFailed as error:
            return _answered_before(error.found, answer)

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


def _check_results(calls: Sequence[str], answer: Answer) -> None:
    results: Any = values.loads(answer.text)
    given = set(cast("dict[str, Any]", results)) if isinstance(results, dict) else set[str]()
    problems = [Problem(f"input.{call}", "is missing: the result of this call") for call in calls if call not in given]
    problems += [Problem(f"input.{name}", "is the id of none of these calls") for name in sorted(given - set(calls))]
    if problems:
        wanted = f"{len(calls)} calls of tools are waited for; send an object with the result of each by its id: {', '.join(calls)}"
        raise InvalidInput(wanted, problems)


def _answered_before(found: Any, answer: Answer) -> Item:
    if found is None:
        raise Conflict("The execution is just about to wait; try again in a moment", should_retry=True)
    if found.get("wait") == "answered" and found["answer_hash"] == answer.hash:
        return dict(found)
    if found.get("wait") == "answered":
        raise Conflict("This wait was answered already, with another input")
    raise Conflict("This wait is closed: the execution has ended")
