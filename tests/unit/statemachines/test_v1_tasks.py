"""Definitions as users of the old service ran them, read from beside the project where they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from silvercup.errors import InvalidTask, Problem
from statemachines import Compiled, compile_task, read_yaml

TASKS = Path(__file__).parents[4] / "shared" / "tasks-v1"
pytestmark = pytest.mark.skipif(not TASKS.is_dir(), reason="the real v1 definitions are not beside the project")


def compiled(name: str) -> Compiled:
    return compile_task(read_yaml((TASKS / f"{name}.yaml").read_bytes()))


def problems(name: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidTask) as refused:
        compiled(name)
    return refused.value.details


def test_every_definition_is_looked_at():
    names = {path.stem for path in TASKS.glob("*.yaml")}
    assert names == {"simple", "summarize", *NOT_YET}


@pytest.mark.parametrize(("name", "states"), [("simple", 3), ("summarize", 7)])
def test_what_this_version_runs_compiles_without_a_warning(name: str, states: int):
    result = compiled(name)
    assert result.warnings == ()
    assert result.report.states == states


NOT_YET = {
    "browser-use": {
        "main[0].tool": "system",
        "main[2].tool": "integration",
        "main[4].tool": "integration",
        "main[6].tool": "integration",
        "run_browser[0].tool": "system",
        "run_browser[2].foreach.do.tool": "integration",
    },
    "hacker-news-newsletter": {
        "main[0].tool": "api_call",
        "main[2].map.tool": "api_call",
        "main[6].map.tool": "integration",
        "main[9].map.tool": "api_call",
    },
    "rag-chatbot": {"main[0].tool": "api_call", "index_page[3].map.tool": "system"},
    "trip-planning": {"main[0].map.tool": "integration", "main[1].map.tool": "integration"},
}


@pytest.mark.parametrize("name", NOT_YET)
def test_of_the_others_only_what_comes_later_is_told(name: str):
    found = problems(name)
    assert {problem.loc for problem in found} == set(NOT_YET[name])
    text = (TASKS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    for problem in found:
        assert "not available in this version" in problem.msg
        assert NOT_YET[name][problem.loc] in problem.msg
        key = re.split(r"[.\]]", problem.loc)[-1]
        assert problem.line is not None
        assert f"{key}:" in text[problem.line - 1]


@pytest.mark.parametrize("name", NOT_YET)
def test_with_other_tools_in_their_place_they_compile(name: str):
    """Their loops, forks and calls, of themselves too, are what this version runs."""
    text = (TASKS / f"{name}.yaml").read_text(encoding="utf-8")
    with_functions = re.sub(r"(?m)^(\s+(?:- )?)type: (system|integration|api_call)$", r"\1type: function", text)
    result = compile_task(read_yaml(with_functions.encode()))
    assert all("in an f-string" in warning.msg for warning in result.warnings)
    assert ("procedure:run_browser" in result.definition) == (name == "browser-use")
