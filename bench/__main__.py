"""``python -m bench [figure ...]``: print the figures; all of them together are also written to ``results.md``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from bench import (
    chat,
    counts,
    doc_index,
    estimates,
    imports,
    latency,
    neighbours,
    pipeline,
    price,
    quality,
    routes,
    sizes,
    start,
    timing,
    tools,
)
from bench import compile as compiling
from bench.figure import machine

FIGURES = {
    "compile": compiling,
    "counts": counts,
    "estimates": estimates,
    "sizes": sizes,
    "price": price,
    "routes": routes,
    "chat": chat,
    "tools": tools,
    "timing": timing,
    "imports": imports,
    "start": start,
    "retrieval": quality,
    "neighbours": neighbours,
    "embedded": doc_index,
    "latency": latency,
    "pipeline": pipeline,
}
RESULTS = Path(__file__).parent / "results.md"


def main(names: list[str]) -> int:
    """Measure; 1 when something that must hold does not."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(f"bench: there is no figure {unknown[0]!r}; there are: {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    logging.getLogger("silvercup").setLevel(logging.CRITICAL)
    sections = [f"# Results\n\nMeasured on: {machine()}. What each figure means: [README.md](README.md).\n"]
    broken: list[str] = []
    for name in names or FIGURES:
        figure = FIGURES[name].measure()
        sections.append(figure.markdown())
        broken += figure.broken
        print(sections[-1], flush=True)
    if not names:
        RESULTS.write_text("\n".join(sections), encoding="utf-8")
    for line in broken:
        print(f"bench: must hold and does not: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
