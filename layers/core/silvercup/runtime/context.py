"""The names that the expressions of one operation see; each is made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from silvercup import values
from silvercup.runtime.draft import Draft
from silvercup.runtime.reads import StepIndex
from silvercup.runtime.scope import LoadOutput, Scope, Steps
from silvercup.runtime.situation import Situation
from silvercup.storage import Item
from silvercup.times import iso
from silvercup.values import JsonObject
from statemachines.ir import Op


def scope_of(
    op: Op,
    situation: Situation,
    draft: Draft,
    *,
    value: LoadOutput,
    current: Callable[[], Any],
    state: Callable[[int], JsonObject],
) -> Scope:
    """The scope of an operation.

    Args:
        op: The operation.
        situation: What its block read.
        draft: What its block did so far.
        value: Gives the output of an operation.
        current: Gives the value that comes in.
        state: Gives the ``state`` of a scope.
    """
    index = StepIndex(situation.loaded.program, op)

    def start() -> Any:
        return value(None)

    makers: dict[str, Callable[[], object]] = {
        "_": current,
        "current_input": current,
        "input": start,
        "arguments": start,
        "steps": lambda: Steps(index, value),
        "inputs": lambda: Steps(index, value, "input"),
        "outputs": lambda: Steps(index, value, "output"),
        "state": lambda: state(op.at.depth),
        "agent": situation.agent,
        "task": lambda: dict(situation.loaded.program.task),
        "execution": lambda: _execution(situation.execution),
        "developer_id": lambda: situation.pointer.ref.tenant,
        "cursor": lambda: {
            "workflow": op.at.workflow,
            "step": op.at.step,
            "scope_id": draft.scopes[min(op.at.depth, len(draft.scopes) - 1)],
        },
        "agent_tools": list[object],
        "secrets": situation.secrets.view,
        "user": lambda: None,
        "session": lambda: None,
    }
    return Scope(makers)


def _execution(item: Item) -> JsonObject:
    return {
        "id": item["id"],
        "task_id": item["task_id"],
        "status": "running",
        "metadata": values.loads(item["metadata"]),
        "created_at": iso(item["created_at"]),
    }
