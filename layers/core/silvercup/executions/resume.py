"""Resuming: an answer finds its wait, by execution, by transition, or by our task token."""

from __future__ import annotations

from typing import Any

from silvercup.errors import Conflict
from silvercup.executions.execution import is_final, open_waits
from silvercup.executions.keys import ExecutionRef
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.executions.tokens import TaskTokens
from silvercup.executions.waits import Answer, Waits
from silvercup.storage import Item


class Resumer:
    """Answers waits."""

    def __init__(self, store: RunStore, waits: Waits, tokens: TaskTokens) -> None:
        self._store = store
        self._waits = waits
        self._tokens = tokens

    def resume(self, ref: ExecutionRef, value: Any, *, is_retry: bool, transition_id: str | None = None) -> Item:
        """Answer the one wait of an execution that is open, or the one of a transition.

        The same answer again changes nothing.

        Args:
            ref: The execution.
            value: The answer.
            is_retry: Whether the client says that it sends this again.
            transition_id: The ``wait`` transition, needed when several are open.

        Returns:
            The execution's item after it.

        Raises:
            NotFound: There is no such execution.
            Conflict: Nothing waits, or several waits do, or the wait was answered otherwise.
        """
        item = self._store.item(ref)
        answer = Answer.of(value)
        again = item.get("answered_hash") == answer.hash
        if again and is_retry and transition_id is None:
            return item
        if is_final(item) or not item.get("open_waits"):
            if again:
                return item
            raise Conflict(_not_waiting(item))
        pk = self._wait_of(ref, item, transition_id)
        if pk is None:
            if again:
                return item
            raise Conflict(f"No wait of transition {(transition_id or '')[:40]} is open")
        return self._waits.answer(ref, pk, answer) or self._store.item(ref)

    def resume_by_token(self, token: str, value: Any) -> ExecutionRef:
        """Answer the wait that a task token stands for; needs no other key.

        Returns:
            The execution.

        Raises:
            Forbidden: The token is not ours.
            NotFound: The execution is gone.
            Conflict: The wait was answered otherwise, or is closed.
        """
        ref, record_hash = self._tokens.open(token)
        self._store.item(ref)
        self._waits.answer(ref, f"{ref.run}#{record_hash}", Answer.of(value))
        return ref

    def _wait_of(self, ref: ExecutionRef, item: Item, transition_id: str | None) -> str | None:
        """The partition key of the wait that is meant, or None where that of the transition is not open."""
        pks = [ref.record_pk(key) for key in open_waits(item)]
        if transition_id is None:
            if len(pks) == 1:
                return pks[0]
            raise Conflict(f"{len(pks)} waits are open; name one by its transition_id or resume by its task token")
        for pk, stored in self._store.records(pks).items():
            announced = Record.from_item(stored).last
            if announced is not None and announced.id == transition_id:
                return pk
        return None


def _not_waiting(item: Item) -> str:
    if is_final(item):
        return f"The execution has {item['status']} and can't be resumed"
    if "answered_hash" in item:
        return "The execution does not wait for input now; its last wait was answered, with another input"
    return f"The execution is {item['status']} and does not wait for input"
