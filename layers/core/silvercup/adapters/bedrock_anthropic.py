"""Anthropic's models on Bedrock, by its official SDK: by IAM, without a key."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from silvercup.adapters.anthropic import AnthropicModel, Call, within_time
from silvercup.adapters.anthropic_params import Parameters, parameters, traits_of
from silvercup.adapters.anthropic_tools import BETA
from silvercup.adapters.aws import NO_KEY, Clients, is_loopback
from silvercup.adapters.bedrock_converse import count_tokens
from silvercup.adapters.model_errors import TIMEOUT_SECONDS, clean, refused
from silvercup.errors import ModelRejected
from silvercup.llm.catalog import BEDROCK
from silvercup.llm.limits import bare_name
from silvercup.llm.model import ModelRequest
from silvercup.values import JsonObject, dumps

if TYPE_CHECKING:
    import anthropic

OLD_VERSION = "bedrock-2023-05-31"
"""The API's version of the models up to 4.6; the SDK's own is refused by them."""


class AnthropicBedrockModel(AnthropicModel):
    """A ``ChatModel`` for ids such as ``global.anthropic.claude-...``.

    Args:
        clients: Says where Bedrock is, and counts tokens.
        timeout: Seconds that one call may take, its retries included.
        max_retries: See ``AnthropicModel``.
    """

    name = BEDROCK

    def __init__(self, clients: Clients, *, timeout: float = TIMEOUT_SECONDS, max_retries: int = 2) -> None:
        super().__init__(timeout=timeout, max_retries=max_retries)
        self._aws = clients

    def count(self, request: ModelRequest) -> int | None:
        """By Bedrock's CountTokens; None for models that have no such thing."""
        made = self._parameters(request, None)
        body = made.body
        betas: JsonObject = {"anthropic_beta": made.betas[BETA].split(",")} if made.betas else {}
        kept = {name: body[name] for name in ("messages", "system", "tools", "max_tokens") if name in body}
        given = dumps({"anthropic_version": OLD_VERSION, **betas, **kept})
        return count_tokens(self._aws, request, {"invokeModel": {"body": given.encode()}})

    def _parameters(self, request: ModelRequest, transform_schema: Any) -> Parameters:
        if request.api_key:
            raise ModelRejected("Bedrock is asked by IAM; it takes no API key")
        name = bare_name(request.model)
        made = parameters(replace(request, model=name), transform_schema)
        _check_images(made.body["messages"])
        body: JsonObject = {**made.body, "model": request.model}
        body.pop("metadata", None)
        body.pop("extra_headers", None)
        if made.betas:
            body["extra_headers"] = made.betas  # the SDK moves it into the body
        if traits_of(name).sampling:
            body["extra_body"] = {**body.get("extra_body", {}), "anthropic_version": OLD_VERSION}
        return replace(made, body=body)

    def _make(self, api_key: str | None) -> anthropic.Anthropic:  # noqa: ARG002
        from anthropic.lib.bedrock import AnthropicBedrock

        url = self._aws.bedrock_url
        no_key = NO_KEY if is_loopback(url) and not os.environ.get("AWS_BEARER_TOKEN_BEDROCK") else None
        made: Any = AnthropicBedrock(
            aws_region=self._aws.region,
            aws_access_key=no_key,
            aws_secret_key=no_key,
            base_url=url,
            timeout=self._timeout,
            max_retries=self._max_retries,
            middleware=[within_time],
        )
        return made

    @contextmanager
    def _call(self, request: ModelRequest) -> Generator[Call]:
        from botocore.eventstream import ParserError
        from botocore.exceptions import BotoCoreError

        from silvercup.adapters.bedrock_errors import of_sdk

        try:
            with super()._call(request) as call:
                yield call
        except (BotoCoreError, ParserError) as error:
            raise of_sdk(error, request) from None
        except RuntimeError as error:
            if "credentials" not in str(error):
                raise
            raise refused("no credentials", str(error), hint="Give the process credentials of AWS") from None

    def _hint(self, status: int, request: ModelRequest) -> str:
        from silvercup.adapters.bedrock_errors import NO_RIGHTS

        return NO_RIGHTS if status in {401, 403} else super()._hint(status, request)

    def _clean(self, text: str, client: Any) -> str:
        return clean(text, (client.api_key, os.environ.get("AWS_BEARER_TOKEN_BEDROCK")))


def _check_images(messages: list[JsonObject]) -> None:
    for message in messages:
        for block in message["content"]:
            inner = block["content"] if block["type"] == "tool_result" else [block]
            if any(each["type"] == "image" and each["source"]["type"] == "url" for each in inner):
                raise ModelRejected(
                    "Bedrock takes no addresses of images; give the image itself as data:image/<kind>;base64,<data>"
                )
