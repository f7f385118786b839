"""What rendering may use: steps, time, the memory of what it builds, and the size of what comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, override

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_BYTES, MAX_ITEMS, MAX_TEXT, Meter


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed.

    Attributes:
        steps: Nodes evaluated, items looped over and comparisons made, of all templates under one budget.
        seconds: The time spent rendering them.
        output: Characters that one template may make.
        template: Characters of one template.
        tokens: Words and signs inside the braces of one template.
    """

    steps: int = 500_000
    seconds: float = 2.0
    output: int = 1_000_000
    template: int = 1_000_000
    tokens: int = 20_000


DEFAULT: Final = Limits()


class OverLimit(ExpressionError):
    """A template went over a limit; the message says which.

    Attributes:
        hint: What to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


_SMALLER: Final = "Make shorter loops and smaller values, or prepare the data before it is given to the template"


class Budget(Meter):
    """Counts what rendering uses. One may be shared by all templates of a request, which then has the limits once.

    Args:
        limits: What is allowed.
        clock: Seconds from any fixed time.
    """

    __slots__ = ("_clock", "_left", "_steps", "limits")

    def __init__(self, limits: Limits = DEFAULT, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(limits.seconds)
        self.limits = limits
        self._clock = clock
        self._steps = limits.steps
        self._left = limits.seconds

    @contextmanager
    def running(self) -> Generator[None]:
        """The time within counts; what is done between two templates does not."""
        self._deadline = self._clock() + self._left
        try:
            yield
        finally:
            self._left = self._deadline - self._clock()

    @override
    def tick(self) -> None:
        self._nodes += 1
        if self._nodes > self._steps:
            raise OverLimit(f"Template took too many steps: more than {self._steps:,}", _SMALLER)
        if self._clock() > self._deadline:
            raise OverLimit(f"Template took too long: more than {self.limits.seconds:g} seconds", _SMALLER)

    @override
    def charge(self, size: int) -> None:
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise OverLimit(f"Template builds more than {MAX_BYTES // 1_000_000} MB of values", _SMALLER)

    @override
    def text(self, length: int) -> None:
        if length > MAX_TEXT:
            raise OverLimit(
                f"Template builds a text of more than {MAX_TEXT:,} characters, which is too large", _SMALLER
            )
        self.charge(length + 50)

    @override
    def items(self, count: int, each: int = 8) -> None:
        if count > MAX_ITEMS:
            raise OverLimit(f"Template builds a list of more than {MAX_ITEMS:,} elements, which is too large", _SMALLER)
        self.charge(count * each + 60)

    def output(self, length: int) -> None:
        """A template has made a text of ``length`` characters so far."""
        if length > self.limits.output:
            raise OverLimit(
                f"Template output is too large: more than {self.limits.output:,} characters",
                "Make less text: shorter loops, or truncate() the values",
            )
