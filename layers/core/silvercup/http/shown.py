"""The shapes of answers, for the OpenAPI document only: ``openapi`` imports them when somebody asks for it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

type Object = dict[str, Any]
type ExecutionStatus = Literal["queued", "starting", "running", "awaiting_input", "succeeded", "failed", "cancelled"]


class Agent(BaseModel):
    """An agent."""

    id: str
    name: str
    canonical_name: str
    about: str
    model: str
    instructions: list[str]
    default_settings: Object
    default_system_template: str
    metadata: Object
    project: str | None
    created_at: datetime
    updated_at: datetime


class User(BaseModel):
    """A user."""

    id: str
    name: str
    about: str
    metadata: Object
    project: str
    created_at: datetime
    updated_at: datetime


class Session(BaseModel):
    """A session; ``agent`` and ``user`` are there where there is one, ``agents`` and ``users`` always."""

    id: str
    kind: Literal[
        "single_agent_no_user",
        "single_agent_single_user",
        "single_agent_multi_user",
        "multi_agent_no_user",
        "multi_agent_single_user",
        "multi_agent_multi_user",
    ]
    agent: str | None = None
    agents: list[str]
    user: str | None = None
    users: list[str]
    situation: str | None
    system_template: str | None
    summary: str | None
    render_templates: bool
    token_budget: int | None
    context_overflow: Literal["truncate", "adaptive"] | None
    forward_tool_calls: bool
    auto_run_tools: bool
    recall_options: Object | None
    metadata: Object
    created_at: datetime
    updated_at: datetime


class Project(BaseModel):
    """A project."""

    id: str
    name: str
    canonical_name: str
    metadata: Object
    created_at: datetime
    updated_at: datetime


class Tool(BaseModel):
    """A tool of an agent; its definition is under the name of its type."""

    model_config = ConfigDict(extra="allow")

    id: str
    agent_id: str
    name: str
    type: str
    created_at: datetime
    updated_at: datetime


class Secret(BaseModel):
    """A secret; its value is never shown. `agent_id` is there where it is an agent's."""

    id: str
    agent_id: str | None = None
    name: str
    value: Literal["ENCRYPTED"]
    description: str | None
    metadata: Object
    created_at: datetime
    updated_at: datetime


class Deleted(BaseModel):
    """What was deleted."""

    id: str
    deleted_at: datetime
    jobs: list[str]


class ModelInfo(BaseModel):
    """A model that is served."""

    id: str


class ModelList(BaseModel):
    """The models that are served."""

    models: list[ModelInfo]


class Task(BaseModel):
    """A task; every other key is a sub-workflow (a list of steps)."""

    model_config = ConfigDict(extra="allow")

    id: str
    agent_id: str
    name: str
    canonical_name: str
    description: str
    main: list[Object]
    input_schema: Object | None
    tools: list[Object]
    inherit_tools: bool
    metadata: Object
    created_at: datetime
    updated_at: datetime


class Report(BaseModel):
    """The size of a compiled task and what a run of it takes."""

    model_config = ConfigDict(extra="allow")


class TaskVersion(BaseModel):
    """A version of a task, as lists show it."""

    task_id: str
    version: int
    canonical_name: str
    digest: str
    metadata: Object
    report: Report
    created_at: datetime


class WholeTaskVersion(TaskVersion):
    """A version of a task, with what it was compiled from and to."""

    task: Task
    definition: Object


class TaskCheck(BaseModel):
    """What compiling a definition would give; ``report`` and ``definition`` are null when there are errors."""

    ok: bool
    errors: list[ErrorDetail]
    warnings: list[ErrorDetail]
    report: Report | None
    definition: Object | None


class Wait(BaseModel):
    """A place where an execution waits."""

    transition_id: str
    task_token: str
    info: Any
    since: datetime
    deadline: datetime


class InboxWait(Wait):
    """An open wait, and whose it is."""

    execution_id: str
    task_id: str
    agent_id: str
    metadata: Object


class Execution(BaseModel):
    """A run of a task."""

    id: str
    task_id: str
    status: ExecutionStatus
    input: Object
    output: Any
    error: str | None
    metadata: Object
    transition_count: int | None
    waits: list[Wait] = []
    created_at: datetime
    updated_at: datetime


class Target(BaseModel):
    """A place in a task."""

    workflow: str
    step: int
    scope_id: str


class Transition(BaseModel):
    """One entry of an execution's log."""

    id: str
    execution_id: str
    type: Literal["init", "init_branch", "finish", "finish_branch", "wait", "resume", "error", "step", "cancelled"]
    current: Target
    next: Target | None
    output: Any
    step_label: str | None
    metadata: Object
    created_at: datetime
    updated_at: datetime


class Health(BaseModel):
    """The API answers."""

    status: Literal["ok"]


class Job(BaseModel):
    """An execution, seen as v1's job."""

    id: str
    name: str
    reason: str
    state: Literal["pending", "in_progress", "succeeded", "aborted", "failed"]
    has_progress: bool
    progress: float
    created_at: datetime
    updated_at: datetime


class Doc(BaseModel):
    """A doc of an agent or a user; ``embeddings`` has a vector per chunk, once there are some."""

    id: str
    title: str
    content: list[str]
    metadata: Object
    embeddings: list[list[float]] | None
    modality: Literal["text"]
    language: str
    embedding_model: str | None = None
    embedding_dimensions: int | None = None
    embedding_status: Literal["pending", "ready", "failed"]
    embedding_error: str | None = None
    version: int
    jobs: list[str]
    created_at: datetime
    updated_at: datetime


class DocOwner(BaseModel):
    """Whose doc it is."""

    id: str
    role: Literal["agent", "user"]


class Snippet(BaseModel):
    """A chunk of a doc."""

    index: int
    content: str
    embedding: list[float] | None = None


class DocReference(BaseModel):
    """A chunk that was found."""

    id: str
    owner: DocOwner
    title: str
    snippet: Snippet
    distance: float
    metadata: Object


class DocsFound(BaseModel):
    """What a search found; the time in seconds."""

    docs: list[DocReference]
    time: float


class DocsDeleted(BaseModel):
    """What a bulk delete has deleted."""

    items: list[Deleted]


class Vectors(BaseModel):
    """A vector per text."""

    vectors: list[list[float]]


class Upload(BaseModel):
    """Where a file is uploaded: a request with its bytes as the body. ``error`` says why the last upload was not taken."""

    url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: datetime
    error: str | None = None


class File(BaseModel):
    """A file. ``content`` is base64, or empty where it is not shown; ``upload`` is there while it is pending."""

    id: str
    name: str
    description: str
    mime_type: str | None
    content: str
    size: int
    hash: str
    status: Literal["pending", "ready"]
    upload: Upload | None = None
    metadata: Object
    project: str
    created_at: datetime
    updated_at: datetime


class Used(BaseModel):
    """Calls of models and their tokens; `own_key_calls` are those of `calls` that were made with the caller's own key."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    own_key_calls: int


class UsedByModel(Used):
    """What a model was used for on a day (UTC)."""

    date: date
    model: str


class Usage(BaseModel):
    """What was used from one day to another, by day and model; the newest day first."""

    items: list[UsedByModel]
    totals: Used
    start: date
    end: date


class ErrorDetail(BaseModel):
    """One thing that is wrong."""

    model_config = ConfigDict(extra="allow")

    loc: str
    msg: str


class ErrorInfo(BaseModel):
    """What went wrong."""

    message: str
    code: str
    type: str
    details: list[ErrorDetail] | None = None


class Error(BaseModel):
    """Every answer that is not a success."""

    error: ErrorInfo
