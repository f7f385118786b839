"""Cancelling: the flag first, so that nothing else can end the execution, then everything that has to stop."""

from __future__ import annotations

from silvercup.errors import Conflict
from silvercup.executions.endings import Endings, is_rough
from silvercup.executions.execution import is_final, open_waits
from silvercup.executions.joins import Joins
from silvercup.executions.keys import CANCELLED, INDEX_BY_RUN, INIT, RUNS, ExecutionRef
from silvercup.executions.launch import Launcher
from silvercup.executions.machines import Machines
from silvercup.executions.record import Record, Values, log_of
from silvercup.executions.store import RunStore
from silvercup.executions.transition import Transition
from silvercup.executions.waits import Waits
from silvercup.ids import now_us, uuid7
from silvercup.storage import Change, Item, Tables

_MESSAGE = "Workflow Cancelled"


class Canceller:
    """Cancels executions."""

    def __init__(
        self,
        store: RunStore,
        tables: Tables,
        endings: Endings,
        waits: Waits,
        joins: Joins,
        launcher: Launcher,
        machines: Machines,
    ) -> None:
        self._store = store
        self._tables = tables
        self._endings = endings
        self._waits = waits
        self._joins = joins
        self._launcher = launcher
        self._machines = machines

    def cancel(self, ref: ExecutionRef, reason: str | None) -> None:
        """Cancel an execution; cancelling it again does what is left to do.

        Args:
            ref: The execution.
            reason: Shown in the transition's metadata.

        Raises:
            NotFound: There is no such execution.
            Conflict: It has ended otherwise.
        """
        item = self._store.item(ref)
        if not is_final(item):
            record = self._record(ref, reason)
            flagged = self._endings.flag(ref, record, keep_unfinished=True)
            if flagged is not None and flagged["final_t"] == record.last_t:
                self._store.commit(ref, record)
            item = self._store.item(ref)
        if item["status"] != "cancelled":
            raise Conflict(f"The execution has {item['status']} already and can't be cancelled")
        self.finish(ref, item)

    def finish(self, ref: ExecutionRef, item: Item) -> None:
        """Stop everything of a cancelled execution; may be repeated."""
        if self._store.record(ref, CANCELLED) is None:
            self._store.commit(ref, self._record_at(ref, item["final_t"], item["final_count"], None))
        if "sweep" not in item:
            return
        self.stop(ref, item)
        self._store.change_execution(ref, Change(remove=("sweep", "sweep_at", "open_waits", "open_joins")))

    def stop(self, ref: ExecutionRef, item: Item) -> None:
        """Close the waits of an execution that has ended, and stop its machine; may be repeated.

        Args:
            ref: The execution.
            item: Its item, or what its tombstone keeps of it.
        """
        self._waits.close(ref, open_waits(item), stop=True)
        self._joins.stop(ref, item, "failed")
        self._machines.stop(self._launcher.run_of(item).arn, _MESSAGE)

    def _record(self, ref: ExecutionRef, reason: str | None) -> Record:
        last = self._latest(ref)
        return self._record_at(ref, max(now_us(), last.last_t + 1), last.count + 1, reason, last)

    def _latest(self, ref: ExecutionRef) -> Record:
        page = self._tables.query(RUNS, INDEX_BY_RUN, ref.run, descending=True, limit=1)
        pk = page.items[0]["pk"] if page.items else ref.record_pk(INIT)
        return Record.from_item(self._store.records([pk])[pk])

    def _record_at(
        self, ref: ExecutionRef, t: int, count: int, reason: str | None, last: Record | None = None
    ) -> Record:
        last = last or self._latest(ref)
        latest = last.last
        if latest is None:
            first = self._store.records([ref.record_pk(INIT)])[ref.record_pk(INIT)]
            latest = Record.from_item(first).last
        assert latest is not None
        values = Values()
        transition = Transition(
            id=uuid7(t),
            type="cancelled",
            current=latest.next or latest.current,
            next=None,
            output=values.add_value(_MESSAGE),
            metadata={"reason": reason} if reason else {},
        )
        return Record(
            CANCELLED,
            t,
            1,
            log_of([transition]),
            transition,
            tuple(values.texts),
            None,
            last.scopes,
            last.states,
            count,
            rough=is_rough(last),
        )
