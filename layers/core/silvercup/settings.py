"""Settings: everything that a deployment can decide, read from environment variables once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_TENANT = "00000000-0000-0000-0000-000000000000"
"""The developer that a stack without keys serves, as in v1."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """One deployment's settings; ``template.yaml`` sets the variables, the local stack reads them from there.

    Without a representation: some of them are secrets.

    Attributes:
        core_table: Entities and executions.
        runs_table: What executions record.
        docs_table: Docs.
        bucket: Programs and large values.
        machine_prefix: Names of the state machines start with this.
        machine_role_arn: The role that state machines run under.
        steps_arn: The function that state machines call for pure steps and waits.
        prompts_arn: The function that they call for models.
        delete_queue: URL of the queue of deletions.
        token_secret: Name or ARN of the Secrets Manager secret that signs task tokens.
        secrets_key: Id or ARN of the KMS key that encrypts developers' secrets.
        api_key: A fixed API key of the default tenant (None: stored keys only).
        jwt_secret: Name or ARN of the Secrets Manager secret whose text is the key of v1's JWTs (empty: see ``jwt_key``).
        jwt_key: That key itself (None and no ``jwt_secret``: JWTs are not taken).
        allow_any_key: Accept any key for the default tenant; only the local stack on loopback sets it.
        wait_days: How long an execution waits for input before it fails.
        run_ttl_days: How long a finished execution is kept (0: for ever).
        max_steps: How many transitions one execution may have.
        skip_waits: Whether ``sleep`` steps end at once; for tests and the local stack.
        endpoint_url: Where AWS is, when not at its own addresses (the local stack).
        region: The AWS region.
        bedrock_url: Where Bedrock is, when not where ``endpoint_url`` says or at its own address.
        model: Which provider serves models: ``anthropic``, ``openai``, ``bedrock``, ``offline`` or ``auto`` (by what is configured).
        model_secret: Name or ARN of the Secrets Manager secret whose text is the provider's API key (empty: the environment has it).
        model_aliases: JSON object: v1 model names to the provider's; added to the built-in table.
        model_base_url: Where OpenAI's API of chat models is (empty: where ``OPENAI_BASE_URL`` says, or OpenAI's own).
        context_limits: JSON object: patterns of models' names to the tokens that they read; wins over the built-in table.
        index: What finds docs: ``opensearch``, or ``sqlite`` in this process.
        index_endpoint: Where OpenSearch is.
        index_service: Which service of AWS it is, for which requests are signed: ``es`` (a domain), ``aoss`` (Serverless); empty: not signed.
        index_engine: What searches vectors there: ``lucene``, ``faiss`` or ``none`` (empty: what the service takes).
        index_prefix: Names of its indexes start with this.
        index_dir: The directory of the SQLite index (empty: in memory).
        embedder: What embeds: ``bedrock``, ``openai`` (and all that speak its API) or ``local``.
        embedding_model: Which of its models (empty: its usual one).
        embedding_dimensions: The length of vectors (0: the model's usual one).
        embedding_secret: Name or ARN of the Secrets Manager secret whose text is the embedder's API key (empty: the environment has it).
        embedding_base_url: Where OpenAI's API of embeddings is (empty: where ``OPENAI_BASE_URL`` says, or OpenAI's own).
        chunk_chars: The longest chunk that a long text is split into, in characters.
        chunk_overlap: How many characters of the chunk before a chunk may begin with.
        allow_loopback_tools: Whether tools may send requests to this machine; only the local stack sets it.
        tool_urls: JSON object: providers of integrations to their addresses, where these are not their own.
    """

    core_table: str = "silvercup-core"
    runs_table: str = "silvercup-runs"
    docs_table: str = "silvercup-docs"
    bucket: str = "silvercup-data"
    machine_prefix: str = "silvercup"
    machine_role_arn: str = ""
    steps_arn: str = ""
    prompts_arn: str = ""
    delete_queue: str = ""
    token_secret: str = ""
    secrets_key: str = ""
    api_key: str | None = None
    jwt_secret: str = ""
    jwt_key: str | None = None
    allow_any_key: bool = False
    wait_days: int = 31
    run_ttl_days: int = 0
    max_steps: int = 100_000
    skip_waits: bool = False
    endpoint_url: str | None = None
    bedrock_url: str | None = None
    region: str = "us-east-1"
    model: str = "auto"
    model_secret: str = ""
    model_aliases: str = "{}"
    model_base_url: str = ""
    context_limits: str = "{}"
    index: str = "opensearch"
    index_endpoint: str = ""
    index_service: str = ""
    index_engine: str = ""
    index_prefix: str = "silvercup"
    index_dir: str = ""
    embedder: str = "bedrock"
    embedding_model: str = ""
    embedding_dimensions: int = 0
    embedding_secret: str = ""
    embedding_base_url: str = ""
    chunk_chars: int = 1_500
    chunk_overlap: int = 200
    allow_loopback_tools: bool = False
    tool_urls: str = "{}"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read ``SILVERCUP_*`` (and ``AWS_REGION``, ``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_BEDROCK_RUNTIME``).

        Raises:
            ValueError: A number is not one; the message names the variable.
        """
        env = os.environ if env is None else env
        defaults = cls()

        def text(name: str, default: str = "") -> str:
            return env.get(f"SILVERCUP_{name}", "") or default

        def number(name: str, default: int) -> int:
            raw = text(name, str(default))
            if not raw.isdecimal():
                raise ValueError(f"SILVERCUP_{name} is {raw!r}; it must be a whole number, 0 or more")
            return int(raw)

        return cls(
            core_table=text("CORE_TABLE", defaults.core_table),
            runs_table=text("RUNS_TABLE", defaults.runs_table),
            docs_table=text("DOCS_TABLE", defaults.docs_table),
            bucket=text("BUCKET", defaults.bucket),
            machine_prefix=text("MACHINE_PREFIX", defaults.machine_prefix),
            machine_role_arn=text("MACHINE_ROLE_ARN"),
            steps_arn=text("STEPS_ARN"),
            prompts_arn=text("PROMPTS_ARN"),
            delete_queue=text("DELETE_QUEUE"),
            token_secret=text("TOKEN_SECRET"),
            secrets_key=text("SECRETS_KEY"),
            api_key=text("API_KEY") or None,
            jwt_secret=text("JWT_SECRET"),
            jwt_key=text("JWT_KEY") or None,
            allow_any_key=text("ALLOW_ANY_KEY") == "1",
            wait_days=number("WAIT_DAYS", defaults.wait_days),
            run_ttl_days=number("RUN_TTL_DAYS", defaults.run_ttl_days),
            max_steps=number("MAX_STEPS", defaults.max_steps),
            skip_waits=text("SKIP_WAITS") == "1",
            endpoint_url=env.get("AWS_ENDPOINT_URL") or None,
            bedrock_url=env.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME") or None,
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or defaults.region,
            model=text("MODEL", defaults.model),
            model_secret=text("MODEL_SECRET"),
            model_aliases=text("MODEL_ALIASES", defaults.model_aliases),
            model_base_url=text("MODEL_BASE_URL"),
            context_limits=text("CONTEXT_LIMITS", defaults.context_limits),
            index=text("INDEX", defaults.index),
            index_endpoint=text("INDEX_ENDPOINT"),
            index_service=text("INDEX_SERVICE"),
            index_engine=text("INDEX_ENGINE"),
            index_prefix=text("INDEX_PREFIX", defaults.index_prefix),
            index_dir=text("INDEX_DIR"),
            embedder=text("EMBEDDER", defaults.embedder),
            embedding_model=text("EMBEDDING_MODEL"),
            embedding_dimensions=number("EMBEDDING_DIMENSIONS", defaults.embedding_dimensions),
            embedding_secret=text("EMBEDDING_SECRET"),
            embedding_base_url=text("EMBEDDING_BASE_URL"),
            chunk_chars=number("CHUNK_CHARS", defaults.chunk_chars),
            chunk_overlap=number("CHUNK_OVERLAP", defaults.chunk_overlap),
            allow_loopback_tools=text("ALLOW_LOOPBACK_TOOLS") == "1",
            tool_urls=text("TOOL_URLS", defaults.tool_urls),
        )
