"""What the first call of each tool imports, in a function that runs steps and has its runner already; nothing of it must be there before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

from bench.figure import table
from bench.imports import ROUNDS, RUN, Imported, best, environment, imported
from tests.support.each_tool import EachTool, strangers

HEADER = ["tool", "modules", "of ours", "imports, ms", "a second call, ms", "most, ms"]
_SHOWN = 4


def imports() -> tuple[str, list[str]]:
    """A table of the tools; what must hold and does not."""
    with tempfile.TemporaryDirectory() as bytecode, EachTool() as each:
        env = {**environment(bytecode), **each.env}
        begin = f"import functions.steps.handler\n{RUN}\n{each.begin}"
        rows: list[list[object]] = []
        there = imported(env, begin)
        broken = _strange("the runner", "", there.names)
        for name, call in each.calls.items():
            whole = best([imported(env, "", call, begin=begin) for _ in range(ROUNDS)])
            told = imported(env, "", call, begin=begin, times=True)
            rows.append(_row(name, whole, told))
            broken += _strange(name, name, whole.names)
    return table(HEADER, rows), broken


def _row(name: str, whole: Imported, told: Imported) -> list[object]:
    ours = sum(module.startswith("silvercup") for module in whole.names)
    most = ", ".join(f"{package} {ms}" for package, ms in told.by_package.most_common(_SHOWN) if ms)
    return [name, len(whole.names), ours, f"{whole.importing:.0f}", f"{whole.making:.1f}", most]


def _strange(what: str, name: str, modules: Iterable[str]) -> list[str]:
    return [f"{what} imports {module}, which is of other tools" for module in strangers(name, set(modules))]
