"""Amazon Titan Text Embeddings V2 in Bedrock, by the function's own role."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from silvercup.adapters.aws import Refused, call
from silvercup.adapters.embedders.answers import not_understood, told, vector_of
from silvercup.adapters.embedders.parts import embed_in_parts
from silvercup.docs.embedding import Vector
from silvercup.errors import InternalError, ModelRejected, ModelUnavailable, SilvercupError, TransientError
from silvercup.values import dumps, loads

MODEL = "amazon.titan-embed-text-v2:0"
DIMENSIONS = (1024, 512, 256)
WORKERS = 8
"""Requests at once: each takes a single text."""

_KEYS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")
_LATER = {"ModelErrorException", "ModelNotReadyException", "ModelTimeoutException", "ServiceQuotaExceededException"}
_FORBIDDEN = {
    "AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException", "NotAuthorized", "OptInRequired",
    "UnrecognizedClientException",
}  # fmt: skip


class TitanEmbedder:
    """An ``Embedder`` served by Bedrock.

    Args:
        client: A botocore client of ``bedrock-runtime``; it tries again after throttling, 5xx and lost connections.
        model: Its model id, or the ARN of an inference profile.
        dimensions: One of ``DIMENSIONS``.
    """

    confidence = 0.2

    def __init__(self, client: Any, *, model: str = MODEL, dimensions: int = 1024) -> None:
        if dimensions not in DIMENSIONS:
            raise ValueError(f"{MODEL} makes vectors of {', '.join(map(str, DIMENSIONS))} numbers, not of {dimensions}")
        self._client = client
        self.model = model
        self.dimensions = dimensions

    def embed(self, texts: Sequence[str], /) -> list[Vector]:
        """See ``Embedder.embed``."""
        return embed_in_parts(texts, self._vectors)

    def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        if len(texts) == 1:
            return [self._vector(texts[0])]
        with ThreadPoolExecutor(min(WORKERS, len(texts))) as pool:
            return list(pool.map(self._vector, texts))

    def _vector(self, text: str) -> Vector:
        body = dumps({"inputText": text, "dimensions": self.dimensions, "normalize": True})
        try:
            answer = call(
                self._client.invoke_model,
                modelId=self.model,
                body=body.encode(),
                contentType="application/json",
                accept="application/json",
            )
            raw = call(answer["body"].read)
        except Refused as refused:
            raise self._refusal(refused) from None
        except TransientError as error:
            raise ModelUnavailable(f"The embedding provider can't answer now: {error.message}") from None
        except InternalError as error:
            raise ModelRejected(
                f"The embedding provider can't be asked: {error.message}; check the region and the AWS credentials"
            ) from None
        try:
            found = loads(raw)["embedding"]
        except (ValueError, LookupError, TypeError):
            raise not_understood() from None
        return vector_of(found, model=self.model, dimensions=self.dimensions)

    def _refusal(self, refused: Refused) -> SilvercupError:
        code = refused.aws_code
        said = told(str(refused.answer.get("Error", {}).get("Message", "")), map(os.environ.get, _KEYS))
        if code in _LATER:
            return ModelUnavailable(f"The embedding provider can't answer now ({code}): {said}")
        hint = ""
        if code in _FORBIDDEN:
            hint = f". Allow the role bedrock:InvokeModel on {self.model}, and give the account access to the model in Bedrock's console"
        elif code == "ResourceNotFoundException":
            hint = f". Bedrock may not serve {self.model} in this region"
        return ModelRejected(f"The embedding provider refused the request ({code}): {said}{hint}")
