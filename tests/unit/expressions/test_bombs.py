"""No expression can take long, take much memory, or reach beyond its values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from silvercup.errors import ExpressionError
from silvercup.expressions import View, compile_value

from .bombs import BOMBS, ESCAPES

WORKER = Path(__file__).with_name("bombs.py")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[str]]:
    """What became of each bomb, in a process with bounded memory that ends itself when one hangs."""
    done = subprocess.run(
        [sys.executable, str(WORKER)],
        input=json.dumps(BOMBS),
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    lines += [["no answer", done.stderr[-2000:]]] * (len(BOMBS) - len(lines))
    return dict(zip(BOMBS, lines, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("source", BOMBS, ids=lambda source: source[:60])
def test_a_bomb_is_an_error(source: str, outcomes: dict[str, list[str]]) -> None:
    kind, message = outcomes[source]
    assert kind == "ExpressionError", message
    assert "memory" not in message
    assert len(message) < 800


class Guarded(View):
    def __init__(self) -> None:
        self.given = 1
        self._secret = 2

    def view_json(self) -> object:
        return {"x": 1}


@pytest.mark.parametrize("source", ESCAPES)
def test_an_escape_is_an_error(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_value(f"$ {source}").evaluate({"_": {"a": 1}, "steps": Guarded()})
