"""The API's operations on executions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from silvercup import values
from silvercup.deletions import Graves
from silvercup.errors import ConditionFailed, Conflict
from silvercup.executions.cancel import Canceller
from silvercup.executions.execution import is_final, new_item, remains
from silvercup.executions.history import History
from silvercup.executions.keys import CORE, INIT, RUNS, ExecutionRef
from silvercup.executions.launch import Launcher
from silvercup.executions.reading import Reader
from silvercup.executions.record import Record, log_of
from silvercup.executions.resume import Resumer
from silvercup.executions.schema import check_input
from silvercup.executions.search import Search
from silvercup.executions.store import RunStore
from silvercup.executions.stream import Feed, StatusFeed, TransitionFeed
from silvercup.executions.tokens import TaskTokens
from silvercup.executions.transition import Target, Transition
from silvercup.executions.waits import Waits
from silvercup.ids import derived_uuid7, now_us, time_of
from silvercup.listing import Owner
from silvercup.paging import Listed, ListQuery
from silvercup.storage import Item, Tables
from silvercup.values import JsonObject

_RETRY_US = 300_000_000
"""How long a POST may be repeated without a key, microseconds."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """What is needed of a task version to run it.

    Attributes:
        task_id: The task.
        version: Its newest version.
        agent_id: Its agent.
        program: The program's blob.
        definition: The state machine definition's blob.
        digest: The definition's digest.
        input_schema: JSON Schema of the input, or None.
    """

    task_id: str
    version: int
    agent_id: str
    program: str
    definition: str
    digest: str
    input_schema: dict[str, Any] | None


class RunnableTasks(Protocol):
    """Finds tasks to run."""

    def runnable(self, tenant: str, task_id: str) -> Runnable:
        """The newest version of a task.

        Raises:
            NotFound: There is no such task.
        """
        ...

    def owner(self, tenant: str, task_id: str) -> Owner:
        """A task as what its executions belong to."""
        ...


class ExecutionService:
    """Creates, shows, resumes and cancels executions."""

    def __init__(
        self,
        *,
        tables: Tables,
        store: RunStore,
        waits: Waits,
        launcher: Launcher,
        canceller: Canceller,
        tokens: TaskTokens,
        tasks: RunnableTasks,
        graves: Graves,
    ) -> None:
        self._tables = tables
        self._store = store
        self._tasks = tasks
        self._launcher = launcher
        self._graves = graves
        self._canceller = canceller
        self._history = History(store, tables)
        self._reader = Reader(store, tables, tokens)
        self._resumer = Resumer(store, waits, tokens)

    def create(
        self,
        tenant: str,
        task_id: str,
        *,
        input: JsonObject,
        metadata: JsonObject | None,
        execution_id: str,
        claim: Item | None = None,
    ) -> JsonObject:
        """Start an execution of a task; with an id that was used for the same, it is the same execution.

        Args:
            tenant: The developer.
            task_id: The task.
            input: What the first step gets.
            metadata: The caller's own.
            execution_id: Its id, a UUID.
            claim: What a repeated POST finds the id by, to be written before there is an execution; then the id is a new one.

        Returns:
            The execution, with v1's ``metadata.jobs``.

        Raises:
            NotFound: There is no such task.
            InvalidInput: The input breaks the task's schema.
            Conflict: The id is another execution's.
        """
        task = self._tasks.runnable(tenant, task_id)
        check_input(task.input_schema, input)
        ref = ExecutionRef(tenant, execution_id)
        now = _made_at(execution_id)
        init = _init_record(ref, self._store.keep(ref, values.dumps(input)), now)
        if claim is None:
            self._store.commit(ref, init)
        else:
            self._tables.put_many([(CORE, claim), (RUNS, init.as_item(ref))])
        item = new_item(
            ref,
            task_id=task_id,
            task_version=task.version,
            agent_id=task.agent_id,
            program=task.program,
            definition=task.definition,
            digest=task.digest,
            metadata=metadata or {},
            created_at=now,
        )
        try:
            self._tables.put(CORE, item, if_absent=True)
            fresh = True
        except ConditionFailed as error:
            fresh = False
            item = dict(error.found or {})
            if item.get("task_id") != task_id:
                raise Conflict(f"There is an execution {execution_id} already") from None
        if item["status"] == "queued":
            self._launcher.start(ref, item)
        if fresh:
            shown = self._reader.just_made(item, input)
        elif "final_key" in item:
            shown = self._reader.get(ref)
        else:
            shown = self._reader.show(ref, {**item, "status": "queued"})
        shown["metadata"] = {**(metadata or {}), "jobs": [execution_id]}
        return shown

    def get(self, tenant: str, execution_id: str) -> JsonObject:
        """One execution."""
        return self._reader.get(ExecutionRef(tenant, execution_id))

    def list(self, tenant: str, task_id: str, query: ListQuery) -> Listed[JsonObject]:
        """The executions of a task.

        Raises:
            NotFound: There is no such task.
        """
        return self._reader.list(tenant, task_id, query, self._tasks.owner(tenant, task_id))

    def find(self, tenant: str, search: Search, query: ListQuery) -> Listed[JsonObject]:
        """The executions of all tasks that a search is for; see ``Reader.find``."""
        return self._reader.find(tenant, search, query)

    def waits(self, tenant: str, query: ListQuery) -> Listed[JsonObject]:
        """The open waits of all executions, the newest first."""
        return self._reader.waits(tenant, query)

    def transitions(
        self, tenant: str, execution_id: str, query: ListQuery, scope_id: str | None = None
    ) -> Listed[JsonObject]:
        """One page of an execution's transitions."""
        return self._history.list(ExecutionRef(tenant, execution_id), query, scope_id)

    def transition(self, tenant: str, execution_id: str, transition_id: str) -> JsonObject:
        """One transition."""
        return self._history.get(ExecutionRef(tenant, execution_id), transition_id)

    def resume(
        self,
        tenant: str,
        execution_id: str,
        input: JsonObject | None,
        *,
        is_retry: bool = False,
        transition_id: str | None = None,
    ) -> JsonObject:
        """Answer the wait of an execution; see ``Resumer.resume``."""
        ref = ExecutionRef(tenant, execution_id)
        item = self._resumer.resume(ref, input, is_retry=is_retry, transition_id=transition_id)
        return self._reader.show(ref, item)

    def resume_by_token(self, token: str, input: JsonObject | None) -> JsonObject:
        """Answer the wait that a task token stands for."""
        return self._reader.get(self._resumer.resume_by_token(token, input))

    def cancel(self, tenant: str, execution_id: str, reason: str | None = None) -> JsonObject:
        """Cancel an execution; see ``Canceller.cancel``."""
        ref = ExecutionRef(tenant, execution_id)
        self._canceller.cancel(ref, reason)
        return self._reader.get(ref)

    def delete(self, tenant: str, execution_id: str) -> JsonObject:
        """Take an execution away; one that has not ended is cancelled first. Its records follow in slices.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: There is no such execution.
        """
        ref = ExecutionRef(tenant, execution_id)
        item = self._store.item(ref)
        if not is_final(item) or "sweep" in item:
            with suppress(Conflict):
                self._canceller.cancel(ref, "The execution was deleted")
            item = self._store.item(ref)
        return self._graves.bury("execution", tenant, execution_id, remains(item))

    def transition_feed(self, tenant: str, execution_id: str, token: str | None = None) -> Feed:
        """A feed of every transition, from a token on."""
        return TransitionFeed(
            ExecutionRef(tenant, execution_id),
            token,
            store=self._store,
            history=self._history,
            tables=self._tables,
        )

    def status_feed(self, tenant: str, execution_id: str) -> Feed:
        """A feed of the execution, whenever it changes."""
        return StatusFeed(ExecutionRef(tenant, execution_id), store=self._store, reader=self._reader)


def _made_at(execution_id: str) -> int:
    """The time of the id, where that is new: so all attempts of one POST write the same first record."""
    now, claimed = now_us(), time_of(execution_id)
    return claimed if now - _RETRY_US <= claimed <= now else now


def _init_record(ref: ExecutionRef, input: str, now: int) -> Record:
    start = Target("main", 0, derived_uuid7(now, ref.id, "main"))
    transition = Transition(derived_uuid7(now, ref.id, "init"), "init", start, start, output=0)
    return Record(INIT, now, 1, log_of([transition]), transition, (input,), 0, (start.scope_id,), (None,), 1)
