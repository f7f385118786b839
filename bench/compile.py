"""How long a task takes to compile, from its YAML text to the definition and the program."""

from __future__ import annotations

from itertools import count
from statistics import median

from bench.definitions import mixture
from bench.figure import Figure, against, seconds, table
from statemachines import Compiled, compile_task, read_yaml
from statemachines.program import dump

ROUNDS = 9
BUDGET_MS = 30
"""For 100 steps."""

_round = count()


def measure() -> Figure:
    """Compile tasks of 100 and of 400 steps."""
    rows: list[list[object]] = []
    verdict = ""
    for steps in (100, 400):
        texts = [mixture(steps, next(_round)).encode() for _ in range(ROUNDS + 1)]
        compiled = _compile(texts.pop())
        reading = min(seconds(lambda text=text: read_yaml(text)) for text in texts) * 1000
        times = [seconds(lambda text=text: _compile(text)) * 1000 - reading for text in texts]
        best, middle, report = min(times), median(times), compiled.report
        size = f"{report.bytes / 1000:.0f} KB"
        rows.append([steps, f"{best:.1f}", f"{middle:.1f}", f"{reading:.1f}", report.states, size])
        if steps == 100:
            verdict = f"100 steps: {against(best, BUDGET_MS, ' ms')}; with reading its YAML {against(best + reading, BUDGET_MS, ' ms')}."
    shown = table(["steps", "compile ms, best", "median", "read YAML ms", "states", "definition"], rows)
    return Figure("Compiling a task", f"{shown}\n\n{verdict}")


def _compile(text: bytes) -> Compiled:
    compiled = compile_task(read_yaml(text))
    dump(compiled.program)
    return compiled
