"""The port to everything behind the API; ``container.Container`` has these.

The meaning of each method stands where it is implemented; here is what the routes rely on.
"""

# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from silvercup.executions.search import Search
from silvercup.paging import Listed, ListQuery
from silvercup.resources.agents import AgentService, ModelCatalog
from silvercup.resources.files import FileService
from silvercup.resources.idempotency import IdempotencyService
from silvercup.resources.keys import KeyService
from silvercup.resources.projects import ProjectService
from silvercup.resources.secrets import SecretService
from silvercup.resources.sessions import SessionService
from silvercup.resources.tools import ToolService
from silvercup.resources.users import UserService
from silvercup.storage import Item
from silvercup.usage.service import UsageService
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from silvercup.chat.history import HistoryService
    from silvercup.chat.service import ChatService
    from silvercup.docs.embedding import Embedder
    from silvercup.docs.search import DocSearch
    from silvercup.docs.service import DocService
    from silvercup.responses.service import ResponseService
    from statemachines.source import Source


class Saved(Protocol):
    """A task as it was saved, and what its author should know (``Problem.as_dict()``)."""

    @property
    def task(self) -> JsonObject: ...
    @property
    def warnings(self) -> Sequence[JsonObject]: ...


class TaskService(Protocol):
    """See ``tasks.service``."""

    def create(
        self, tenant: str, agent_id: str, source: Source, *, task_id: str, repeated: bool = False, strict: bool = False
    ) -> Saved: ...
    def create_or_update(
        self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False
    ) -> Saved: ...
    def replace(self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False) -> Saved: ...
    def update(self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False) -> Saved: ...
    def delete(self, tenant: str, agent_id: str, task_id: str) -> JsonObject: ...
    def versions(self, tenant: str, task_id: str, query: ListQuery) -> Listed[JsonObject]: ...
    def version(self, tenant: str, task_id: str, number: int) -> JsonObject: ...
    def check(
        self, tenant: str, source: Source, *, agent_id: str | None = None, strict: bool = False
    ) -> JsonObject: ...
    def get(self, tenant: str, task_id: str) -> JsonObject: ...
    def list(self, tenant: str, agent_id: str, query: ListQuery) -> Listed[JsonObject]: ...


class Event(Protocol):
    """One event of a stream: its JSON, and the token to go on after it (None: the stream has no tokens)."""

    @property
    def data(self) -> JsonObject: ...
    @property
    def token(self) -> str | None: ...


class Feed(Protocol):
    """What happened since the last look; ``done`` once nothing more can come."""

    @property
    def done(self) -> bool: ...
    def poll(self) -> Sequence[Event]: ...


class ExecutionService(Protocol):
    """See ``executions.service``."""

    def create(
        self,
        tenant: str,
        task_id: str,
        *,
        input: JsonObject,
        metadata: JsonObject | None,
        execution_id: str,
        claim: Item | None = None,
    ) -> JsonObject: ...
    def get(self, tenant: str, execution_id: str) -> JsonObject: ...
    def list(self, tenant: str, task_id: str, query: ListQuery) -> Listed[JsonObject]: ...
    def find(self, tenant: str, search: Search, query: ListQuery) -> Listed[JsonObject]: ...
    def waits(self, tenant: str, query: ListQuery) -> Listed[JsonObject]: ...
    def transitions(
        self, tenant: str, execution_id: str, query: ListQuery, scope_id: str | None
    ) -> Listed[JsonObject]: ...
    def transition(self, tenant: str, execution_id: str, transition_id: str) -> JsonObject: ...
    def resume(
        self,
        tenant: str,
        execution_id: str,
        input: JsonObject | None,
        *,
        is_retry: bool,
        transition_id: str | None = None,
    ) -> JsonObject: ...
    def resume_by_token(self, token: str, input: JsonObject | None) -> JsonObject: ...
    def cancel(self, tenant: str, execution_id: str, reason: str | None) -> JsonObject: ...
    def delete(self, tenant: str, execution_id: str) -> JsonObject: ...
    def transition_feed(self, tenant: str, execution_id: str, token: str | None) -> Feed: ...
    def status_feed(self, tenant: str, execution_id: str) -> Feed: ...


class Catalog(ModelCatalog, Protocol):
    """The names of the models that are served."""

    def names(self) -> Sequence[str]: ...


class Models(Protocol):
    """See ``llm``."""

    @property
    def catalog(self) -> Catalog: ...


class Services(Protocol):
    """What the routes call."""

    @property
    def agents(self) -> AgentService: ...
    @property
    def chat(self) -> ChatService: ...
    @property
    def history(self) -> HistoryService: ...
    @property
    def doc_search(self) -> DocSearch: ...
    @property
    def docs(self) -> DocService: ...
    @property
    def embedder(self) -> Embedder: ...
    @property
    def executions(self) -> ExecutionService: ...
    @property
    def files(self) -> FileService: ...
    @property
    def idempotency(self) -> IdempotencyService: ...
    @property
    def keys(self) -> KeyService: ...
    @property
    def models(self) -> Models: ...
    @property
    def projects(self) -> ProjectService: ...
    @property
    def responses(self) -> ResponseService: ...
    @property
    def secrets(self) -> SecretService: ...
    @property
    def sessions(self) -> SessionService: ...
    @property
    def tasks(self) -> TaskService: ...
    @property
    def tools(self) -> ToolService: ...
    @property
    def usage(self) -> UsageService: ...
    @property
    def users(self) -> UserService: ...
