"""The pure operations: what each step kind does to the draft of its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from silvercup.errors import StepError
from silvercup.expressions import compile_value
from silvercup.runtime.draft import Draft
from statemachines import ir

type LoadState = Callable[[], dict[str, Any]]


def run_operation(op: ir.Op, draft: Draft, scope: Mapping[str, object], load_state: LoadState) -> None:
    """Run one pure operation.

    Args:
        op: The operation.
        draft: Takes its transitions and output.
        scope: What its expressions see.
        load_state: Reads ``state`` as it is before the step.

    Raises:
        StepError: The step failed.
    """
    match op:
        case ir.EvaluateOp():
            _output(op, draft, compile_value(op.values).evaluate(scope))
        case ir.SetOp():
            value: Any = compile_value(op.values).evaluate(scope)
            draft.snapshot = draft.values.add_value({**load_state(), **value})
            _output(op, draft, value)
        case ir.GetOp():
            state = load_state()
            found = [state.get(name) for name in op.names]
            _output(op, draft, found[0] if op.single else found)
        case ir.LogOp():
            text = compile_value(op.text).evaluate(scope)
            draft.out = draft.pass_on()
            draft.close(op, draft.out, {"log": text})
        case ir.ReturnOp():
            _output(op, draft, compile_value(op.value).evaluate(scope))
        case ir.RaiseOp():
            raise StepError(f"Error raised by ErrorWorkflowStep: {op.message}")
        case ir.DecideOp():
            _decide(op, draft, scope)
        case ir.EnterOp():
            _enter(op, draft, scope)
        case ir.SleepOp():
            draft.out = draft.pass_on()
            draft.go = draft.t + op.seconds * 1_000_000
        case ir.CloseOp():
            draft.out = draft.pass_on()
            draft.close(op, draft.out)
        case _:
            raise AssertionError(f"{op.name} is not a pure operation")


def _output(op: ir.Op, draft: Draft, value: Any) -> None:
    draft.out = draft.values.add_value(value)
    draft.close(op, draft.out)


def _decide(op: ir.DecideOp, draft: Draft, scope: Mapping[str, object]) -> None:
    draft.stand_at(op.at)
    draft.out = draft.pass_on()
    draft.go = next(
        (
            i
            for i, condition in enumerate(op.conditions)
            if condition is None or compile_value(condition).evaluate_raw(scope)
        ),
        -1,
    )
    if draft.go >= 0:
        place = op.branches[draft.go]
        draft.add("init_branch", place, place, draft.out, metadata={"step_type": op.step_type})
    elif not op.otherwise:
        tried = "; ".join(str(condition)[:100] for condition in op.conditions)
        raise StepError(f"No case of the switch holds. Tried: {tried}. Add a default: case: _")


def _enter(op: ir.EnterOp, draft: Draft, scope: Mapping[str, object]) -> None:
    if op.arguments == "_":
        draft.out = draft.pass_on()
    else:
        draft.out = draft.values.add_value(compile_value(op.arguments).evaluate(scope))
    draft.open_scope(op.at.depth)
    metadata = {"step_type": op.step_type}
    for closing in op.closings:
        draft.add(closing.type, closing.at, closing.next, draft.out, metadata=metadata)
    draft.add("init_branch", op.entry, op.entry, draft.out, metadata=metadata)
