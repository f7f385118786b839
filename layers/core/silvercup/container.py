"""What a deployment is made of, wired from its settings; each part is imported and made when it is first asked for."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from silvercup.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from silvercup.adapters.aws import Clients
    from silvercup.adapters.opensearch.settings import Engine, Service
    from silvercup.adapters.secrets import SigningKeys
    from silvercup.chat.for_tools import ChatsForTools
    from silvercup.chat.history import HistoryService
    from silvercup.chat.keeping import Keeper
    from silvercup.chat.preparing import Preparer
    from silvercup.chat.service import ChatService
    from silvercup.chat.turn_store import TurnStore
    from silvercup.deletions import DeleteQueue, Graves
    from silvercup.docs.embedding import Embedder
    from silvercup.docs.index import DocIndexes
    from silvercup.docs.indexing import Indexer
    from silvercup.docs.search import DocSearch
    from silvercup.docs.service import DocService
    from silvercup.errors import Problem
    from silvercup.executions.cancel import Canceller
    from silvercup.executions.endings import Endings
    from silvercup.executions.joins import Joins
    from silvercup.executions.launch import Launcher
    from silvercup.executions.machines import Machines
    from silvercup.executions.service import ExecutionService
    from silvercup.executions.store import RunStore
    from silvercup.executions.tokens import TaskTokens
    from silvercup.executions.waits import Waits
    from silvercup.llm.model import ChatModel
    from silvercup.llm.service import Models
    from silvercup.resources.agents import AgentService
    from silvercup.resources.developer_tokens import DeveloperTokens
    from silvercup.resources.file_store import FileStore
    from silvercup.resources.files import FileService
    from silvercup.resources.idempotency import IdempotencyService
    from silvercup.resources.keys import KeyService
    from silvercup.resources.projects import ProjectService
    from silvercup.resources.secret_items import Vault
    from silvercup.resources.secret_values import ProviderKeys, SecretReader
    from silvercup.resources.secrets import SecretService
    from silvercup.resources.sessions import SessionService
    from silvercup.resources.tools import ToolService
    from silvercup.resources.users import UserService
    from silvercup.responses.service import ResponseService
    from silvercup.runtime.care import Caretaker
    from silvercup.runtime.dispatch import Runtime
    from silvercup.runtime.failing import Failures
    from silvercup.runtime.removal import Remover
    from silvercup.storage import Blobs, Tables
    from silvercup.tasks.service import TaskService
    from silvercup.tools.integrations.mcp import McpClient
    from silvercup.tools.mail import MailSender
    from silvercup.tools.runner import ToolRunner
    from silvercup.usage.service import UsageService


class Container:
    """The parts of one deployment.

    A function imports only what it uses: ``models`` brings no SDK until a model is called, ``tables`` only DynamoDB's client.
    Two threads that ask for the same part at the same time may make it twice; one of them stays, and parts hold nothing that
    this would split.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def clients(self) -> Clients:
        """AWS clients."""
        from silvercup.adapters.aws import Clients

        settings = self.settings
        return Clients(region=settings.region, endpoint_url=settings.endpoint_url, bedrock_url=settings.bedrock_url)

    @cached_property
    def tables(self) -> Tables:
        """Items by key: the tables ``core``, ``runs`` and ``docs``."""
        from silvercup.adapters.dynamodb import DynamoTables

        settings = self.settings
        names = {"core": settings.core_table, "runs": settings.runs_table, "docs": settings.docs_table}
        return DynamoTables(self.clients.get("dynamodb"), names)

    @cached_property
    def blobs(self) -> Blobs:
        """Programs and large values."""
        from silvercup.adapters.s3 import S3Blobs

        return S3Blobs(self.clients.get("s3"), self.settings.bucket)

    @cached_property
    def machines(self) -> Machines:
        """State machines."""
        from silvercup.adapters.stepfunctions import StepFunctionsMachines

        return StepFunctionsMachines(
            self.clients.get("stepfunctions"),
            role_arn=self.settings.machine_role_arn,
            function_arn=self.settings.steps_arn,
            stack=self.settings.machine_prefix,
        )

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """The keys that sign task tokens."""
        from silvercup.adapters.secrets import SigningKeys

        return SigningKeys(self.clients.get("secretsmanager"), self.settings.token_secret)

    @cached_property
    def models(self) -> Models:
        """Models by the names that users know."""
        from silvercup.llm.catalog import ANTHROPIC, BEDROCK, OFFLINE, OPENAI, Catalog
        from silvercup.llm.limits import LimitTable
        from silvercup.llm.service import Models

        factories = {ANTHROPIC: self._anthropic, BEDROCK: self._bedrock, OPENAI: self._openai, OFFLINE: _offline}
        return Models(Catalog(self.settings), factories, LimitTable(self.settings.context_limits))

    @cached_property
    def agents(self) -> AgentService:
        """Agents."""
        from silvercup.resources.agents import AgentService

        return AgentService(self.tables, lambda: self.models.catalog, self.projects, self.graves)

    @cached_property
    def users(self) -> UserService:
        """Users."""
        from silvercup.resources.users import UserService

        return UserService(self.tables, self.projects, self.graves)

    @cached_property
    def projects(self) -> ProjectService:
        """Projects."""
        from silvercup.resources.projects import ProjectService

        return ProjectService(self.tables)

    @cached_property
    def file_store(self) -> FileStore:
        """Bytes of files."""
        from silvercup.adapters.s3_files import S3FileStore

        return S3FileStore(self.clients.get("s3"), self.settings.bucket)

    @cached_property
    def files(self) -> FileService:
        """Files."""
        from silvercup.resources.files import FileService

        return FileService(self.tables, self.file_store, self.projects, self.graves)

    @cached_property
    def sessions(self) -> SessionService:
        """Sessions."""
        from silvercup.resources.sessions import SessionService

        return SessionService(self.tables, self.graves)

    @cached_property
    def tools(self) -> ToolService:
        """Tools of agents."""
        from silvercup.resources.tools import ToolService

        return ToolService(self.tables, _problems_of)

    @cached_property
    def vault(self) -> Vault:
        """Encrypts secrets."""
        from silvercup.adapters.kms import KmsVault

        return KmsVault(lambda: self.clients.get("kms"), self.settings.secrets_key)

    @cached_property
    def secrets(self) -> SecretService:
        """Secrets of developers and agents."""
        from silvercup.resources.secrets import SecretService

        return SecretService(self.tables, lambda: self.vault)

    @cached_property
    def secret_reader(self) -> SecretReader:
        """The values of secrets."""
        from silvercup.resources.secret_values import SecretReader

        return SecretReader(self.tables, lambda: self.vault)

    @cached_property
    def provider_keys(self) -> ProviderKeys:
        """Developers' own keys of models' providers."""
        from silvercup.llm.catalog import KEY_VARIABLES
        from silvercup.resources.secret_values import ProviderKeys

        return ProviderKeys(self.secret_reader, KEY_VARIABLES.values())

    @cached_property
    def turns(self) -> TurnStore:
        """What was said in sessions."""
        from silvercup.chat.turn_store import TurnStore

        return TurnStore(self.tables, self.blobs)

    @cached_property
    def chat(self) -> ChatService:
        """Chats."""
        from silvercup.chat.service import ChatService

        return ChatService(self.models, self._preparer, self._keeper, lambda: self.tool_runner)

    @cached_property
    def _keeper(self) -> Keeper:
        from silvercup.chat.keeping import Keeper

        return Keeper(self.tables, self.turns)

    @cached_property
    def _preparer(self) -> Preparer:
        from silvercup.chat.preparing import Preparer
        from silvercup.chat.recall import Recall

        return Preparer(
            self.tables,
            self.turns,
            self.models,
            lambda: Recall(self.doc_search),
            self._keeper.spend,
            provider_keys=self.provider_keys,
        )

    @cached_property
    def responses(self) -> ResponseService:
        """Responses."""
        from silvercup.responses.keeping import ResponseKeeper
        from silvercup.responses.reading import ResponseReader
        from silvercup.responses.service import ResponseService

        def search_key(tenant: str) -> str | None:
            name = "BRAVE_API_KEY"
            return self.secret_reader.values(tenant, [name]).get(name) or os.environ.get(name) or None

        return ResponseService(
            self.chat,
            self.models,
            self._preparer,
            ResponseReader(self.tables, self.turns, self.provider_keys),
            ResponseKeeper(self.turns, self._keeper, self.sessions, self.agents),
            search_key,
        )

    @cached_property
    def tool_chats(self) -> ChatsForTools:
        """Chats and histories, for system tools."""
        from silvercup.chat.for_tools import ChatsForTools

        return ChatsForTools(self.chat, self.history)

    @cached_property
    def history(self) -> HistoryService:
        """Histories of sessions."""
        from silvercup.chat.history import HistoryService

        return HistoryService(self.tables, self.turns, self.graves)

    @cached_property
    def docs(self) -> DocService:
        """Docs of agents and users."""
        from silvercup.docs.service import DocService
        from silvercup.docs.writing import Chunking

        return DocService(self.tables, self.blobs, Chunking(self.settings.chunk_chars, self.settings.chunk_overlap))

    @cached_property
    def doc_search(self) -> DocSearch:
        """Searches of docs."""
        from silvercup.docs.search import DocSearch

        return DocSearch(self.tables, self.doc_indexes, lambda: self.embedder)

    @cached_property
    def indexer(self) -> Indexer:
        """Puts docs into the index."""
        from silvercup.docs.indexing import Indexer

        return Indexer(self.tables, self.blobs, self.doc_indexes, self.embedder)

    @cached_property
    def doc_indexes(self) -> DocIndexes:
        """Where docs are found."""
        settings = self.settings
        if settings.index == "sqlite":
            from pathlib import Path

            from silvercup.adapters.sqlite_index import SqliteIndexes

            return SqliteIndexes(Path(settings.index_dir) if settings.index_dir else None)
        from silvercup.adapters.opensearch.indexes import OpenSearchIndexes
        from silvercup.adapters.opensearch.settings import OpenSearchSettings

        return OpenSearchIndexes(
            OpenSearchSettings(
                endpoint=settings.index_endpoint,
                service=cast("Service", settings.index_service),
                engine=cast("Engine | None", settings.index_engine or None),
                region=settings.region,
                prefix=f"{settings.index_prefix}-",
            )
        )

    @cached_property
    def embedder(self) -> Embedder:
        """What turns texts into vectors."""
        model, dimensions = self.settings.embedding_model, self.settings.embedding_dimensions
        match self.settings.embedder:
            case "local":
                from silvercup.adapters.embedders.local import LocalEmbedder

                return LocalEmbedder()
            case "openai":
                from silvercup.adapters.embedders.openai import OpenAIEmbedder

                return OpenAIEmbedder(
                    model=model or "text-embedding-3-large",
                    dimensions=dimensions or 1024,
                    api_key=self._secret_text(self.settings.embedding_secret),
                    base_url=self.settings.embedding_base_url or None,
                )
            case _:
                from silvercup.adapters.embedders.titan import TitanEmbedder

                return TitanEmbedder(
                    self.clients.get("bedrock-runtime"),
                    model=model or "amazon.titan-embed-text-v2:0",
                    dimensions=dimensions or 1024,
                )

    @cached_property
    def keys(self) -> KeyService:
        """API keys."""
        from silvercup.resources.keys import KeyService

        return KeyService(self.tables, self.settings, self._developer_tokens())

    @cached_property
    def idempotency(self) -> IdempotencyService:
        """Requests that were seen before."""
        from silvercup.resources.idempotency import IdempotencyService

        return IdempotencyService(self.tables)

    @cached_property
    def tasks(self) -> TaskService:
        """Tasks."""
        from silvercup.tasks.service import TaskService

        return TaskService(self.tables, self.blobs, lambda: self.models.catalog, self.graves, _problems_of)

    @cached_property
    def usage(self) -> UsageService:
        """What calls of models used."""
        from silvercup.usage.service import UsageService

        return UsageService(self.tables)

    @cached_property
    def tool_runner(self) -> ToolRunner:
        """Runs tools."""
        from silvercup.adapters.http_calls import HttpCalls
        from silvercup.tools.runner import ToolRunner

        calls = HttpCalls(allow_loopback=self.settings.allow_loopback_tools)
        services: Any = self
        urls = _urls(self.settings.tool_urls)
        return ToolRunner(services, lambda: calls, urls, lambda: self.secret_reader, _mcp, lambda: self.mail)

    @cached_property
    def mail(self) -> MailSender:
        """Sends the mail of tools."""
        from silvercup.adapters.smtp import SmtpMail

        return SmtpMail(allow_loopback=self.settings.allow_loopback_tools)

    @cached_property
    def delete_queue(self) -> DeleteQueue:
        """Deletions to be worked off."""
        from silvercup.adapters.sqs import SqsDeleteQueue

        return SqsDeleteQueue(lambda: self.clients.get("sqs"), self.settings.delete_queue)

    @cached_property
    def graves(self) -> Graves:
        """Deletes entities that others belong to."""
        from silvercup.deletions import Graves

        return Graves(self.tables, self.delete_queue)

    @cached_property
    def store(self) -> RunStore:
        """Records of executions."""
        from silvercup.executions.store import RunStore

        return RunStore(self.tables, self.blobs)

    @cached_property
    def task_tokens(self) -> TaskTokens:
        """Our task tokens."""
        from silvercup.executions.tokens import TaskTokens

        return TaskTokens(self.signing_keys)

    @cached_property
    def waits(self) -> Waits:
        """Waits of executions."""
        from silvercup.executions.waits import Waits

        return Waits(self.store, self.machines)

    @cached_property
    def joins(self) -> Joins:
        """Where state machines wait for their children."""
        from silvercup.executions.joins import Joins

        return Joins(self.store, self.waits, self.machines, self.launcher)

    @cached_property
    def endings(self) -> Endings:
        """Ends of executions."""
        from silvercup.executions.endings import Endings

        return Endings(self.store, self.waits, self.joins, self.settings)

    @cached_property
    def launcher(self) -> Launcher:
        """Starts of executions."""
        from silvercup.executions.launch import Launcher

        return Launcher(self.store, self.machines, self.blobs, self.settings)

    @cached_property
    def canceller(self) -> Canceller:
        """Cancels executions."""
        from silvercup.executions.cancel import Canceller

        return Canceller(self.store, self.tables, self.endings, self.waits, self.joins, self.launcher, self.machines)

    @cached_property
    def executions(self) -> ExecutionService:
        """Executions."""
        from silvercup.executions.service import ExecutionService

        return ExecutionService(
            tables=self.tables,
            store=self.store,
            waits=self.waits,
            launcher=self.launcher,
            canceller=self.canceller,
            tokens=self.task_tokens,
            tasks=self.tasks,
            graves=self.graves,
        )

    @cached_property
    def failures(self) -> Failures:
        """Failures that no step wrote down."""
        from silvercup.runtime.failing import Failures

        return Failures(self.store, self.endings)

    @cached_property
    def runtime(self) -> Runtime:
        """What state machines call."""
        from silvercup.runtime.block import Services
        from silvercup.runtime.dispatch import Runtime
        from silvercup.runtime.programs import Programs
        from silvercup.runtime.secrets import Secrets

        services = Services(
            store=self.store,
            waits=self.waits,
            endings=self.endings,
            joins=self.joins,
            programs=Programs(self.blobs),
            settings=self.settings,
            models=lambda: self.models,
            secrets=Secrets(lambda: self.secret_reader, lambda: self.provider_keys),
            tools=lambda: self.tool_runner,
        )
        return Runtime(services, self.failures)

    @cached_property
    def caretaker(self) -> Caretaker:
        """Looks after unfinished executions."""
        from silvercup.runtime.care import Caretaker

        return Caretaker(
            tables=self.tables,
            store=self.store,
            waits=self.waits,
            launcher=self.launcher,
            canceller=self.canceller,
            joins=self.joins,
            machines=self.machines,
            failures=self.failures,
            remover=self.remover,
            files=lambda: self.files,
        )

    @cached_property
    def remover(self) -> Remover:
        """Works deletions off."""
        from silvercup.chat.remains import Remains
        from silvercup.runtime.removal import Remover

        return Remover(
            tables=self.tables,
            blobs=self.blobs,
            canceller=self.canceller,
            graves=self.graves,
            queue=self.delete_queue,
            docs=self.docs,
            sessions=Remains(self.tables, self.blobs),
        )

    def _developer_tokens(self) -> DeveloperTokens | None:
        settings = self.settings
        if not settings.jwt_secret and settings.jwt_key is None:
            return None
        from silvercup.resources.developer_tokens import DeveloperTokens

        def key() -> str:
            return settings.jwt_key if settings.jwt_key is not None else self._secret_text(settings.jwt_secret) or ""

        return DeveloperTokens(key)

    def _secret_text(self, name: str) -> str | None:
        """The text of a secret; None without a name."""
        if not name:
            return None
        from silvercup.adapters.secrets import read_text

        return read_text(self.clients.get("secretsmanager"), name)

    def _anthropic(self) -> ChatModel:
        from silvercup.adapters.anthropic import AnthropicModel

        if not os.environ.get("ANTHROPIC_API_KEY") and (key := self._model_key("anthropic")):
            os.environ["ANTHROPIC_API_KEY"] = key
        return AnthropicModel()

    def _openai(self) -> ChatModel:
        from silvercup.adapters.openai_chat import OpenAIModel

        key = os.environ.get("OPENAI_API_KEY") or self._model_key("openai")
        return OpenAIModel(api_key=key, base_url=self.settings.model_base_url or None)

    def _bedrock(self) -> ChatModel:
        from silvercup.adapters.bedrock import BedrockModel

        return BedrockModel(self.clients)

    def _model_key(self, provider: str) -> str | None:
        """The key in the secret, if it is this provider's."""
        return self._secret_text(self.settings.model_secret) if self.settings.model == provider else None


def _problems_of(tool: Mapping[str, Any]) -> list[Problem]:
    from silvercup.tools.definitions import problems_of

    return problems_of(tool)


def _mcp() -> McpClient:
    from silvercup.adapters.mcp_client import PackageMcpClient

    return PackageMcpClient()


def _urls(text: str) -> dict[str, str]:
    """The addresses of a setting.

    Raises:
        InternalError: It is no JSON object of strings.
    """
    from silvercup import values
    from silvercup.errors import InternalError

    try:
        found = values.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(url, str) for url in cast("dict[str, Any]", found).values()):
        raise InternalError(
            'SILVERCUP_TOOL_URLS must be a JSON object, such as {"wikipedia": "https://en.wikipedia.org"}'
        )
    return cast("dict[str, str]", found)


def _offline() -> ChatModel:
    from silvercup.adapters.offline import OfflineModel

    return OfflineModel()


_lock = threading.Lock()
_installed: Container | None = None


def current() -> Container:
    """The process's container: the installed one, else one made from the environment and kept."""
    global _installed  # noqa: PLW0603
    with _lock:
        if _installed is None:
            _installed = Container(Settings.from_env())
        return _installed


def install(container: Container | None) -> None:
    """Make ``current`` give this container; None makes it read the environment again."""
    global _installed  # noqa: PLW0603
    with _lock:
        _installed = container
