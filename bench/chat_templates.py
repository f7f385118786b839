"""What the default template costs: in a new process, read for the first time, and again."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from silvercup.chat.templates import render
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE

ROOT = Path(__file__).parent.parent
ROUNDS = 3
TEXTS = 30
CONTEXT: dict[str, Any] = {
    "agent": {"name": "Bench", "about": "a patient helper", "instructions": ["Be brief", "Give reasons"]},
    "user": {"name": "Ann", "about": "an engineer"},
    "session": {"situation": "A long talk"},
    "docs": [{"title": f"Doc {number}", "content": ["A snippet of some words"] * 2} for number in range(5)],
}
_SCRIPT = """
import sys, time
sys.path[:0] = ["layers/core", "."]
from bench.chat_templates import CONTEXT, DEFAULT_SYSTEM_TEMPLATE, render
start = time.process_time()
render(DEFAULT_SYSTEM_TEMPLATE, CONTEXT)
print(time.process_time() - start)
"""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Milliseconds of processor time.

    Attributes:
        cold: The first rendering of a process, with what it imports; the best of several.
        read: A text that was not read before; a median.
        warm: The same text again; a median.
    """

    cold: float
    read: float
    warm: float


def rendered() -> Rendered:
    """Render the default template."""
    cold = min(_in_new_process() for _ in range(ROUNDS))
    # a comment of its own makes each a text that the engine does not know
    new = [_milliseconds(f"{{# {number} #}}{DEFAULT_SYSTEM_TEMPLATE}") for number in range(TEXTS)]
    again = [_milliseconds(DEFAULT_SYSTEM_TEMPLATE) for _ in range(TEXTS)]
    return Rendered(cold, median(new[1:]), median(again[1:]))


def _milliseconds(template: str) -> float:
    start = time.process_time()
    render(template, CONTEXT)
    return (time.process_time() - start) * 1000


def _in_new_process() -> float:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return float(done.stdout) * 1000
