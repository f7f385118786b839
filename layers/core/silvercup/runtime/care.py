"""Nothing stays unfinished for ever: what was lost is sent again, started again, replayed or closed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from silvercup import values
from silvercup.deletions import SWEEP_SHARDS, is_gone
from silvercup.errors import ConditionFailed, NotFound, SilvercupError
from silvercup.executions.cancel import Canceller
from silvercup.executions.execution import LIFE_CHECK_SECONDS, is_final
from silvercup.executions.joins import Joins
from silvercup.executions.keys import CORE, INIT, RUNS, SWEEP_INDEX, ExecutionRef, RecordKey
from silvercup.executions.launch import Launcher
from silvercup.executions.machines import Machines
from silvercup.executions.store import RunStore
from silvercup.executions.waits import UNSENT_SECONDS, Waits
from silvercup.resources.files import FileService
from silvercup.runtime.failing import Failures
from silvercup.runtime.removal import Remover
from silvercup.storage import Change, Item, Key, Tables
from silvercup.values import JsonObject

logger = logging.getLogger(__name__)

MAX_REPLAYS = 3
"""How often an execution whose machine was killed is replayed before it is closed as failed."""
_PAGE = 100


@dataclass(slots=True)
class Tally:
    """What one sweep did."""

    started: int = 0
    replayed: int = 0
    closed: int = 0
    sent: int = 0
    removing: int = 0
    errors: int = 0


class Caretaker:
    """Looks after unfinished executions, and after files that are not uploaded."""

    def __init__(
        self,
        *,
        tables: Tables,
        store: RunStore,
        waits: Waits,
        launcher: Launcher,
        canceller: Canceller,
        joins: Joins,
        machines: Machines,
        failures: Failures,
        remover: Remover,
        files: Callable[[], FileService],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tables = tables
        self._store = store
        self._waits = waits
        self._launcher = launcher
        self._canceller = canceller
        self._joins = joins
        self._machines = machines
        self._failures = failures
        self._remover = remover
        self._files = files
        self._clock = clock

    def sweep(self) -> Tally:
        """Look at everything that is due; an execution that can't be helped now stays due.

        Returns:
            What was done.
        """
        tally = Tally()
        for item in self._due(CORE, int(self._clock())):
            self._guarded(tally, lambda item=item: self._look_at(item, tally))
        for item in self._due(RUNS, int(self._clock())):
            self._guarded(tally, lambda item=item: self._send(item, tally))
        return tally

    def recover(self) -> Tally:
        """Replay every unfinished execution, whenever it is due: after a restart no machine runs any more."""
        tally = Tally()
        for item in self._due(CORE, None):
            self._guarded(tally, lambda item=item: self._start_again(item, tally))
        return tally

    def machine_ended(self, detail: JsonObject) -> None:
        """Take a status event of Step Functions: a machine that ended without ending its execution.

        Args:
            detail: The event's ``detail``: ``{executionArn, name, status, input, error?, cause?}``.
        """
        pointer = values.loads(detail.get("input") or "{}")
        if not isinstance(pointer, dict) or "developer" not in pointer:
            return
        ref = ExecutionRef(str(pointer["developer"]), str(pointer["execution"]))  # pyright: ignore[reportUnknownArgumentType]
        with suppress(NotFound):
            item = self._store.item(ref)
            if is_final(item):
                self._finish_cancelled(ref, item)
                self._failures.clear(ref, item)
            elif pointer.get("join"):
                self._child_ended(ref, item, RecordKey.parse(str(pointer["join"])), pointer)  # pyright: ignore[reportUnknownArgumentType]
            elif detail["executionArn"] == self._launcher.run_of(item).arn:
                self._after_death(ref, item, str(detail["status"]), str(detail.get("error") or ""), Tally())

    def _guarded(self, tally: Tally, work: Callable[[], None]) -> None:
        try:
            work()
        except SilvercupError:
            tally.errors += 1
            logger.exception("An unfinished execution could not be looked after; it stays due")

    def _due(self, table: str, before: int | None) -> Iterator[Item]:
        for shard in range(SWEEP_SHARDS):
            start: Item | None = None
            while True:
                page = self._tables.query(
                    table,
                    SWEEP_INDEX,
                    f"sweep#{shard}",
                    limit=_PAGE,
                    start=start,
                    before=None if before is None else before + 1,
                )
                keys = [Key(table, entry["pk"]) for entry in page.items]
                yield from self._tables.get_many(keys).values()
                start = page.next
                if start is None:
                    break

    def _look_at(self, item: Item, tally: Tally) -> None:
        if is_gone(item):
            self._remover.resend(item)
            tally.removing += 1
            return
        if item["kind"] == "file":
            self._files().sweep(item)
            return
        ref = ExecutionRef(item["tenant"], item["id"])
        if is_final(item):
            self._finish_cancelled(ref, item)
            return
        status = self._machines.status(self._launcher.run_of(item).arn)
        if status == "RUNNING":
            for path in item.get("open_joins") or ():
                if self._joins.status(ref, item, path) != "RUNNING":
                    self._child_ended(ref, item, RecordKey("join", path), None)
            self._look_later(ref)
        elif status is None:
            self._launcher.start(ref, item)
            self._look_later(ref)
            tally.started += 1
        else:
            self._after_death(ref, item, status, "", tally)

    def _child_ended(self, ref: ExecutionRef, item: Item, join: RecordKey, pointer: JsonObject | None) -> None:
        """Look after a child whose machine ended without telling its parent."""
        if not self._joins.child_ended(ref, item, join, pointer):
            why = "A part of the execution that ran as a child was stopped too often"
            self._failures.fail(ref, join, lambda _: why)

    def _after_death(self, ref: ExecutionRef, item: Item, status: str, error: str, tally: Tally) -> None:
        if status != "FAILED" and item.get("kills", 0) < MAX_REPLAYS:
            with suppress(ConditionFailed):
                self._launcher.replay(ref, item, killed=True)
                tally.replayed += 1
            return
        how = f"{status}: {error}" if error else status
        why = f"The state machine ended ({how}) before the execution did"
        self._failures.fail(ref, INIT, lambda _: why)
        tally.closed += 1

    def _start_again(self, item: Item, tally: Tally) -> None:
        if is_gone(item):
            self._remover.resend(item)
            tally.removing += 1
            return
        if item["kind"] == "file":
            return
        ref = ExecutionRef(item["tenant"], item["id"])
        if is_final(item):
            self._finish_cancelled(ref, item)
            return
        with suppress(ConditionFailed):
            self._launcher.replay(ref, item, killed=False)
            tally.replayed += 1

    def _finish_cancelled(self, ref: ExecutionRef, item: Item) -> None:
        if item["status"] == "cancelled" and "sweep" in item:
            self._canceller.finish(ref, item)

    def _look_later(self, ref: ExecutionRef) -> None:
        change = Change(set={"sweep_at": int(self._clock()) + LIFE_CHECK_SECONDS}, condition="attribute_exists(#sweep)")
        with suppress(ConditionFailed):
            self._store.change_execution(ref, change)

    def _send(self, item: Item, tally: Tally) -> None:
        tenant, _, execution_id = str(item["run"]).partition("#")
        ref = ExecutionRef(tenant, execution_id)
        self._store.change_record(item["pk"], Change(set={"sweep_at": int(self._clock()) + UNSENT_SECONDS}))
        send = self._joins.send if "join" in item else self._waits.send
        with suppress(NotFound):
            execution = self._store.item(ref)
            if is_final(execution):
                self._store.change_record(item["pk"], Change(remove=("sweep", "sweep_at")))
                return
        send(ref, item)
        tally.sent += 1
