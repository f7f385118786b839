"""The snippets of the documentation, by kind (the info string of their fence).

``yaml``: a task, or a list of steps, that compiles without a warning. ``yaml wrong``: one that does not; the next fence, ``text problems``, lists
why. ``text expressions``: an expression and its value a line. ``python``: run on a stack, the snippets of a page one after the other. ``sh``: commands
that exist. ``json``: JSON. Every other fence is not looked at; ``KINDS`` says which there may be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "bench" / "README.md", *(ROOT / "docs").rglob("*.md")])
KINDS = frozenset({"yaml", "yaml wrong", "text problems", "text expressions", "python", "sh", "json", "text"})

_FENCE = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """A fenced block.

    Attributes:
        page: The page, from the root of the project.
        line: The line of its first line, counted from 1.
        kind: Its info string.
        text: What is between the fences.
    """

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def snippets(*kinds: str) -> list[Snippet]:
    """All snippets of some kinds, in the order of the pages; without kinds, all."""
    found: list[Snippet] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            kind = fence["kind"].strip()
            if not kinds or kind in kinds:
                line = text.count("\n", 0, fence.start()) + 2
                found.append(Snippet(page.relative_to(ROOT).as_posix(), line, kind, fence["body"]))
    return found
