"""The bodies of requests."""

from __future__ import annotations

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


class _Request(BaseModel):
    """Unknown keys are accepted; ``bodies.read_body`` tells them. A validator is made when its first body comes."""

    model_config = ConfigDict(extra="allow", defer_build=True)


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


class _UserFields(_Request):
    name: Annotated[str, Field(max_length=255)] | None = None
    about: Annotated[str, Field(max_length=16_000)] | None = None
    metadata: Object | None = None
    project: CanonicalName | None = None


class UserWrite(_UserFields):
    """A user, whole: what is absent or null gets its default."""


class UserPatch(_UserFields):
    """Changes of a user: what is absent or null stays, ``metadata`` is merged."""


class _ProjectFields(_Request):
    canonical_name: CanonicalName | None = None
    metadata: Object | None = None


class ProjectWrite(_ProjectFields):
    """A project, whole: what is absent or null gets its default."""

    name: Name


class ProjectPatch(_ProjectFields):
    """Changes of a project: what is absent or null stays, ``metadata`` is merged."""

    name: Name | None = None


class _ToolFields(_Request):
    description: Annotated[str, Field(max_length=16_000)] | None = None
    function: Object | None = None
    integration: Object | None = None
    system: Object | None = None
    api_call: Object | None = None
    computer_20241022: Object | None = None
    text_editor_20241022: Object | None = None
    bash_20241022: Object | None = None


class ToolWrite(_ToolFields):
    """A tool, whole; its definition is under the name of its type."""

    name: Name
    type: str


class ToolPatch(_ToolFields):
    """Changes of a tool: what is absent or null stays, a definition of the same type is merged."""

    name: Name | None = None
    type: str | None = None


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
