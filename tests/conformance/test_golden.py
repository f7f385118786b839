"""Definitions and what becomes of them: state machines, warnings and programs, or every problem.

``UPDATE_GOLDEN=1 pytest tests/conformance/test_golden.py`` writes the expected files anew; read their diff before you commit it.
"""

from __future__ import annotations

import difflib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from silvercup import values
from silvercup.errors import InvalidTask
from silvercup.tools.definitions import problems_of
from statemachines import Compiled, Context, compile_task, read_yaml
from statemachines.program import dump, load

HERE = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).parents[2] / "examples"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
WIDTH = 120


def check_model(name: str) -> str | None:
    return (
        None if name in {"gpt-4o", "claude-3.5-sonnet"} else f"Model {name} not available. Available models: ['gpt-4o']"
    )


CONTEXT = Context(
    agent_tools={
        "agent_tool": {"name": "agent_tool", "type": "function"},
        "agent_api": {
            "name": "agent_api",
            "type": "api_call",
            "api_call": {"method": "GET", "url": "$ secrets.URL"},
        },
        "not_called": {"name": "not_called", "type": "function"},
    },
    check_model=check_model,
    check_tool=problems_of,
)


def cases(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((HERE / folder).glob("*.yaml"))]


def pretty(value: Any, indent: int = 0, lead: int = 0) -> str:
    """JSON for people: what fits into a line stays on one; the order of keys is the value's."""
    flat = json.dumps(value, ensure_ascii=False)
    if indent + lead + len(flat) <= WIDTH or not isinstance(value, dict | list):
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        named = ((json.dumps(key, ensure_ascii=False) + ": ", item) for key, item in value.items())
        lines = [inner + key + pretty(item, indent + 2, len(key)) for key, item in named]
        opening, closing = "{", "}"
    else:
        lines = [inner + pretty(item, indent + 2) for item in value]
        opening, closing = "[", "]"
    return opening + "\n" + ",\n".join(lines) + "\n" + " " * indent + closing


def compare(path: Path, value: Any) -> None:
    text = pretty(value) + "\n"
    assert json.loads(text) == value
    if UPDATE:
        assert not os.environ.get("CI"), "UPDATE_GOLDEN is not for CI"
        path.write_text(text, encoding="utf-8")
        return
    assert path.exists(), f"{path.name} is missing; see {Path(__file__).name}"
    expected = path.read_text(encoding="utf-8")
    if text != expected:
        diff = difflib.unified_diff(expected.splitlines(), text.splitlines(), path.name, "now", lineterm="", n=2)
        pytest.fail("\n".join([f"{path.name} is not what the compiler makes now:", *diff]), pytrace=False)


def compiled(path: Path) -> Compiled:
    return compile_task(read_yaml(path.read_bytes()), CONTEXT)


@pytest.mark.parametrize("path", cases("accepted"))
def test_a_definition_becomes_this_state_machine(path: Path):
    result = compiled(path)
    compare(path.with_suffix(".asl.json"), json.loads(result.definition))
    notes = {
        "digest": result.digest,
        "report": result.report.as_dict(),
        "warnings": [problem.as_dict() for problem in result.warnings],
    }
    compare(path.with_suffix(".report.json"), notes)


PROGRAMS = (
    *("evaluate", "if_nested", "prompt_messages", "sleep", "state", "function_tool", "workflow_return", "labels"),
    *("foreach", "foreach_pure", "map_reduce", "nested_loops", "parallel", "parallel_pure", "return_from_loops"),
    *("recursion", "tail_call_mutual", "fused_branches", "tools", "prompt_tools"),
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_definition_becomes_this_program(name: str):
    path = HERE / "accepted" / f"{name}.yaml"
    compare(path.with_suffix(".program.json"), json.loads(dump(compiled(path).program)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_stored_earlier_can_still_be_loaded(name: str):
    """When a change of the format breaks this, raise ``ir.FORMAT``, keep the old files, and read both."""
    stored = (HERE / "accepted" / f"{name}.program.json").read_text(encoding="utf-8")
    assert values.loads(dump(load(stored))) == values.loads(stored)


@pytest.mark.parametrize("path", cases("refused"))
def test_a_definition_is_refused_with_these_problems(path: Path):
    with pytest.raises(InvalidTask) as refused:
        compiled(path)
    problems = [problem.as_dict() for problem in refused.value.details]
    compare(path.with_suffix(".errors.json"), problems)
    assert problems[0]["msg"] in refused.value.message


def test_warnings_are_errors_when_strict():
    source = read_yaml((HERE / "accepted" / "warnings.yaml").read_bytes())
    accepted = compile_task(source, CONTEXT)
    with pytest.raises(InvalidTask) as refused:
        compile_task(source, replace(CONTEXT, strict=True))
    assert accepted.warnings
    assert sorted(refused.value.details, key=str) == sorted(accepted.warnings, key=str)


def test_no_expected_file_is_without_its_definition():
    found = [path for folder in ("accepted", "refused") for path in (HERE / folder).glob("*.json")]
    lone = [path.name for path in found if not path.with_name(path.name.split(".")[0] + ".yaml").exists()]
    assert lone == []


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in sorted(EXAMPLES.glob("*.yaml"))])
def test_every_example_compiles_without_a_warning(path: Path):
    assert compile_task(read_yaml(path.read_bytes()), Context(check_tool=problems_of, strict=True)).warnings == ()


def test_there_are_examples():
    assert list(EXAMPLES.glob("*.yaml"))
