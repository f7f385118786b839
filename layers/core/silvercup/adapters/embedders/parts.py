"""Texts of any length for models that read only so much of one: a long text is embedded in parts, its vector is their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from silvercup.docs.embedding import Vector
from silvercup.docs.splitting import split
from silvercup.docs.vectors import mean
from silvercup.errors import ModelRejected

BLANK = " "
"""What is embedded where there is nothing to embed."""
MAX_BYTES = 8_000
"""The longest part in UTF-8. The hosted models read 8,192 tokens, and a tokenizer that falls back to bytes makes no more tokens than bytes,
in whatever script: 8,000 characters of English, 2,666 of Chinese."""


def embed_in_parts(
    texts: Sequence[str], embed: Callable[[Sequence[str]], Sequence[Vector]], max_bytes: int = MAX_BYTES
) -> list[Vector]:
    """The vectors of texts, in their order and of length 1.

    The vector of a text in parts is the mean of their vectors, weighted by their lengths and brought to length 1, as OpenAI's cookbook has it
    ("Embedding texts that are longer than the model's maximum context length").

    Args:
        texts: Of any length; none: ``embed`` is not called.
        embed: From texts that are not empty, of up to ``max_bytes``, to as many vectors.
        max_bytes: The longest text that the model reads, in UTF-8.

    Raises:
        ModelRejected: A vector has no direction. What ``embed`` raises is raised.
    """
    if not texts:
        return []
    cut = [parts_of(text, max_bytes) for text in texts]
    vectors = iter(embed([part for parts in cut for part in parts]))
    try:
        return [mean(list(islice(vectors, len(parts))), [len(part) for part in parts]) for parts in cut]
    except ValueError as error:
        raise ModelRejected(f"The embedding model's vector of a text can't be used: {error}") from None


def parts_of(text: str, max_bytes: int) -> list[str]:
    """A text in parts of at most ``max_bytes`` in UTF-8, divided where its structure is; at least one, none blank but that of a blank text."""
    text = encodable(text)
    if not text.strip():
        return [BLANK]
    if len(text) <= max_bytes and len(text.encode()) <= max_bytes:
        return [text]
    widest = len(max(text).encode())
    return split(text, max_chars=max_bytes // widest, overlap=0)


def encodable(text: str) -> str:
    """The text with halves of surrogate pairs joined, or replaced where the other one is missing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
