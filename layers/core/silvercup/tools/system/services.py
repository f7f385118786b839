"""The port to the services behind the API; ``container.Container`` has these."""

# ruff: noqa: D102

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from silvercup.paging import Listed, ListQuery
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from silvercup.docs.embedding import Embedder
    from silvercup.docs.search import DocSearch
    from silvercup.docs.service import DocService
    from silvercup.executions.service import ExecutionService
    from silvercup.resources.agents import AgentService
    from silvercup.resources.files import FileService
    from silvercup.resources.tools import ToolService
    from silvercup.resources.users import UserService
    from silvercup.tasks.service import TaskService


class SessionService(Protocol):
    """Sessions, as ``UserService`` has users."""

    def create(self, tenant: str, fields: JsonObject, *, session_id: str, repeated: bool = False) -> JsonObject: ...
    def create_or_update(self, tenant: str, session_id: str, fields: JsonObject) -> JsonObject: ...
    def get(self, tenant: str, session_id: str) -> JsonObject: ...
    def list(
        self, tenant: str, query: ListQuery, *, agent: str | None = None, user: str | None = None
    ) -> Listed[JsonObject]: ...
    def update(self, tenant: str, session_id: str, fields: JsonObject) -> JsonObject: ...
    def replace(self, tenant: str, session_id: str, fields: JsonObject) -> JsonObject: ...
    def delete(self, tenant: str, session_id: str) -> JsonObject: ...


class ChatService(Protocol):
    """Chats in sessions."""

    def chat(self, tenant: str, session_id: str, body: JsonObject) -> JsonObject: ...
    def history(
        self, tenant: str, session_id: str, *, limit: int | None = None, offset: int = 0, newest_first: bool = False
    ) -> JsonObject: ...


class Services(Protocol):
    """What system tools call; each is asked for when it is first needed."""

    @property
    def agents(self) -> AgentService: ...
    @property
    def tool_chats(self) -> ChatService: ...
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
    def sessions(self) -> SessionService: ...
    @property
    def tasks(self) -> TaskService: ...
    @property
    def tools(self) -> ToolService: ...
    @property
    def users(self) -> UserService: ...
