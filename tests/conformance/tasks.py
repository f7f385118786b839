"""Tasks that the cases run, and waiting for what they do."""

from __future__ import annotations

import time
from typing import Any, cast

from julep import APIStatusError, Julep
from julep.types import Execution

FINAL = frozenset({"succeeded", "failed", "cancelled"})
SECONDS = 60.0

ASK: dict[str, Any] = {
    "name": "Ask and add",
    "description": "Adds one, asks for more, adds it.",
    "input_schema": {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "note": {"type": "string"}},
        "required": ["n"],
    },
    "main": [
        {"evaluate": {"n": "$ _.n + 1"}, "label": "plus"},
        {"wait_for_input": {"info": {"question": "How much more?", "so_far": "$ _.n"}}},
        {"evaluate": {"total": "$ steps['plus'].output.n + _.more"}},
    ],
    "metadata": {"from": "conformance"},
}

ASK_YAML = """\
# The same task, as people write it.
name: Ask and add
description: Adds one, asks for more, adds it.
input_schema:
  type: object
  properties:
    n: { type: integer }
    note: { type: string }
  required: [n]
main:
  - evaluate:
      n: $ _.n + 1
    label: plus
  - wait_for_input:
      info:
        question: How much more?
        so_far: $ _.n
  - evaluate:
      total: $ steps['plus'].output.n + _.more
metadata:
  from: conformance
"""

BRANCHES: dict[str, Any] = {
    "name": "Branches",
    "main": [
        {"evaluate": {"n": "$ _.n"}},
        {"if": "$ _.n > 10", "then": {"evaluate": {"size": "large"}}, "else": {"evaluate": {"size": "small"}}},
        {"workflow": "describe", "arguments": {"size": "$ _.size"}},
        {"return": {"text": "$ _.text"}},
    ],
    "describe": [{"log": "It is {_.size}"}, {"return": {"text": "$ 'a ' + inputs[0].size + ' number'"}}],
}

TALK: dict[str, Any] = {
    "name": "Talk",
    "main": [
        {"prompt": [{"role": "user", "content": "Say hello to {_.name}."}], "unwrap": True},
        {"evaluate": {"said": "$ _"}},
    ],
}

SLEEP: dict[str, Any] = {"name": "Sleep", "main": [{"sleep": {"days": 1}}, {"evaluate": {"done": "$ True"}}]}

FAIL: dict[str, Any] = {"name": "Fail", "main": [{"evaluate": {"x": "$ 1 / _.n"}}]}


def create(client: Julep, agent_id: str, definition: dict[str, Any]) -> str:
    """Create a task through the client, sub-workflows by ``extra_body``; its id."""
    known = {"name", "main", "description", "input_schema", "metadata", "tools", "inherit_tools", "canonical_name"}
    arguments = {key: value for key, value in definition.items() if key in known}
    rest = {key: value for key, value in definition.items() if key not in known}
    return client.tasks.create(agent_id, **arguments, extra_body=rest).id


def error_of(refused: APIStatusError) -> dict[str, Any]:
    """The ``error`` of an answer that is not a success."""
    return cast("dict[str, Any]", refused.response.json())["error"]


def until(client: Julep, execution_id: str, *statuses: str) -> Execution:
    """The execution once it has one of the statuses; an AssertionError once it can't get there any more."""
    deadline = time.monotonic() + SECONDS
    while True:
        execution = client.executions.get(execution_id)
        if execution.status in statuses:
            return execution
        assert execution.status not in FINAL, f"ended {execution.status}: {execution.error or execution.output}"
        assert time.monotonic() < deadline, f"still {execution.status} after {SECONDS:.0f} s"
        time.sleep(0.1)
