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


@pytest.mark.parametrize(("name", "states"), [("simple", 3), ("summarize", 9)])
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
        "run_browser[2].foreach": "foreach",
        "check_goal_status[0].then.workflow": "run_browser → check_goal_status → run_browser",
    },
    "hacker-news-newsletter": {
        "main[0].tool": "api_call",
        **{f"main[{i}].over": "map_reduce" for i in (2, 6, 9, 13, 16)},
    },
    "rag-chatbot": {"index_page[1].over": "map_reduce", "index_page[3].over": "map_reduce", "main[0].tool": "api_call"},
    "trip-planning": {f"main[{i}].over": "map_reduce" for i in (0, 1, 3)},
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
