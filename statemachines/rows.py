"""Rows: blocks that one invocation runs one after the other, so that they take one state transition together.

A row begins with a prompt. Each block keeps its records, its place and its rules; only the way from one to the next does not
lead through the state machine (docs/runtime.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from statemachines import ir, nodes
from statemachines.ir import Block, has_loop

MOST = 20
"""Blocks of one row at most: whoever comes back to a row reads the ones that are done again."""


def in_rows(sequence: Iterable[nodes.Node]) -> nodes.Sequence:
    """Nodes, with those that can share an invocation as one."""
    found: list[nodes.Node] = []
    lead: tuple[Block, ...] = ()
    for node in sequence:
        if isinstance(node, nodes.WaitRun | nodes.TalkRun | nodes.Enclosed) or not _may_follow(node.block, lead):
            found += _closed(lead)
            lead = ()
        if isinstance(node, nodes.WaitRun | nodes.TalkRun | nodes.Enclosed):
            found.append(node)
        elif isinstance(node, nodes.Run) and node.leaves is None and (lead or _may_begin(node.block)):
            lead = (*lead, node.block)
        else:
            found.append(replace(node, lead=lead))
            lead = ()
    return (*found, *_closed(lead))


def _closed(lead: tuple[Block, ...]) -> tuple[nodes.Run, ...]:
    """The row that blocks are, when nothing more joins them."""
    return (nodes.Run(lead[-1], lead=lead[:-1]),) if lead else ()


def _may_begin(block: Block) -> bool:
    """Whether a row may begin with a block: it asks a model, and goes on where the pointer says."""
    return block.effect == "prompt" and not isinstance(block.ops[0], ir.EndCallOp)


def _may_follow(block: Block, lead: tuple[Block, ...]) -> bool:
    """Whether a block may come after these: a loop and a call after others could outlast the function."""
    return len(lead) < MOST and not (block.effect in ir.CALLS and has_loop(block.ops))
