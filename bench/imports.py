"""What a cold function imports: all that its first call needs, against its own third-party packages alone.

Each measurement is a new interpreter, without its own start-up, in processor time, the best of several; ``-X importtime`` tells
whose modules take it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure, table

ROOT = Path(__file__).parent.parent
ROUNDS = 5
BUDGET = 1.2
"""Everything, against the floor of its own third-party imports."""
OURS = frozenset({"silvercup", "statemachines", "functions"})
NEVER = frozenset({"anthropic", "fastapi", "opensearchpy"})
"""Packages that ``steps`` must not import."""

PARTS = "from silvercup import container; container.install(None); parts = container.current()"
RUN = (
    f"{PARTS}; parts.runtime; from silvercup.expressions import compile_value; compile_value('$ 1 + 1').evaluate({{}})"
)
SERVE = f"{PARTS}; parts.agents, parts.tasks, parts.executions, parts.keys, parts.idempotency, parts.models"
FUNCTIONS = {
    "steps": ("import functions.steps.handler", RUN),
    "prompts": ("import functions.prompts.handler", f"{RUN}; parts.models"),
    "prompts, with Anthropic": (
        "import functions.prompts.handler, anthropic",
        f"{RUN}; import silvercup.adapters.anthropic",
    ),
    "api": ("import functions.api.handler", SERVE),
}
"""What each function imports when it is loaded, and what its first call makes: the services, with AWS clients; nothing is sent."""

_SCRIPT = """
import json, sys, time
sys.path[:0] = ["layers/core", "."]
before = set(sys.modules)
sys.stderr.write("\\n--- from here\\n")
sys.stderr.flush()
start = time.process_time()
{load}
{first_call}
first = time.process_time() - start
names = [name for name in sys.modules if name not in before]
start = time.process_time()
{first_call}
print(json.dumps([names, first, time.process_time() - start]))
"""
_FLOOR = """
import importlib
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What one interpreter imported.

    Attributes:
        names: The modules, in order.
        making: Milliseconds that the first call needs when everything is imported.
        importing: Milliseconds beyond that.
        by_package: Of the imports, milliseconds in each top-level package's own modules (the whole standard library is one).
    """

    names: tuple[str, ...]
    making: float
    importing: float
    by_package: Counter[str]


def measure() -> Figure:
    """Measure every function."""
    rows: list[list[object]] = []
    broken: list[str] = []
    for function, (load, first_call) in FUNCTIONS.items():
        whole = _import(load, first_call)
        third = [name for name in whole.names if _package(name) not in OURS and not _is_standard(name)]
        floor = _import(_FLOOR.format(names=third))
        for _ in range(ROUNDS - 1):
            whole = min(whole, _import(load, first_call), key=_importing)
            floor = min(floor, _import(_FLOOR.format(names=third)), key=_importing)
        ours = sum(whole.by_package[package] for package in OURS)
        ratio = whole.importing / floor.importing
        top = ", ".join(f"{package} {ms:.0f}" for package, ms in whole.by_package.most_common(6))
        verdict = "within" if ratio <= BUDGET else "OVER"
        times = [f"{ms:.0f}" for ms in (whole.importing, floor.importing, ours, whole.making)]
        rows.append([function, *times[:2], f"{ratio:.2f} {verdict}", *times[2:], top])
        if function == "steps":
            broken += [f"steps imports {name}" for name in sorted(NEVER & {_package(name) for name in whole.names})]
    header = [
        "function",
        "imports, ms",
        "floor",
        f"ratio (budget {BUDGET})",
        "our modules",
        "making the services",
        "most",
    ]
    verdict = "\n".join(f"- **{line}**" for line in broken) or f"`steps` imports none of {', '.join(sorted(NEVER))}."
    return Figure("Cold imports", f"{table(header, rows)}\n\n{verdict}", tuple(broken))


def _importing(imported: Imported) -> float:
    return imported.importing


def _import(load: str, first_call: str = "") -> Imported:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-"],
        input=_SCRIPT.format(load=load, first_call=first_call),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{load[:200]} failed: {done.stderr[-2000:]}")
    spent: Counter[str] = Counter()
    for text in done.stderr.partition("--- from here")[2].splitlines():
        if text.startswith("import time:"):
            own, _, name = (part.strip() for part in text.removeprefix("import time:").split("|"))
            spent["standard library" if _is_standard(name) else _package(name)] += int(own)
    names, first, second = json.loads(done.stdout.splitlines()[-1])
    by_package = Counter({package: us // 1000 for package, us in spent.items()})
    return Imported(tuple(names), second * 1000, (first - second) * 1000, by_package)


def _package(name: str) -> str:
    return name.partition(".")[0]


def _is_standard(name: str) -> bool:
    return _package(name) in sys.stdlib_module_names or name.startswith("_")
