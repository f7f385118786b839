"""What stands behind the routes in these tests: the real agents, keys and idempotency over tables in memory; tasks and executions are fakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from silvercup.deletions import Graves, deleted
from silvercup.docs.indexing import Indexer
from silvercup.docs.search import DocSearch
from silvercup.docs.service import DocService
from silvercup.errors import Conflict, InvalidRequest, InvalidTask, NotFound, Problem
from silvercup.executions.search import Search
from silvercup.ids import decode_cursor, encode_cursor, now_us, uuid7
from silvercup.paging import Listed, ListQuery
from silvercup.resources.agents import AgentService
from silvercup.resources.files import FileService
from silvercup.resources.idempotency import IdempotencyService
from silvercup.resources.keys import KeyService
from silvercup.resources.projects import ProjectService
from silvercup.resources.secrets import SecretService
from silvercup.resources.sessions import SessionService
from silvercup.resources.tools import ToolService
from silvercup.resources.users import UserService
from silvercup.settings import Settings
from silvercup.storage import Item
from silvercup.times import iso
from silvercup.tools.definitions import problems_of
from silvercup.usage.service import UsageService
from silvercup.values import JsonObject
from statemachines.source import Source
from tests.support.docs import LetterEmbedder, MemoryIndexes, StreamedTables
from tests.support.secrets import MemoryVault
from tests.support.tables import MemoryBlobs, MemoryFiles, MemoryQueue, MemoryTables


@dataclass
class FakeResolution:
    warning: str | None


class FakeCatalog:
    def names(self) -> list[str]:
        return ["claude-sonnet-4", "gpt-4o"]

    def resolve(self, name: str, /) -> FakeResolution:
        if name not in self.names():
            raise InvalidRequest(f"Model {name!r} is not served; there are: {', '.join(self.names())}")
        return FakeResolution("gpt-4o is served by claude-sonnet-4" if name == "gpt-4o" else None)


@dataclass
class FakeModels:
    catalog: FakeCatalog = field(default_factory=FakeCatalog)


@dataclass
class Saved:
    task: JsonObject
    warnings: list[JsonObject]


class FakeTasks:
    """Tasks by (tenant, id); a definition without ``main`` has a problem."""

    def __init__(self) -> None:
        self.saved: dict[tuple[str, str], JsonObject] = {}
        self.sources: list[Source] = []
        self.calls: list[JsonObject] = []

    def create(
        self, tenant: str, agent_id: str, source: Source, *, task_id: str, repeated: bool = False, strict: bool = False
    ) -> Saved:
        self.sources.append(source)
        self.calls.append({"task_id": task_id, "repeated": repeated, "strict": strict})
        if repeated and (tenant, task_id) in self.saved:
            return Saved(self.saved[tenant, task_id], [])
        value = source.value
        if "main" not in value:
            raise InvalidTask(
                [
                    Problem("main", "this key is required", source.line("main")),
                    Problem("mian", "unknown key", 2, "did you mean 'main'?"),
                ]
            )
        now = iso(now_us())
        task = {"id": task_id, "agent_id": agent_id, "created_at": now, "updated_at": now, **value}
        self.saved[tenant, task_id] = task
        return Saved(task, [{"loc": "colour", "msg": "Unknown key"}] if "colour" in value else [])

    def create_or_update(
        self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False
    ) -> Saved:
        return self.create(tenant, agent_id, source, task_id=task_id, strict=strict)

    def replace(self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False) -> Saved:
        self.get(tenant, task_id)
        return self.create(tenant, agent_id, source, task_id=task_id, strict=strict)

    def update(self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False) -> Saved:
        merged = Source({**self.get(tenant, task_id), **source.value})
        return self.create(tenant, agent_id, merged, task_id=task_id, strict=strict)

    def delete(self, tenant: str, agent_id: str, task_id: str) -> JsonObject:
        self.get(tenant, task_id)
        del self.saved[tenant, task_id]
        return deleted(task_id, now_us())

    def versions(self, tenant: str, task_id: str, query: ListQuery) -> Listed[JsonObject]:
        return Listed([{"task_id": self.get(tenant, task_id)["id"], "version": 1}])

    def version(self, tenant: str, task_id: str, number: int) -> JsonObject:
        return {"task": self.get(tenant, task_id), "version": number}

    def check(self, tenant: str, source: Source, *, agent_id: str | None = None, strict: bool = False) -> JsonObject:
        return {"ok": "main" in source.value, "agent_id": agent_id, "strict": strict}

    def get(self, tenant: str, task_id: str) -> JsonObject:
        try:
            return self.saved[tenant, task_id]
        except KeyError:
            raise NotFound(f"Task {task_id} not found") from None

    def list(self, tenant: str, agent_id: str, query: ListQuery) -> Listed[JsonObject]:
        found = [task for (owner, _), task in self.saved.items() if owner == tenant and task["agent_id"] == agent_id]
        return Listed(found[: query.limit])


@dataclass
class Event:
    data: JsonObject
    token: str | None


@dataclass
class FakeFeed:
    """Gives one batch a poll; an exception in its place is raised."""

    batches: list[Any]
    done: bool = False
    polls: int = 0

    def poll(self) -> Sequence[Event]:
        self.polls += 1
        if not self.batches:
            self.done = True
            return []
        batch = self.batches.pop(0)
        if isinstance(batch, BaseException):
            raise batch
        self.done = not self.batches
        return batch


class FakeExecutions:
    """Executions by (tenant, id), all awaiting input."""

    def __init__(self, tables: MemoryTables) -> None:
        self.tables = tables
        self.saved: dict[tuple[str, str], JsonObject] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.feed = FakeFeed([])

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
        if claim is not None:
            self.tables.put("core", claim)
        if (tenant, execution_id) not in self.saved:
            now = iso(now_us())
            self.saved[tenant, execution_id] = {
                "id": execution_id,
                "task_id": task_id,
                "status": "awaiting_input",
                "input": input,
                "metadata": {**(metadata or {}), "jobs": [execution_id]},
                "created_at": now,
                "updated_at": now,
            }
        return self.saved[tenant, execution_id]

    def get(self, tenant: str, execution_id: str) -> JsonObject:
        try:
            return self.saved[tenant, execution_id]
        except KeyError:
            raise NotFound(f"There is no execution {execution_id}") from None

    def list(self, tenant: str, task_id: str, query: ListQuery) -> Listed[JsonObject]:
        self.calls.append(("list", task_id, query))
        return Listed([one for (owner, _), one in self.saved.items() if owner == tenant and one["task_id"] == task_id])

    def find(self, tenant: str, search: Search, query: ListQuery) -> Listed[JsonObject]:
        self.calls.append(("find", search, query))
        return Listed([one for (owner, _), one in self.saved.items() if owner == tenant])

    def waits(self, tenant: str, query: ListQuery) -> Listed[JsonObject]:
        self.calls.append(("waits", tenant, query))
        return Listed([], "more")

    def transitions(self, tenant: str, execution_id: str, query: ListQuery, scope_id: str | None) -> Listed[JsonObject]:
        self.calls.append(("transitions", execution_id, query, scope_id))
        return Listed([{"id": uuid7(), "execution_id": self.get(tenant, execution_id)["id"]}])

    def transition(self, tenant: str, execution_id: str, transition_id: str) -> JsonObject:
        return {"id": transition_id, "execution_id": self.get(tenant, execution_id)["id"]}

    def resume(
        self,
        tenant: str,
        execution_id: str,
        input: JsonObject | None,
        *,
        is_retry: bool,
        transition_id: str | None = None,
    ) -> JsonObject:
        self.calls.append(("resume", execution_id, input, is_retry, transition_id))
        execution = self.get(tenant, execution_id)
        if execution["status"] == "cancelled":
            raise Conflict("The execution is cancelled; it does not wait for input")
        if input == {"too": "early"}:
            raise Conflict("The wait is not ready yet", should_retry=True)
        return execution

    def resume_by_token(self, token: str, input: JsonObject | None) -> JsonObject:
        self.calls.append(("resume_by_token", token, input))
        return {"id": uuid7(), "status": "running"}

    def cancel(self, tenant: str, execution_id: str, reason: str | None) -> JsonObject:
        self.calls.append(("cancel", execution_id, reason))
        execution = self.get(tenant, execution_id)
        execution["status"] = "cancelled"
        return execution

    def delete(self, tenant: str, execution_id: str) -> JsonObject:
        self.get(tenant, execution_id)
        del self.saved[tenant, execution_id]
        return deleted(execution_id, now_us())

    def transition_feed(self, tenant: str, execution_id: str, token: str | None) -> FakeFeed:
        self.get(tenant, execution_id)
        self.calls.append(("transition_feed", None if token is None else decode_cursor(token)))
        return self.feed

    def status_feed(self, tenant: str, execution_id: str) -> FakeFeed:
        self.get(tenant, execution_id)
        return self.feed


def transition_event(number: int) -> Event:
    token = encode_cursor([number])
    return Event(
        {"transition": {"id": str(number), "output": "line one\nline two \u2028"}, "next_page_token": token}, token
    )


@dataclass
class FakeContainer:
    settings: Settings = field(default_factory=lambda: Settings(api_key="fixed-key"))
    tables: StreamedTables = field(default_factory=StreamedTables)

    def __post_init__(self) -> None:
        self.models = FakeModels()
        self.queue = MemoryQueue()
        self.projects = ProjectService(self.tables)
        graves = Graves(self.tables, self.queue)
        self.agents = AgentService(self.tables, lambda: self.models.catalog, self.projects, graves)
        self.users = UserService(self.tables, self.projects, graves)
        self.sessions = SessionService(self.tables, graves)
        self.blobs = MemoryBlobs()
        self.file_store = MemoryFiles()
        self.files = FileService(self.tables, self.file_store, self.projects, graves)
        self.doc_indexes = MemoryIndexes()
        self.embedder = LetterEmbedder()
        self.docs = DocService(self.tables, self.blobs)
        self.doc_search = DocSearch(self.tables, self.doc_indexes, lambda: self.embedder)
        self.tools = ToolService(self.tables, problems_of)
        self.vault = MemoryVault()
        self.secrets = SecretService(self.tables, lambda: self.vault)
        self.usage = UsageService(self.tables)
        self.keys = KeyService(self.tables, self.settings)
        self.idempotency = IdempotencyService(self.tables)
        self.tasks = FakeTasks()
        self.executions = FakeExecutions(self.tables)

    def index_docs(self) -> None:
        """Let the indexer have all changes of docs."""
        changes, self.tables.changes = self.tables.changes, []
        Indexer(self.tables, self.blobs, self.doc_indexes, self.embedder).work(changes)
