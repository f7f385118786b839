"""Works deletions off: everything that a deleted entity leaves behind, a slice per message (RUNTIME.md 6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from silvercup.deletions import RESEND_SECONDS, DeleteQueue, Deletion, Graves, is_gone
from silvercup.docs.documents import TABLE as DOCS
from silvercup.docs.documents import DocOwner, partition
from silvercup.docs.service import DocService
from silvercup.errors import ConditionFailed, NotFound
from silvercup.executions.cancel import Canceller
from silvercup.executions.execution import is_final, remains
from silvercup.executions.keys import CANCELLED, CORE, INDEX_BY_RUN, RUNS, ExecutionRef
from silvercup.ids import now_us
from silvercup.resources.file_item import folder as files_of
from silvercup.resources.files import UPLOAD_SECONDS
from silvercup.resources.names import Names
from silvercup.resources.secret_items import Scope, pointer_key
from silvercup.resources.session_links import Participant, link_key
from silvercup.resources.session_links import partition as sessions_of
from silvercup.storage import Blobs, Change, Item, Key, Tables
from silvercup.usage.spending import remains as usage_of
from silvercup.values import JsonObject, loads

SLICE = 500
"""Deletes of one message."""
LINGER_SECONDS = 960
"""How long a tombstone stands after all was removed: a function that was at work then has ended (900 seconds), and what it still wrote is removed too."""
UPLOAD_LINGER_SECONDS = UPLOAD_SECONDS + 43_200
"""The same for a file: until the last upload that could begin has ended."""
_PAGE = 100
_LAG_SECONDS = 2


class SessionRemains(Protocol):
    """What chats leave behind."""

    def remove(self, tenant: str, session_id: str, grave: Item, limit: int) -> int:
        """Remove some of what a deleted session's chats have written.

        Args:
            tenant: Whose.
            session_id: Which session.
            grave: Its tombstone, or that of its history, with the ``window`` that it had.
            limit: How many deletes at most, 1 or more.

        Returns:
            How many deletes were made; fewer than ``limit``: nothing is left.
        """
        ...


class _Slice:
    """What one message may still do.

    Attributes:
        left: How many deletes.
        lagging: Whether an index still named what is gone already.
    """

    def __init__(self, left: int) -> None:
        self.left = left
        self.lagging = False

    @property
    def over(self) -> bool:
        """Whether the rest is for another message."""
        return self.left <= 0 or self.lagging


class Remover:
    """Removes what belongs to deleted entities.

    Every slice starts from what is still there, so it may be killed anywhere, run twice or at the same time as another one.

    Args:
        tables: Where items are.
        blobs: Where bodies are.
        canceller: Stops what still runs.
        graves: Buries the tasks of an agent and the executions of a task that may still write.
        queue: Takes the message for the next slice.
        docs: Takes docs away.
        sessions: Takes away what chats have written; None: they have written nothing but blobs.
        size: Deletes of one slice.
        linger_seconds: See ``LINGER_SECONDS``.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        tables: Tables,
        blobs: Blobs,
        canceller: Canceller,
        graves: Graves,
        queue: DeleteQueue,
        docs: DocService,
        sessions: SessionRemains | None = None,
        size: int = SLICE,
        linger_seconds: int = LINGER_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tables = tables
        self._blobs = blobs
        self._canceller = canceller
        self._graves = graves
        self._queue = queue
        self._docs = docs
        self._sessions = sessions
        self._size = size
        self._linger = linger_seconds
        self._clock = clock

    def work(self, message: JsonObject) -> None:
        """Work off one slice, and send the message for the next one while there is more."""
        deletion = Deletion.of(message)
        grave = self._open(deletion)
        if grave is None:
            return
        part = _Slice(self._size)
        kinds = {
            "agent": self._agent,
            "user": self._user,
            "session": self._session,
            "history": self._history,
            "task": self._task,
            "execution": self._execution,
            "file": self._file,
        }
        kinds[deletion.kind](deletion, grave, part)
        if part.over:
            again = replace(deletion, turn=deletion.turn + 1)
            self._queue.send(again.message, _LAG_SECONDS if part.lagging else 0)
        else:
            self._close(deletion)

    def resend(self, tombstone: Item) -> None:
        """Send a deletion's message again; for the sweeper, when a tombstone is due."""
        deletion = Deletion.of_tombstone(tombstone)
        with suppress(ConditionFailed):
            self._tables.update(Key(CORE, deletion.pk), self._later(deletion))
            self._queue.send(deletion.message)

    def _open(self, deletion: Deletion) -> Item | None:
        """The tombstone, for this slice alone to close; None when another entity or nothing is in its place."""
        try:
            return self._tables.update(Key(CORE, deletion.pk), replace(self._later(deletion), remove=("passed",)))
        except ConditionFailed:
            return None

    def _later(self, deletion: Deletion) -> Change:
        due = int(self._clock()) + RESEND_SECONDS
        return Change(set={"sweep_at": due}, condition="#gone = :gone", args={"gone": deletion.gone})

    def _close(self, deletion: Deletion) -> None:
        key = Key(CORE, deletion.pk)
        linger = max(self._linger, UPLOAD_LINGER_SECONDS) if deletion.kind == "file" else self._linger
        until = deletion.gone // 1_000_000 + linger
        args = {"gone": deletion.gone}
        with suppress(ConditionFailed):
            if self._clock() < until:
                change = Change(set={"passed": 1, "sweep_at": until + 1}, condition="#gone = :gone", args=args)
                self._tables.update(key, change)
            else:
                self._tables.delete(key, condition="#gone = :gone", args=args)

    def _agent(self, deletion: Deletion, grave: Item, part: _Slice) -> None:
        self._release("agent", deletion.tenant, grave["name"], deletion.id)
        for tool in self._listed(f"{deletion.tenant}#tool#{deletion.id}", part):
            name = loads(tool["body"])["name"]
            self._release("tool", deletion.tenant, name, tool["id"], deletion.id, fold=False)
            self._tables.delete(Key(CORE, tool["pk"]))
        for secret in self._listed(Scope(deletion.tenant, deletion.id).partition, part):
            self._tables.delete(pointer_key(deletion.tenant, secret["id"]))
            self._tables.delete(Key(CORE, secret["pk"]))
        for task in self._listed(f"{deletion.tenant}#task#{deletion.id}", part):
            with suppress(NotFound):
                self._graves.bury("task", deletion.tenant, task["id"], {"name": task["canonical_name"]})
        self._bury_docs(deletion.tenant, DocOwner("agent", deletion.id), part)
        self._leave_sessions(deletion.tenant, Participant("agent", deletion.id), part)

    def _user(self, deletion: Deletion, grave: Item, part: _Slice) -> None:
        del grave
        self._bury_docs(deletion.tenant, DocOwner("user", deletion.id), part)
        self._leave_sessions(deletion.tenant, Participant("user", deletion.id), part)

    def _session(self, deletion: Deletion, grave: Item, part: _Slice) -> None:
        names: list[str] = grave["participants"]
        keys = [link_key(deletion.tenant, Participant.of(name), deletion.id) for name in names]
        for key in self._tables.get_many(keys):
            if part.over:
                return
            self._tables.delete(key)
            part.left -= 1
        if self._sessions is not None and not part.over:
            part.left -= self._sessions.remove(deletion.tenant, deletion.id, grave, part.left)
        if not part.over:
            self._remove_blobs(f"{deletion.tenant}/sessions/{deletion.id}/", part)

    def _history(self, deletion: Deletion, grave: Item, part: _Slice) -> None:
        if self._sessions is not None:
            part.left -= self._sessions.remove(deletion.tenant, grave["session"], grave, part.left)

    def _file(self, deletion: Deletion, grave: Item, part: _Slice) -> None:
        del grave
        self._remove_blobs(files_of(deletion.tenant, deletion.id), part)

    def _leave_sessions(self, tenant: str, participant: Participant, part: _Slice) -> None:
        """Take the list of a participant's sessions away; the sessions stay."""
        for entry in self._entries(CORE, "by_created", sessions_of(tenant, participant), part):
            self._tables.delete(Key(CORE, entry["pk"]))

    def _bury_docs(self, tenant: str, owner: DocOwner, part: _Slice) -> None:
        for doc in self._listed(partition(tenant, owner), part, DOCS):
            self._docs.bury(doc)

    def _task(self, deletion: Deletion, grave: Item, part: _Slice) -> None:
        self._release("task", deletion.tenant, grave["name"], deletion.id)
        for execution in self._listed(f"{deletion.tenant}#execution#{deletion.id}", part):
            ref = ExecutionRef(deletion.tenant, execution["id"])
            if not self._at_rest(execution):
                self._bury(ref)
            elif self._remove_run(ref, part):
                self._tables.delete(Key(CORE, ref.item_pk))
        for version in self._listed(f"{deletion.tenant}#version#{deletion.id}", part):
            self._tables.delete(Key(CORE, version["pk"]))
        if not part.over:
            self._remove_blobs(f"{deletion.tenant}/tasks/{deletion.id}/", part)

    def _execution(self, deletion: Deletion, grave: Item, part: _Slice) -> None:
        ref = ExecutionRef(deletion.tenant, deletion.id)
        if "unstopped" in grave:
            self._canceller.stop(ref, grave)
            args = {"gone": deletion.gone}
            with suppress(ConditionFailed):
                stopped = Change(remove=("unstopped",), condition="#gone = :gone", args=args)
                self._tables.update(Key(CORE, deletion.pk), stopped)
        self._remove_run(ref, part)

    def _at_rest(self, execution: Item) -> bool:
        """Whether nothing can write to an execution any more: it succeeded, or ended long ago."""
        if not is_final(execution) or "sweep" in execution:
            return False
        ended = execution["final_t"] // 1_000_000
        return execution["status"] == "succeeded" or self._clock() >= ended + self._linger

    def _bury(self, ref: ExecutionRef) -> None:
        """End an execution and put a tombstone in its place.

        Its own message stops what still runs and removes the rest: one that can't be stopped keeps nothing else from going.
        """
        end = Change(
            set={"status": "cancelled", "final_key": str(CANCELLED), "final_t": now_us(), "final_count": 0},
            condition="attribute_exists(#pk) AND attribute_not_exists(#final_key) AND attribute_not_exists(#gone)",
        )
        try:
            item = self._tables.update(Key(CORE, ref.item_pk), end)
        except ConditionFailed as failure:
            item = dict(failure.found or {"gone": 1})
        if not is_gone(item):
            with suppress(NotFound):
                self._graves.bury("execution", ref.tenant, ref.id, remains(item))

    def _remove_run(self, ref: ExecutionRef, part: _Slice) -> bool:
        """Remove an execution's records and values; says whether all of them are gone."""
        for entry in self._entries(RUNS, INDEX_BY_RUN, ref.run, part):
            key = Key(RUNS, entry["pk"])
            if "spent" in entry:
                self._keep_usage(key)
            self._tables.delete(key)
        if part.over:
            return False
        return self._remove_blobs(f"{ref.tenant}/runs/{ref.id}/", part)

    def _keep_usage(self, key: Key) -> None:
        """Write down by itself what the calls of a record used, before the record goes."""
        kept = usage_of(self._tables.get(key) or {})
        if kept is not None:
            self._tables.put(CORE, kept)

    def _remove_blobs(self, prefix: str, part: _Slice) -> bool:
        while names := self._blobs.names(prefix, 1000):
            if part.over:
                return False
            self._blobs.delete(names)
            part.left -= 1
        return True

    def _release(
        self, kind: str, tenant: str, name: str, entity_id: str, scope: str = "", *, fold: bool = True
    ) -> None:
        if name:
            Names(self._tables, kind, _nobody, fold=fold).release(tenant, name, entity_id, scope)

    def _listed(self, partition: str, part: _Slice, table: str = CORE) -> Iterator[Item]:
        """The items of a list, until the slice is over; an entry whose item is gone is passed over."""
        for entry in self._entries(table, "by_created", partition, part):
            item = self._tables.get(Key(table, entry["pk"]))
            if item is not None and not is_gone(item):
                yield item

    def _entries(self, table: str, index: str, partition: str, part: _Slice) -> Iterator[Item]:
        """What an index lists, each once, from its start again and again until it is empty or the slice is over."""
        seen: set[str] = set()
        while not part.over:
            page = self._tables.query(table, index, partition, limit=min(part.left, _PAGE))
            fresh = [entry for entry in page.items if entry["pk"] not in seen]
            if page.items and not fresh:
                part.lagging = True
            if not page.items:
                return
            seen.update(entry["pk"] for entry in fresh)
            for entry in fresh:
                if part.over:
                    return
                part.left -= 1
                yield entry


def _nobody(tenant: str, entity_id: str, name: str) -> bool:
    del tenant, entity_id, name
    return False
