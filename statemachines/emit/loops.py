"""Loops as Map states in each other, and the branches of a fork.

A Map runs at most 40 iterations at once, and moto's fails at about 960 of them. So a loop is a Map over *chunks* of at most 500
items, each of which is a Map over numbers, or a child execution that runs these items. The items themselves stay in the store.
"""

from __future__ import annotations

from statemachines.emit.fragment import Level, State
from statemachines.emit.tasks import POINTER, fail_states


def loop_state(loop: str, inner: Level, *, each: State | None = None, child: State | None = None) -> State:
    """A Map.

    Args:
        loop: The id of the ``LoopOp``.
        inner: The level of its iterations.
        each: The Map of a chunk's items, in the Map of chunks; None for that Map itself.
        child: The Task that runs a chunk as a child.
    """
    if each is None or child is None:
        selector = {
            **POINTER,
            "at.$": f"States.Format('{{}}/{loop}.{{}}', $.at, $$.Map.Item.Value)",
            "r.$": "$.r",
        }
        start = next(iter(inner.table))
        return _map("$.chunk.items", "$.chunk.width", selector, start, inner) | {"OutputPath": None, "End": True}
    which, items, alone = inner.name("which"), inner.name("items"), inner.name("child")
    rule = {"Variable": "$.chunk.child", "BooleanEquals": True, "Next": alone}
    inner.table[which] = {"Type": "Choice", "Choices": [rule], "Default": items}
    inner.table[items] = each
    inner.table[alone] = {**child, "OutputPath": None, "End": True}
    inner.table.update(fail_states(inner))
    selector = {
        **POINTER,
        "budget.$": "$.r.share",
        "chunk.$": "$$.Map.Item.Value",
        "r": {name: f"$.r.{name[:-2]}" for name in ("prev.$", "go.$", "left.$")},
    }
    return _map("$.r.chunks", "$.r.lanes", selector, which, inner)


def pass_state(fork: str, branch: int) -> State:
    """The first state of a branch, which says so in the pointer."""
    return {
        "Type": "Pass",
        "Parameters": {**POINTER, "at.$": f"States.Format('{{}}/{fork}.{branch}', $.at)", "r.$": "$.r"},
    }


def _map(items: str, width: str, selector: State, start: str, inner: Level) -> State:
    return {
        "Type": "Map",
        "ItemsPath": items,
        "MaxConcurrencyPath": width,
        "ItemSelector": selector,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": start, "States": inner.table},
        "ResultPath": None,
    }
