"""Bedrock's models: Anthropic's by its own API, which knows more of them, the others by the Converse API."""

from __future__ import annotations

from functools import cached_property

from silvercup.adapters.aws import Clients
from silvercup.adapters.bedrock_converse import ConverseModel
from silvercup.adapters.model_errors import TIMEOUT_SECONDS
from silvercup.llm.catalog import BEDROCK
from silvercup.llm.model import ChatModel, ChunkStream, Completion, ModelRequest


class BedrockModel:
    """A ``ChatModel`` for any id of a model or an inference profile, or the ARN of one.

    Args:
        clients: Gives clients of Bedrock.
        timeout: Seconds that one call may take, its retries included.
    """

    name = BEDROCK

    def __init__(self, clients: Clients, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._clients = clients
        self._timeout = timeout
        self._converse = ConverseModel(clients, timeout=timeout)

    def complete(self, request: ModelRequest) -> Completion:
        """The whole answer."""
        return self._of(request.model).complete(request)

    def stream(self, request: ModelRequest) -> ChunkStream:
        """The answer in parts, as they come."""
        return self._of(request.model).stream(request)

    def count(self, request: ModelRequest) -> int | None:
        """By Bedrock's CountTokens; None for the many models that have no such thing."""
        return self._of(request.model).count(request)

    def _of(self, model: str) -> ChatModel:
        return self._anthropic if "anthropic." in model else self._converse

    @cached_property
    def _anthropic(self) -> ChatModel:
        from silvercup.adapters.bedrock_anthropic import AnthropicBedrockModel

        return AnthropicBedrockModel(self._clients, timeout=self._timeout)
