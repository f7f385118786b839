"""Definitions as users of the old service ran them, read from beside the project where they are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from silvercup.tools.definitions import problems_of
from statemachines import Compiled, Context, compile_task, read_yaml

TASKS = Path(__file__).parents[4] / "shared" / "tasks-v1"
pytestmark = pytest.mark.skipif(not TASKS.is_dir(), reason="the real v1 definitions are not beside the project")


def compiled(name: str) -> Compiled:
    return compile_task(read_yaml((TASKS / f"{name}.yaml").read_bytes()), Context(check_tool=problems_of))


def test_every_definition_is_looked_at():
    names = {path.stem for path in TASKS.glob("*.yaml")}
    assert names == set(STATES)


STATES = {
    "simple": 3,
    "summarize": 7,
    "trip-planning": 65,
    "hacker-news-newsletter": 106,
    "rag-chatbot": 46,
    "browser-use": 43,
}


@pytest.mark.parametrize("name", STATES)
def test_every_definition_compiles(name: str):
    result = compiled(name)
    assert all("in an f-string" in warning.msg for warning in result.warnings)
    assert result.report.states == STATES[name]
    assert ("procedure:run_browser" in result.definition) == (name == "browser-use")
