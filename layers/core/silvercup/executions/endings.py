"""The end of an execution: the terminal record first, then the flag that everybody reads."""

from __future__ import annotations

from silvercup.errors import ConditionFailed
from silvercup.executions.execution import open_waits, state_partition
from silvercup.executions.joins import Joins
from silvercup.executions.keys import ExecutionRef
from silvercup.executions.paths import in_loop
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.executions.transition import TERMINAL
from silvercup.executions.waits import Waits
from silvercup.settings import Settings
from silvercup.storage import Change, Item


def is_rough(record: Record) -> bool:
    """Whether a record's count may miss transitions: others may have run beside it."""
    return record.rough or in_loop(record.by or record.key.path)


class Endings:
    """Sets the final flag, once."""

    def __init__(self, store: RunStore, waits: Waits, joins: Joins, settings: Settings) -> None:
        self._store = store
        self._waits = waits
        self._joins = joins
        self._ttl_days = settings.run_ttl_days

    def end(self, ref: ExecutionRef, record: Record) -> None:
        """Flag the execution as ended by this record; does nothing when another record ended it before.

        Args:
            ref: The execution.
            record: A record with a terminal transition.
        """
        item = self.flag(ref, record)
        if item is not None:
            self.clear(ref, item)

    def clear(self, ref: ExecutionRef, item: Item) -> None:
        """Close what is still open of an execution that has ended: its waits, and the children that its machine waits for."""
        self._waits.close(ref, open_waits(item), stop=False)
        self._joins.stop(ref, item, "failed")

    def flag(self, ref: ExecutionRef, record: Record, *, keep_unfinished: bool = False) -> Item | None:
        """Set the final flag.

        Args:
            ref: The execution.
            record: The record with the terminal transition; it may still have to be written.
            keep_unfinished: Leave it in the sweeper's index, for what is left to do.

        Returns:
            The execution's item as it is now, or None when it was deleted or ended by another record.
        """
        terminal = record.terminal
        assert terminal is not None
        status = TERMINAL[terminal.type]
        final = {
            "status": status,
            "state": state_partition(ref.tenant, status),
            "final_key": str(record.key),
            "final_t": record.last_t,
            "final_count": record.count,
            **({"final_rough": True} if is_rough(record) else {}),
            "updated": f"{record.last_t:017d}#{ref.id}",
        }
        if self._ttl_days:
            final["expires"] = record.last_t // 1_000_000 + self._ttl_days * 86_400
        change = Change(
            set=final,
            remove=() if keep_unfinished else ("sweep", "sweep_at"),
            condition="attribute_exists(#pk) AND attribute_not_exists(#final_key)",
        )
        try:
            return self._store.change_execution(ref, change)
        except ConditionFailed as error:
            found = error.found
            return dict(found) if found is not None and found.get("final_key") == str(record.key) else None
