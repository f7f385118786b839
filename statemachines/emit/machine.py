"""A whole state machine."""

from __future__ import annotations

from typing import Any

from statemachines import ir
from statemachines.emit.fragment import State, connect
from statemachines.emit.nodes import emit_sequence
from statemachines.emit.tasks import fail_states


def emit_machine(body: ir.Sequence) -> dict[str, Any]:
    """The definition of a task: functions are placeholders, so equal tasks have equal definitions."""
    table: dict[str, State] = {}
    fragment = emit_sequence(body, table)
    connect(fragment.ends + fragment.leaves, None)
    return {
        "Comment": "Made by Silvercup from a task; the states name its steps.",
        "StartAt": fragment.start,
        "States": {**table, **fail_states()},
    }
