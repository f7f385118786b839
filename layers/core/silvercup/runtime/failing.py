"""Writing a failure down that no step wrote: a time-out, a killed function, a bug."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from silvercup import values
from silvercup.executions.endings import Endings, is_rough
from silvercup.executions.execution import is_final, open_waits
from silvercup.executions.keys import INIT, ExecutionRef, RecordKey
from silvercup.executions.record import Record, Values, log_of
from silvercup.executions.store import RunStore
from silvercup.executions.transition import Target, Transition
from silvercup.ids import now_us, uuid7
from silvercup.storage import Item
from silvercup.values import JsonObject

FAIL = RecordKey("fail", "")
_CLOCKS_DIFFER = 30
"""Seconds that a wait may seem to have left when it has expired."""
_KILLED = ("Sandbox.Timedout", "Lambda.Unknown", "Runtime.ExitError")


class Failures:
    """Ends executions that failed outside of a step."""

    def __init__(self, store: RunStore, endings: Endings) -> None:
        self._store = store
        self._endings = endings

    def caught(self, ref: ExecutionRef, prev: RecordKey, error: JsonObject, returns: set[RecordKey]) -> bool:
        """Write down what a state machine caught; does nothing where a step's own record says it already.

        Args:
            ref: The execution.
            prev: The last record that the machine knows of.
            error: Step Functions' ``{Error, Cause}``.
            returns: The records of a ``return`` that would have ended what failed before.

        Returns:
            Whether it failed; not where a ``return`` has won.
        """
        if returns and self._store.read_records(ref, returns):
            return False
        self.fail(ref, prev, lambda item: self._message(ref, item, error))
        return True

    def clear(self, ref: ExecutionRef, item: Item) -> None:
        """Close what is still open of an execution that has ended."""
        if item.get("open_joins"):
            self._endings.clear(ref, item)

    def fail(self, ref: ExecutionRef, prev: RecordKey, message: Callable[[Item], str]) -> None:
        """Fail an execution that has not ended.

        Args:
            ref: The execution.
            prev: The record after which it failed.
            message: Says why, given the execution's item.
        """
        batch = self._store.read(ref, {prev, INIT, FAIL})
        if batch.execution is None:
            return
        if is_final(batch.execution):
            self._endings.clear(ref, batch.execution)
            return
        if FAIL in batch.records:
            self._endings.end(ref, Record.from_item(batch.records[FAIL]))
            return
        before = Record.from_item(batch.records.get(prev) or batch.records[INIT])
        t = max(now_us(), before.last_t + 1)
        collected = Values()
        last = before.last or Record.from_item(batch.records[INIT]).last
        assert last is not None
        transition = Transition(
            id=uuid7(t),
            type="error",
            current=last.next or last.current,
            next=None,
            output=collected.add_value(message(batch.execution)),
        )
        record = Record(
            FAIL,
            t,
            1,
            log_of([transition]),
            transition,
            tuple(collected.texts),
            None,
            before.scopes,
            before.states,
            before.count + 1,
            rough=is_rough(before),
        )
        self._endings.end(ref, Record.from_item(self._store.commit(ref, record)))

    def _expired(self, ref: ExecutionRef, item: Item) -> Target | None:
        """The step of the open wait whose time is over."""
        found = self._store.records(ref.record_pk(key) for key in open_waits(item))
        due = [stored for stored in found.values() if stored["deadline"] <= time.time() + _CLOCKS_DIFFER]
        announced = Record.from_item(min(due, key=lambda stored: stored["deadline"])).last if due else None
        return None if announced is None else announced.current

    def _message(self, ref: ExecutionRef, item: Item, error: JsonObject) -> str:
        name = str(error.get("Error", ""))
        expired = self._expired(ref, item) if name == "States.Timeout" else None
        if expired is not None:
            return f"The wait at {expired.workflow}[{expired.step}] expired: nobody answered in time"
        if name == "States.Timeout" or name in _KILLED:
            return f"The step did not end in time, or its function was stopped ({name}), at every try"
        with suppress(ValueError, KeyError, TypeError):
            cause = values.loads(error["Cause"])
            return f"{cause['errorMessage']} ({cause['errorType']})"
        return f"The state machine failed: {name or 'unknown error'}"
