"""A whole state machine: ``main``, what it jumps to, and what runs of it as a child."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from statemachines import ir, nodes
from statemachines.emit.fragment import RULE, Level, State, connect, finish
from statemachines.emit.nodes import BACK, Emitter, start_of
from statemachines.emit.tasks import RETURN, fail_states, op_state

ENTRY = "entry"
_EXIT = "exit"
_COMMENT = "Made by Silvercup from a task; the states name its steps."


def emit_machine(procedures: Sequence[nodes.Procedure], frames: Sequence[ir.Frame]) -> dict[str, Any]:
    """The definition of a task: functions are placeholders, so equal tasks have equal definitions.

    Args:
        procedures: ``main`` first.
        frames: The program's frames.
    """
    level = Level()
    emitter = Emitter(frames)
    main, *others = procedures
    fragment = emitter.sequence(main.body, level)
    finish(fragment.ends + fragment.leaves.get(main.frame, ()), level, {"Type": "Succeed"})
    start = fragment.start
    entries: dict[str, str] = {}
    for procedure in others:
        inner = emitter.sequence(procedure.body, level)
        connect(inner.ends + inner.leaves.get(procedure.frame, ()), BACK)
        entries[start_of(procedure.name)] = inner.start
    for loop in _loops(procedures):
        entries[loop.op.id] = _loop(loop, emitter, level)
    if entries:
        start = _add_entries(entries, start, emitter, level, returns=bool(others))
    level.table.update(fail_states(level))
    _tidy(level.table, entries)
    return {"Comment": _COMMENT, "StartAt": start, "States": level.table}


def _loop(node: nodes.LoopRun, emitter: Emitter, level: Level) -> str:
    """The states of a child that runs a part of a loop."""
    plan, each = level.name(f"{node.op.id} plan"), level.name(f"{node.op.id} each")
    level.table[plan] = op_state({"op": "plan", "of": node.op.id}, level, items=True) | {"Next": each}
    state = level.table[each] = emitter.loop(node, level)
    catch: list[dict[str, Any]] = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": level.fail}]
    if emitter.returns_through(node.op):
        ended = level.name(f"{node.op.id} ended")
        level.table[ended] = op_state({"op": "exit", "how": "returned"}, level) | {"Next": level.leave()}
        catch.insert(0, {"ErrorEquals": [RETURN], "ResultPath": "$.error", "Next": ended})
    state["Catch"] = catch
    state["Next"] = _EXIT
    return plan


def _add_entries(entries: dict[str, str], start: str, emitter: Emitter, level: Level, *, returns: bool) -> str:
    """The first state, which picks where to start, and the states that end a child or go back."""
    rules = [{"Variable": "$.entry", "StringEquals": entry, "Next": name} for entry, name in entries.items()]
    level.table[ENTRY] = {"Type": "Choice", "Choices": rules, "Default": start}
    level.table[_EXIT] = op_state({"op": "exit", "how": "done"}, level) | {"End": True}
    if returns and emitter.sites:
        sites = [{"Variable": "$.ret", "StringEquals": site, "Next": name} for site, name in emitter.sites.items()]
        level.table[BACK] = {"Type": "Choice", "Choices": sites, "Default": _EXIT}
    elif returns:
        entries[BACK] = _EXIT
    return ENTRY


def _loops(procedures: Iterable[nodes.Procedure]) -> Iterator[nodes.LoopRun]:
    for procedure in procedures:
        yield from _within(procedure.body)


def _within(sequence: nodes.Sequence) -> Iterator[nodes.LoopRun]:
    for node in sequence:
        match node:
            case nodes.LoopRun():
                yield node
                yield from _within(node.body)
            case nodes.BranchRun():
                for arm in node.arms:
                    yield from _within(arm)
            case nodes.ForkRun():
                for branch in node.branches:
                    yield from _within(branch)
            case nodes.Enclosed():
                yield from _within(node.body)
            case _:
                pass


def _tidy(table: dict[str, State], entries: dict[str, str]) -> None:
    """Put real names in the place of those that stood for a procedure's first state."""
    for state in list(table.values()):
        for rule in (state, *state.get("Choices", ())):
            for key in ("Next", "Default"):
                if rule.get(key) in entries:
                    rule[key] = entries[rule[key]]
            if rule.get("Type") == RULE:
                del rule["Type"]
        if "ItemProcessor" in state:
            _tidy(state["ItemProcessor"]["States"], entries)
        for branch in state.get("Branches", ()):
            _tidy(branch["States"], entries)
