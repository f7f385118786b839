"""Chunks as documents of an index, and back."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from silvercup.docs.embedding import Vector
from silvercup.docs.index import Chunk, Hit
from silvercup.docs.languages import STANDARD

SHOWN = ("owner", "doc_id", "version", "position", "title", "text", "chunk_id")
"""What a search returns of a document."""


def unit(vector: Vector, dimensions: int) -> list[float]:
    """A vector at length 1, each number with the 9 digits that a 32-bit float keeps.

    Raises:
        ValueError: It has other dimensions, is of length 0, or holds what is no number.
    """
    if len(vector) != dimensions:
        raise ValueError(f"a vector has {len(vector)} dimensions; this index has {dimensions}")
    numbers = [float(number) for number in vector]
    length = math.hypot(*numbers)
    if not 0 < length < math.inf:
        raise ValueError("a vector of length 0, or with what is no number in it, has no direction")
    return [float(f"{number / length:.9g}") for number in numbers]


def document_of(chunk: Chunk, dimensions: int) -> dict[str, Any]:
    """What is put into the index.

    Raises:
        ValueError: See ``unit``.
    """
    document: dict[str, Any] = {
        "chunk_id": chunk.chunk_id,
        "tenant": chunk.tenant,
        "owner": chunk.owner,
        "doc_id": chunk.doc_id,
        "version": chunk.version,
        "position": chunk.position,
        "terms": list(chunk.terms),
        "title": chunk.title,
        "text": chunk.text,
    }
    if chunk.language != STANDARD:
        document["words"] = {chunk.language: {"title": composed(chunk.title), "text": composed(chunk.text)}}
    if chunk.vector is not None:
        document["vector"] = unit(chunk.vector, dimensions)
    return document


def composed(text: str) -> str:
    """A text with each letter and its accents as one character, as the analyzers of languages know them."""
    return unicodedata.normalize("NFC", text)


def hit_of(source: Mapping[str, Any], score: float) -> Hit:
    """A chunk that was found, by what the index returns of it."""
    return Hit(
        owner=source["owner"],
        doc_id=source["doc_id"],
        version=source["version"],
        position=source["position"],
        title=source["title"],
        text=source["text"],
        score=score,
        vector=source.get("vector"),
    )


def cosine_of(score: float) -> float:
    """The cosine of the angle between two vectors of length 1, by the score 1 / (1 + d), d = 2 - 2 cos their squared distance."""
    return max(-1.0, min(1.0, 1.5 - 0.5 / score))


def score_of(cosine: float) -> float:
    """The score of a cosine: ``cosine_of`` the other way."""
    return 1 / (3 - 2 * cosine)
