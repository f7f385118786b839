"""What embedding providers answer, and what of it may be told."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

from silvercup.docs.embedding import Vector
from silvercup.errors import ModelRejected, ModelUnavailable

_LONGEST_WORD = 500
"""Characters of what a provider said that an error repeats."""


def vector_of(found: Any, *, model: str, dimensions: int) -> Vector:
    """The vector in an answer.

    Raises:
        ModelUnavailable: It is none.
        ModelRejected: It has another length than the deployment's index.
    """
    numbers = cast("list[Any]", found) if isinstance(found, list) else []
    if not numbers or not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise not_understood()
    if len(numbers) != dimensions:
        raise ModelRejected(
            f"The embedding model {model} answers with vectors of {len(numbers)} numbers where {dimensions} were asked for: "
            f"set the dimensions to {len(numbers)}, or name a model that makes vectors of {dimensions}"
        )
    return numbers


def not_understood() -> ModelUnavailable:
    """The provider's answer does not have the API's shape, which a proxy in between may have caused."""
    return ModelUnavailable("The embedding provider's answer could not be understood")


def told(text: str, keys: Iterable[str | None]) -> str:
    """What a provider said, without any of the keys in it and not too long."""
    for key in filter(None, keys):
        text = text.replace(key, "***")
    return text[:_LONGEST_WORD]
