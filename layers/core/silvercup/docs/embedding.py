"""The port to what turns texts into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

type Vector = Sequence[float]
"""The meaning of a text as a direction: of length 1, so that the cosine of two of them is their dot product."""


class Embedder(Protocol):
    """A provider of embeddings. Documents and queries are embedded in the same way."""

    @property
    def model(self) -> str:
        """What the API shows as a doc's ``embedding_model``; vectors of two models can't be compared."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        ...

    @property
    def confidence(self) -> float:
        """The cosine from which on texts have to do with each other; searches that name no ``confidence`` take it."""
        ...

    def embed(self, texts: Sequence[str], /) -> list[Vector]:
        """One vector of length 1 per text, in their order; a text may have any length (from a single character).

        A text that is longer than the model reads is embedded as the mean of its parts. A text without anything to embed (blank) has
        the vector of a single space.

        Raises:
            ModelRejected: The same texts can't be embedded by trying again.
            ModelUnavailable: They may be, later.
        """
        ...
