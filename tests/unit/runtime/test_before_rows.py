"""State machines that were made when every block had a state of its own: those that are there go on as they did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statemachines import Context, read_yaml
from statemachines.compiler import Compiled, compile_task
from tests.support.world import World

GOLDEN = Path(__file__).parents[2] / "conformance" / "golden"
STORED = GOLDEN / "before-rows"
INPUTS: dict[str, Any] = {
    "fused_branches": {"n": 1},
    "nested_loops": {"pages": [{"parts": [1, 2]}, {"parts": []}]},
    "parallel": {},
    "prompt_messages": {"question": "?", "messages": [{"role": "user", "content": "hi"}]},
    "return_from_loops": {"pages": [{"parts": [1]}]},
}


def compiled(name: str) -> Compiled:
    return compile_task(read_yaml((GOLDEN / "accepted" / f"{name}.yaml").read_bytes()), Context())


def stored(name: str) -> str:
    return (STORED / f"{name}.asl.json").read_text(encoding="utf-8")


def test_the_stored_ones_are_looked_at_and_have_no_rows():
    assert {path.name.split(".")[0] for path in STORED.glob("*.json")} == set(INPUTS)
    assert not any('"blocks"' in stored(name) for name in INPUTS)
    assert all('"blocks"' in compiled(name).definition for name in INPUTS)


@pytest.mark.parametrize("name", INPUTS)
def test_a_machine_without_rows_runs_as_one_with_rows(name: str):
    made = compiled(name)
    now, before = World(), World()
    expected = now.run(made, INPUTS[name])
    found = before.run(replace(made, definition=stored(name), digest=name), INPUTS[name])
    assert (found.status, found.output, found.count) == (expected.status, expected.output, expected.count)
    assert found.by_workflow() == expected.by_workflow()
    assert len(before.payloads) > len(now.payloads)
