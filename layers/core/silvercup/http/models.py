"""The bodies of requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

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
Id = Annotated[UUID, AfterValidator(str)]
"""An id in canonical form, a string."""
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


class RecallOptions(_Request):
    """What a chat looks for among the docs of its agent and users; what is absent or null means its default."""

    mode: Literal["text", "vector", "hybrid"] | None = Field(
        None, description="By words, by meaning (the default), or both"
    )
    limit: Annotated[int, Field(strict=True, ge=1, le=50)] | None = Field(None, description="10")
    lang: Annotated[str, Field(max_length=40)] | None = Field(None, description="A BCP 47 tag; en-US")
    metadata_filter: Object | None = Field(None, description="What a doc's metadata must contain")
    num_search_messages: Annotated[int, Field(strict=True, ge=1, le=50)] | None = Field(
        None, description="How many of the last messages are looked for; 4"
    )
    max_query_length: Annotated[int, Field(strict=True, ge=100, le=10_000)] | None = Field(
        None, description="Characters; 1000"
    )
    include_embeddings: Annotated[bool, Field(strict=True)] | None = Field(None, description="true")
    confidence: Annotated[float, Field(strict=True, ge=-1, le=1)] | None = Field(
        None, description="vector and hybrid: the smallest cosine that counts; one that fits the embedder when absent"
    )
    mmr_strength: Annotated[float, Field(strict=True, ge=0, lt=1)] | None = Field(
        None, description="vector and hybrid: variety against nearness; 0.5"
    )
    alpha: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        None, description="hybrid: the weight of meaning against words; 0.5"
    )
    k_multiplier: Annotated[int, Field(strict=True, ge=0, le=127)] | None = Field(
        None, description="hybrid: how many times the limit is looked for; 7"
    )
    trigram_similarity_threshold: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        None, description="text and hybrid: with it, words spelled a little differently match as well"
    )


class _SessionFields(_Request):
    agent: Id | None = Field(None, description="Or `agents`")
    agents: list[Id] | None = None
    user: Id | None = Field(None, description="Or `users`")
    users: list[Id] | None = None
    situation: str | None = Field(None, description="What the system template is told; not blank")
    system_template: str | None = Field(None, description="Jinja2; in place of the agent's; not blank")
    render_templates: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether new messages are templates; true"
    )
    token_budget: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None = Field(
        None, description="How many tokens a prompt may have, where that is less than the model takes"
    )
    context_overflow: Literal["truncate", "adaptive"] | None = Field(
        None, description="What becomes of old turns that no longer fit; null: 400"
    )
    forward_tool_calls: Annotated[bool, Field(strict=True)] | None = None
    auto_run_tools: Annotated[bool, Field(strict=True)] | None = None
    recall_options: RecallOptions | None = None
    metadata: Object | None = None


class SessionWrite(_SessionFields):
    """A session, whole, with at least one agent: what is absent or null gets its default."""


class SessionReset(_SessionFields):
    """A session, whole: what is absent or null gets its default, but participants of whom nothing is said stay."""


class SessionPatch(_SessionFields):
    """Changes of a session: what is absent or null stays, ``metadata`` and ``recall_options`` are merged."""


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


SecretName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$",
        description="Starts with a letter; letters, digits and underscores; unique, its case counts",
    ),
]
SecretValue = Annotated[
    str,
    Field(min_length=1, description="At most 4,096 bytes; no answer shows it", json_schema_extra={"writeOnly": True}),
]


class _SecretFields(_Request):
    description: Annotated[str, Field(max_length=4_000)] | None = None
    metadata: Object | None = None


class SecretWrite(_SecretFields):
    """A secret, whole."""

    name: SecretName
    value: SecretValue


class SecretChange(_SecretFields):
    """Changes of a secret: what is absent or null stays."""

    name: SecretName | None = None
    value: SecretValue | None = None


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


class Chunking(BaseModel):
    """How a long text is split: on headings, paragraphs and sentences."""

    max_chars: Annotated[int, Field(strict=True, ge=100, le=30_000)] | None = Field(
        None, description="The longest chunk"
    )
    overlap: Annotated[int, Field(strict=True, ge=0, le=15_000)] | None = Field(
        None, description="How many characters of the chunk before a chunk may begin with"
    )


class _DocFields(_Request):
    metadata: Object | None = None
    embed_instruction: Annotated[str, Field(max_length=1_000)] | None = Field(
        None, description="Stands before each chunk when it is embedded"
    )
    language: Annotated[str, Field(max_length=40)] | None = Field(None, description="A BCP 47 tag; en-US when absent")
    chunking: Chunking | None = None


Title = Annotated[str, Field(min_length=1, max_length=800)]
Content = Annotated[
    str | list[str],
    Field(description="A text, which is split where it is long; or a list of chunks of at most 30,000 characters"),
]


class DocWrite(_DocFields):
    """A doc, whole: what is absent or null gets its default."""

    title: Title
    content: Content


class DocPatch(_DocFields):
    """Changes of a doc: what is absent or null stays, ``metadata`` is merged."""

    title: Title | None = None
    content: Content | None = None


class FileWrite(_Request):
    """A file: with its content, or with ``upload`` and ``size`` where it is uploaded afterwards."""

    name: Name
    description: Annotated[str, Field(max_length=16_000)] | None = None
    mime_type: Annotated[str, Field(max_length=255, description="Such as application/pdf")] | None = None
    content: str | None = Field(None, description="The file's bytes in base64")
    upload: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether the content follows by an upload, as large files need"
    )
    size: Annotated[int, Field(strict=True)] | None = Field(
        None, description="How many bytes will be uploaded, up to 5,000,000,000"
    )
    hash: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="The content's SHA-256 in hexadecimal, which is checked"
    )
    metadata: Object | None = None
    project: CanonicalName | None = None


class DocFile(_DocFields):
    """A file whose text becomes a doc: plain text, Markdown, HTML or PDF; its ``content``, or the ``file_id`` of one that is there."""

    name: Name | None = Field(None, description="Needed with `content`; the file's own when absent")
    content: Annotated[str, Field(min_length=1, description="The file's bytes in base64")] | None = None
    file_id: Id | None = Field(None, description="A file of /files, in place of `content`")
    mime_type: Annotated[str, Field(max_length=255)] | None = Field(
        None, description="The file's own when absent, else told from the name and the bytes"
    )
    title: Title | None = Field(None, description="The file's own title, or its name, when absent")


class DocsDelete(_Request):
    """Which docs of an owner are deleted; without a filter and ``delete_all``, none."""

    metadata_filter: Object | None = Field(None, description="What their metadata must contain")
    delete_all: Annotated[bool, Field(strict=True)] = False


Vector = Annotated[
    list[Annotated[float, Field(strict=True, allow_inf_nan=False)]], Field(min_length=1, max_length=8_192)
]


class DocSearch(_Request):
    """``text`` searches words, ``vector`` meaning, both together are a hybrid search; ``mode`` embeds the text here."""

    text: str | None = None
    vector: Vector | None = None
    mode: Literal["text", "vector", "hybrid"] | None = Field(None, description="By what is given when absent")
    limit: Annotated[int, Field(strict=True, ge=1, le=50)] = 10
    lang: Annotated[str, Field(max_length=40, description="The text's language, a BCP 47 tag")] = "en-US"
    metadata_filter: Object | None = None
    include_embeddings: Annotated[bool, Field(strict=True)] = True
    confidence: Annotated[float, Field(strict=True, ge=-1, le=1)] | None = Field(
        None, description="The smallest cosine that counts; one that fits the embedder when absent"
    )
    alpha: Annotated[float, Field(strict=True, ge=0, le=1, description="The weight of meaning against words")] = 0.5
    mmr_strength: Annotated[float, Field(strict=True, ge=0, lt=1, description="Variety against nearness")] = 0.5
    k_multiplier: Annotated[int, Field(strict=True, ge=1, le=10)] = 5
    trigram_similarity_threshold: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        None, description="With it, words spelled a little differently match as well"
    )


class Embed(_Request):
    """Texts to be embedded."""

    text: str | Annotated[list[str], Field(min_length=1, max_length=100)]
    embed_instruction: Annotated[str, Field(max_length=1_000)] | None = Field(
        None, description="Stands before each text when it is embedded"
    )
