"""The Python snippets of the documentation run, on a stack, as they stand there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.stack import Running
from tests.support.snippets import ROOT, Snippet, snippets

ADDRESS = "http://127.0.0.1:8080/api"
FOUND = snippets("python")
PAGES = sorted({snippet.page for snippet in FOUND})


@pytest.mark.parametrize("page", PAGES)
def test_python_snippets_run(page: str, stack: Running, capsys: pytest.CaptureFixture[str]):
    here: dict[str, Any] = {"__name__": "snippet"}
    for snippet in FOUND:
        if snippet.page == page:
            run(snippet, stack, here)
    here["client"].close()
    assert "failed" not in capsys.readouterr().out


def run(snippet: Snippet, stack: Running, here: dict[str, Any]) -> None:
    """Execute a snippet against the stack; line numbers of a traceback are those of the page."""
    text = snippet.text.replace(ADDRESS, stack.url).replace('api_key="any"', f"api_key={stack.key!r}")
    padded = "\n" * (snippet.line - 1) + text
    exec(compile(padded, str(ROOT / snippet.page), "exec"), here)


def test_there_are_snippets_to_run():
    assert {"README.md", "docs/api.md"} <= set(PAGES)
    assert all(ADDRESS in (ROOT / page).read_text(encoding="utf-8") for page in PAGES)
