"""What a block has to read: the records that its expressions name, found without looking."""

from __future__ import annotations

from collections.abc import Iterable

from silvercup.expressions import Compiled, Reads, compile_value
from statemachines import ir
from statemachines.ir import Op, Program, StepRef

_NOTHING = Reads(frozenset(), frozenset(), frozenset(), any_step=False)


def expressions(op: Op) -> list[Compiled]:
    """The expressions of an operation, compiled (and kept compiled)."""
    match op:
        case ir.EvaluateOp() | ir.SetOp():
            return [compile_value(op.values)]
        case ir.LogOp():
            return [compile_value(op.text)]
        case ir.ReturnOp():
            return [compile_value(op.value)]
        case ir.DecideOp():
            return [compile_value(condition) for condition in op.conditions if condition is not None]
        case ir.EnterOp() | ir.InvokeOp():
            return [compile_value(op.arguments)]
        case ir.LoopOp():
            return [compile_value(op.items)]
        case ir.TalkOp():
            return [compile_value(op.prompt), compile_value(op.settings), compile_value(op.tool_choice)]
        case ir.PromptOp():
            return [compile_value(op.prompt), compile_value(op.settings)]
        case ir.ToolOp():
            return [compile_value(op.arguments)]
        case ir.AwaitOp():
            return [compile_value(op.info)]
        case _:
            return []


def reads_of(ops: Iterable[Op]) -> Reads:
    """What the expressions of some operations read."""
    total = _NOTHING
    for op in ops:
        for compiled in expressions(op):
            total = total | compiled.reads
    return total


class StepIndex:
    """Finds ``steps[i]`` and ``steps['label']`` as one operation sees them."""

    def __init__(self, program: Program, op: Op) -> None:
        self._program = program
        self._frame = program.frames[op.frame]
        self._labels = op.labels

    def __len__(self) -> int:
        return len(self._frame.steps)

    def by_index(self, index: int) -> StepRef | None:
        """The step of that index in this workflow, or None when it has none."""
        steps = self._frame.steps
        return steps[index] if 0 <= index < len(steps) else None

    def by_label(self, label: str) -> list[StepRef]:
        """The steps of that label that can be seen, innermost and last first."""
        found: list[StepRef] = []
        scope: int | None = self._labels
        while scope is not None:
            labels = self._program.labels[scope]
            found += reversed(labels.labels.get(label, ()))
            scope = labels.parent
        return found

    def all(self) -> list[StepRef]:
        """Every step of this workflow, and every labelled one that can be seen."""
        refs = list(self._frame.steps)
        for label in self.label_names():
            refs += self.by_label(label)
        return refs

    def label_names(self) -> list[str]:
        """The labels that can be seen."""
        names: dict[str, None] = {}
        scope: int | None = self._labels
        while scope is not None:
            names.update(dict.fromkeys(self._program.labels[scope].labels))
            scope = self._program.labels[scope].parent
        return list(names)

    def needed(self, reads: Reads) -> set[str | None]:
        """The operations whose outputs are read for ``steps``, ``inputs`` and ``outputs``; None: the execution's input."""
        if reads.any_step:
            return {op for step in self.all() for op in (step.input, step.output)}
        needed: set[str | None] = set()
        for name in reads.outputs:
            needed |= {step.output for step in self._named(name)}
        for name in reads.inputs:
            for step in self._named(name):
                needed |= {step.input, step.output}
        return needed

    def _named(self, name: int | str) -> list[StepRef]:
        if isinstance(name, str):
            return self.by_label(name)
        step = self.by_index(name + len(self) if name < 0 else name)
        return [] if step is None else [step]
