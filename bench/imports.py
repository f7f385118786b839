"""What a cold function imports: all that its first call needs, against its own third-party packages alone.

Each measurement is a new interpreter under ``-X importtime``, without its own start-up. Of each module the shortest time of
several rounds counts: whatever else the machine does only adds.
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
{load}
{first_call}
names = [name for name in sys.modules if name not in before]
start = time.process_time()
{first_call}
print(json.dumps([names, time.process_time() - start]))
"""
_FLOOR = """
for name in {names!r}:
    try:
        __import__(name)  # import_module would not be timed
    except ImportError:
        pass
"""


@dataclass(slots=True)
class Imported:
    """What a piece of code imports, over several rounds.

    Attributes:
        names: The modules, in order.
        times: Of each module, milliseconds in itself.
        making: Milliseconds that the first call needs when everything is imported.
    """

    names: list[str]
    times: dict[str, float]
    making: float

    def __or__(self, other: Imported) -> Imported:
        """The shorter times of both."""
        times = {name: min(time, other.times.get(name, time)) for name, time in self.times.items()}
        return Imported(self.names, times, min(self.making, other.making))

    @property
    def total(self) -> float:
        """Milliseconds of all imports."""
        return sum(self.times.values())

    def by_package(self) -> Counter[str]:
        """Milliseconds of each top-level package; the standard library is one."""
        spent: Counter[str] = Counter()
        for name, time in self.times.items():
            spent["standard library" if _is_standard(name) else _package(name)] += time  # pyright: ignore[reportArgumentType]
        return spent


def measure() -> Figure:
    """Measure every function."""
    rows: list[list[object]] = []
    broken: list[str] = []
    for function, (load, first_call) in FUNCTIONS.items():
        whole = _import(load, first_call)
        third = [name for name in whole.names if _package(name) not in OURS and not _is_standard(name)]
        floor = _import(_FLOOR.format(names=third))
        for _ in range(ROUNDS - 1):
            whole |= _import(load, first_call)
            floor |= _import(_FLOOR.format(names=third))
        packages = whole.by_package()
        ours = sum(packages[package] for package in OURS)
        ratio = whole.total / floor.total
        top = ", ".join(f"{package} {ms:.0f}" for package, ms in packages.most_common(6))
        verdict = "within" if ratio <= BUDGET else "OVER"
        times = [f"{ms:.0f}" for ms in (whole.total, floor.total, ours, whole.making)]
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
    times: dict[str, float] = {}
    for text in done.stderr.partition("--- from here")[2].splitlines():
        if text.startswith("import time:"):
            own, _, name = (part.strip() for part in text.removeprefix("import time:").split("|"))
            times[name] = int(own) / 1000
    names, making = json.loads(done.stdout.splitlines()[-1])
    return Imported(names, times, making * 1000)


def _package(name: str) -> str:
    return name.partition(".")[0]


def _is_standard(name: str) -> bool:
    return _package(name) in sys.stdlib_module_names or name.startswith("_")
