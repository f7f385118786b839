"""What one evaluation may use: time, nodes, and the memory of what it builds."""

from __future__ import annotations

import importlib
import time
from typing import Any, Final

from silvercup.errors import ExpressionError

SECONDS: Final = 2.0
MAX_NODES: Final = 3_000_000
MAX_TEXT: Final = 2_048_000
MAX_ITEMS: Final = 1_000_000
MAX_BYTES: Final = 150_000_000
MAX_INT_BITS: Final = 100_000
MAX_SOURCE: Final = 100_000
MAX_SOURCE_DEPTH: Final = 100
MAX_VALUE_DEPTH: Final = 200
MAX_COMPARED: Final = 20_000_000
MAX_KEY: Final = 100_000
MAX_RESULT: Final = 64_000_000
MAX_NUMBER_BITS: Final = 14_200
"""Python refuses to write an integer of over 4300 digits (14284 bits) as text, and so does JSON."""


class Meter:
    """Counts what one evaluation uses; every method raises ``ExpressionError`` when a limit is passed.

    Sizes are given *before* the thing is built. Memory is counted as it is built and never given back, so it bounds the
    peak from above.
    """

    __slots__ = ("_bytes", "_deadline", "_nodes")

    def __init__(self, seconds: float = SECONDS) -> None:
        self._deadline = time.monotonic() + seconds
        self._nodes = 0
        self._bytes = 0

    def tick(self) -> None:
        """One more node, item or comparison."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ExpressionError(f"the expression needs more than {MAX_NODES:,} steps")
        if time.monotonic() > self._deadline:
            raise ExpressionError(f"the expression takes longer than {SECONDS:g} seconds")

    def charge(self, size: int) -> None:
        """The evaluation builds something of about ``size`` bytes."""
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise ExpressionError(f"the expression builds more than {MAX_BYTES // 1_000_000} MB of values")

    def text(self, length: int) -> None:
        """The evaluation builds a text of ``length`` characters."""
        if length > MAX_TEXT:
            raise ExpressionError(f"the expression builds a text of more than {MAX_TEXT:,} characters")
        self.charge(length + 50)

    def items(self, count: int, each: int = 8) -> None:
        """The evaluation builds a list, tuple, set or dict of ``count`` elements, ``each`` bytes apart."""
        if count > MAX_ITEMS:
            raise ExpressionError(f"the expression builds a list of more than {MAX_ITEMS:,} elements")
        self.charge(count * each + 60)

    def load(self, module: str) -> Any:
        """Import what only some expressions need; the first time this may take long, which is not the expression's time."""
        begun = time.monotonic()
        found = importlib.import_module(module)
        self._deadline += time.monotonic() - begun
        return found

    @staticmethod
    def bits(count: int) -> None:
        """The evaluation builds an integer of at most ``count`` bits."""
        if count > MAX_INT_BITS:
            raise ExpressionError(f"the number is too large (over {MAX_INT_BITS:,} bits)")


def at_most(length: int, limit: int, what: str) -> None:
    """Refuse an input of a parser or library that is longer than it is meant for."""
    if length > limit:
        raise ExpressionError(f"{what} takes at most {limit:,} characters, this has {length:,}")
