"""The npm package asl-validator, which knows nothing of this compiler, accepts every definition that it makes."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from statemachines import Context, Source, compile_task, read_yaml

ROOT = Path(__file__).parents[2]
VALIDATOR = ROOT / "tests" / "asl-validator"
GOLDEN = Path(__file__).parent / "golden" / "accepted"
CONTEXT = Context(agent_tools={"agent_tool": {"name": "agent_tool", "type": "function"}})

pytestmark = pytest.mark.node


def node() -> str:
    """The Node.js to use; without one, or without the package, the test is skipped, but not in CI."""
    here = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv-node" / "bin"))
    missing = None
    if here is None:
        missing = "Node.js is not installed"
    elif not (VALIDATOR / "node_modules" / "asl-validator").is_dir():
        missing = "asl-validator is not installed; `make node` does it"
    if missing is None and here is not None:
        return here
    if os.environ.get("CI"):
        pytest.fail(f"{missing}, and CI is set", pytrace=False)
    pytest.skip(str(missing))


def verdicts(definitions: dict[str, Any]) -> dict[str, list[str]]:
    done = subprocess.run(
        [node(), str(VALIDATOR / "validate.cjs")],
        input=json.dumps(definitions),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def definition(value: Any) -> dict[str, Any]:
    return json.loads(compile_task(Source(value), CONTEXT).definition)


def large() -> dict[str, Any]:
    steps = [
        {"evaluate": {"x": "$ 1"}},
        {"prompt": "hi"},
        {"wait_for_input": {"info": "?"}},
        {"sleep": {"seconds": 1}},
        {"if": "$ _.x", "then": {"log": "x"}, "else": [{"return": {"x": "$ 1"}}]},
    ]
    return definition({"name": "large", "main": steps * 60})


def test_the_package_is_the_one_that_was_locked():
    lock = json.loads((VALIDATOR / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/asl-validator"]["version"] == "4.0.0"
    node()
    installed = json.loads((VALIDATOR / "node_modules" / "asl-validator" / "package.json").read_text())
    assert installed["version"] == "4.0.0"


def test_every_definition_is_accepted():
    documents = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.asl.json"))}
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        documents[path.name] = json.loads(compile_task(read_yaml(path.read_bytes()), CONTEXT).definition)
    documents["large"] = large()
    assert len(documents) > 30
    assert {name: errors for name, errors in verdicts(documents).items() if errors} == {}


def test_what_is_wrong_is_not_accepted():
    good = json.loads((GOLDEN / "if_else.asl.json").read_text(encoding="utf-8"))
    states = list(good["States"])
    broken = {name: copy.deepcopy(good) for name in ("good", "no target", "unreachable", "no type", "no end")}
    broken["no target"]["StartAt"] = "nowhere"
    broken["unreachable"]["States"]["lone"] = {"Type": "Succeed"}
    del broken["no type"]["States"][states[0]]["Type"]
    task = next(state for state in broken["no end"]["States"].values() if state.get("End"))
    del task["End"]
    answer = verdicts(broken)
    assert {name for name, errors in answer.items() if not errors} == {"good"}, answer
