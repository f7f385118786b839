"""Joins: where a state machine waits for a child that it started, one conditional change each.

A join's record holds what the parent needs to go on, and is the only link between the two: the parent's newest token, which
try of the child runs, and how it ended.
"""

from __future__ import annotations

import time
from typing import Literal

from silvercup import values
from silvercup.errors import ConditionFailed
from silvercup.executions.execution import is_final
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.launch import Launcher
from silvercup.executions.machines import Machines
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.executions.waits import UNSENT_SECONDS, Waits
from silvercup.ids import hash128
from silvercup.storage import Change, Item
from silvercup.values import JsonObject

FAILED = "Silvercup.Failed"
RETURN = "Silvercup.Return"
MAX_CLOSED = 1_000
"""Loops left by a ``return`` while others ran beside it whose late transitions are hidden, in one execution."""
MAX_KILLS = 3
"""How often a child that was killed starts again."""

_OPEN = "#join = :open"
_LIVES = "attribute_exists(#pk) AND attribute_not_exists(#final_key)"

type Outcome = Literal["done", "failed", "returned"]


class Joins:
    """The joins of executions."""

    def __init__(self, store: RunStore, waits: Waits, machines: Machines, launcher: Launcher) -> None:
        self._store = store
        self._waits = waits
        self._machines = machines
        self._launcher = launcher

    def open(self, ref: ExecutionRef, execution: Item, record: Record, token: str, pointer: JsonObject) -> bool:
        """Start a child and let the state machine wait for it; may be repeated.

        Args:
            ref: The execution.
            execution: Its item.
            record: The join's record.
            token: Step Functions' token of this try.
            pointer: What the child starts with.

        Returns:
            Whether it may still run; not when the execution has ended.
        """
        key = record.key
        change = Change(add_to={"open_joins": {key.path}}, condition=_LIVES)
        try:
            execution = self._store.change_execution(ref, change)
        except ConditionFailed:
            return False
        item = self._store.commit(ref, record, {"join": "open", "token": token, "tries": 0, "kills": 0})
        self.again(ref, execution, item, token, pointer)
        return True

    def again(self, ref: ExecutionRef, execution: Item, item: Item, token: str, pointer: JsonObject) -> None:
        """See to it that the child of a join runs, or that its end is told."""
        if item["join"] == "open" and item["token"] != token:
            change = Change(set={"token": token}, condition=_OPEN, args={"open": "open"})
            try:
                item = self._store.change_record(item["pk"], change)
            except ConditionFailed as error:
                item = dict(error.found or item)
        if item["join"] != "open":
            self._tell(item, token)
            return
        self._run(ref, execution, item, pointer, kills=0)

    def child_ended(self, ref: ExecutionRef, execution: Item, key: RecordKey, pointer: JsonObject | None) -> bool:
        """Look after a child whose machine has ended or is gone, while its parent waits.

        Args:
            ref: The execution.
            execution: Its item.
            key: The join's key.
            pointer: What the child started with; None reads it from the join's record.

        Returns:
            Whether all is well; not when the child was killed too often.
        """
        item = self._store.record(ref, key)
        if item is None or item["join"] != "open":
            return True
        if item["kills"] >= MAX_KILLS:
            return self._machines.status(self._child_arn(ref, execution, item)) == "RUNNING"
        start = pointer or (self._store.load(item["start"]) if "start" in item else None)
        if start is not None:
            self._run(ref, execution, item, start, kills=1)
        return True

    def finish(self, ref: ExecutionRef, key: RecordKey, outcome: Outcome, prev: RecordKey, deadline: int) -> None:
        """Note how a child ended and let its parent go on; may be repeated, the first outcome counts.

        Args:
            ref: The execution.
            key: The join's key.
            outcome: How it ended.
            prev: The last record that it wrote.
            deadline: Until when a wait after it may take, in seconds since the epoch.
        """
        change = Change(
            set={
                "join": outcome,
                "prev": str(prev),
                "deadline": deadline,
                "sweep": ref.shard,
                "sweep_at": int(time.time()) + UNSENT_SECONDS,
            },
            condition=_OPEN,
            args={"open": "open"},
        )
        pk = ref.record_pk(key)
        try:
            item = self._store.change_record(pk, change)
        except ConditionFailed as error:
            if error.found is None:
                return
            item = dict(error.found)
        self.send(ref, item)

    def send(self, ref: ExecutionRef, item: Item) -> None:
        """Tell the parent how its child ended, and note that this was done."""
        key = RecordKey.parse(item["key"])
        if not self._tell(item, item["token"]):
            newer = self._store.record(ref, key)
            if newer is not None and newer["token"] != item["token"]:
                self._tell(newer, newer["token"])
        self._forget(ref, {key.path})
        self._store.change_record(item["pk"], Change(remove=("sweep", "sweep_at")))

    def stop(self, ref: ExecutionRef, execution: Item, outcome: Outcome, prefix: str = "") -> None:
        """Stop the children of an execution, or of the loop whose paths start with ``prefix``."""
        paths = {path for path in execution.get("open_joins") or () if path.startswith(prefix)}
        for path in sorted(paths):
            change = Change(set={"join": outcome}, condition=_OPEN, args={"open": "open"})
            try:
                item = self._store.change_record(ref.record_pk(RecordKey("join", path)), change)
            except ConditionFailed as error:
                if error.found is None:
                    continue
                item = dict(error.found)
            self._tell(item, item["token"])
            self._machines.stop(self._child_arn(ref, execution, item), "The execution does not need it any more")
        if paths:
            self._forget(ref, paths)

    def close(self, ref: ExecutionRef, prefix: str, t: int | None) -> None:
        """Close a loop that a ``return`` ended: what its iterations write later is not shown, their waits and children end.

        Args:
            ref: The execution.
            prefix: What their paths begin with.
            t: The time of the ``return``, in microseconds; None where nothing ran beside it.
        """
        if t is None:
            execution = self._store.item(ref)
        else:
            change = Change(
                add_to={"closed": {f"{t:017d}|{prefix}"}},
                condition="attribute_exists(#pk) AND (attribute_not_exists(#closed) OR size(#closed) < :most)",
                args={"most": MAX_CLOSED},
            )
            try:
                execution = self._store.change_execution(ref, change)
            except ConditionFailed as error:
                if error.found is None:
                    return
                execution = dict(error.found)
        waiting = [RecordKey("wait", path) for path in execution.get("open_waits") or () if path.startswith(prefix)]
        self._waits.close(ref, waiting, stop=False)
        if waiting:
            paths = {key.path for key in waiting}
            self._store.change_execution(ref, Change(delete_from={"open_waits": paths}))
        self.stop(ref, execution, "returned", prefix)

    def status(self, ref: ExecutionRef, execution: Item, path: str) -> str | None:
        """How the child of an open join is doing; ``RUNNING`` where there is nothing to look after."""
        item = self._store.record(ref, RecordKey("join", path))
        if item is None or item["join"] != "open":
            return "RUNNING"
        return self._machines.status(self._child_arn(ref, execution, item))

    def _run(self, ref: ExecutionRef, execution: Item, item: Item, pointer: JsonObject, *, kills: int) -> None:
        """Start the child of an open join: the try that was to start, or the next one if that has ended."""
        status = self._machines.status(self._child_arn(ref, execution, item)) if item["tries"] or kills else None
        if status == "RUNNING":
            return
        if status is None and item["tries"]:
            self._start(ref, execution, item, pointer)
            return
        change = Change(
            set={
                "tries": item["tries"] + 1,
                "kills": item["kills"] + kills,
                "start": self._store.keep(ref, values.dumps(pointer)),
            },
            condition=f"{_OPEN} AND #tries = :tries",
            args={"open": "open", "tries": item["tries"]},
        )
        try:
            item = self._store.change_record(item["pk"], change)
        except ConditionFailed:
            return
        self._start(ref, execution, item, pointer)

    def _start(self, ref: ExecutionRef, execution: Item, item: Item, pointer: JsonObject) -> None:
        if is_final(execution):
            return
        self._machines.start(self._launcher.run_of(execution).machine_arn, self._child_name(ref, item), pointer)

    def _child_name(self, ref: ExecutionRef, item: Item) -> str:
        place = hash128("child", item["key"]).hex()[:16]
        return f"{ref.id}-{place}-r{item['tries']}"

    def _child_arn(self, ref: ExecutionRef, execution: Item, item: Item) -> str:
        machine = self._launcher.run_of(execution).machine_arn
        return f"{machine.replace(':stateMachine:', ':execution:')}:{self._child_name(ref, item)}"

    def _tell(self, item: Item, token: str) -> bool:
        if item["join"] == "done":
            left = max(item["deadline"] - int(time.time()), 1)
            return self._machines.succeed(token, {"prev": item["prev"], "go": 0, "left": left})
        error = RETURN if item["join"] == "returned" else FAILED
        return self._machines.fail(token, error, "A part of the execution that ran as a child has ended it.")

    def _forget(self, ref: ExecutionRef, paths: set[str]) -> None:
        try:
            self._store.change_execution(
                ref, Change(delete_from={"open_joins": paths}, condition="attribute_exists(#pk)")
            )
        except ConditionFailed:
            return
