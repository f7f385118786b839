"""What the functions that run every step must not import: it would be paid at each cold start."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.snippets import ROOT

SCRIPT = """
import json, sys
import functions.{function}.handler
from silvercup import container
from silvercup.expressions import compile_value
compile_value("$ 1 + 1").evaluate({{}})
container.current().runtime
print(json.dumps(list(sys.modules)))
"""
SERVE = """
import json, sys
import functions.api.handler
from silvercup import container
parts = container.current()
parts.agents, parts.tasks, parts.executions, parts.keys
print(json.dumps(list(sys.modules)))
"""
NEVER = {"anthropic", "fastapi", "opensearchpy", "boto3", "moto", "jsonschema", "statemachines.compiler", "local"}


@pytest.mark.parametrize("function", ["steps", "prompts", "lifecycle"])
def test_a_function_that_runs_steps_imports_little(function: str):
    assert NEVER & imported(SCRIPT.format(function=function)) == set()


def test_the_api_imports_neither_the_compiler_nor_routes_before_they_are_asked_for():
    modules = imported(SERVE)
    assert (NEVER - {"fastapi"}) & modules == set()
    assert {
        "statemachines.task",
        "silvercup.expressions",
        "silvercup.http.shown",
        "silvercup.http.models",
    } & modules == set()
    assert [name for name in modules if name.startswith("silvercup.http.routes.")] == []


def imported(script: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            "PYTHONPATH": "layers/core:.",
            "SILVERCUP_STEPS_ARN": "arn:aws:lambda:us-east-1:123456789012:function:steps",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(done.stdout))
