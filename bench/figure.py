"""What a figure hands back, and how it is shown."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing.

    Attributes:
        title: Its heading.
        text: Markdown: tables and sentences.
        broken: What must hold and does not (counts); a time over its budget is shown, and breaks nothing.
    """

    title: str
    text: str
    broken: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The figure as a section."""
        return f"## {self.title}\n\n{self.text}\n"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def against(value: float, budget: float, unit: str = "") -> str:
    """A value beside its budget."""
    verdict = "within" if value <= budget else "OVER"
    return f"{verdict} the budget of {budget:g}{unit}"


def seconds(work: Callable[[], object]) -> float:
    """Processor time that something takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def machine() -> str:
    """Where this was measured, in general terms."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
