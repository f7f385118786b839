"""The bodies of the API, for validation (requests) and for the OpenAPI document (answers)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Name = Annotated[str, Field(min_length=1, max_length=255)]
CanonicalName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$",
        description="Starts with a letter; letters, digits and underscores; unique, whatever its case",
    ),
]
Instructions = Annotated[
    list[str],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
type Object = dict[str, Any]
type ExecutionStatus = Literal["queued", "starting", "running", "awaiting_input", "succeeded", "failed", "cancelled"]


class _Request(BaseModel):
    """Unknown keys are accepted; ``bodies.read_body`` tells them."""

    model_config = ConfigDict(extra="allow")


class _AgentFields(_Request):
    canonical_name: CanonicalName | None = None
    about: Annotated[str, Field(max_length=16_000)] | None = None
    model: Annotated[str, Field(max_length=255, description="One of GET /agents/models")] | None = None
    instructions: Instructions | None = None
    default_settings: Object | None = Field(None, description="Settings for all sessions of this agent")
    default_system_template: str | None = Field(None, description="Jinja2; starts every session of this agent")
    metadata: Object | None = None
    project: CanonicalName | None = None


class AgentWrite(_AgentFields):
    """An agent, whole: what is absent or null gets its default."""

    name: Name


class AgentPatch(_AgentFields):
    """Changes of an agent: what is absent or null stays, ``metadata`` is merged."""

    name: Name | None = None


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


class ExecutionCreate(_Request):
    """What starts an execution; v1's other keys (``output``, ``error``, ...) are accepted and mean nothing."""

    input: Object
    metadata: Object | None = None


class ExecutionChange(_Request):
    """``running`` resumes with ``input``; ``cancelled`` cancels."""

    status: Literal["running", "cancelled"] | None = None
    input: Object | None = None
    reason: str | None = None
    transition_id: str | None = Field(None, description="Which wait is answered, when several are open")


class TokenResume(_Request):
    """Resumes what waits with the task token, which may also be in the query."""

    status: Literal["running"] = "running"
    input: Object | None = None
    task_token: str | None = None


class Wait(BaseModel):
    """A place where an execution waits."""

    transition_id: str
    task_token: str
    info: Any
    since: datetime
    deadline: datetime


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


class Items[T](BaseModel):
    """A page of a list."""

    items: list[T]


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
