"""What a block has to read: the records that its expressions name, found without looking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from silvercup.executions.keys import INIT, RecordKey
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
        case ir.EnterOp():
            return [compile_value(op.arguments)]
        case ir.PromptOp():
            return [compile_value(op.prompt), compile_value(op.settings)]
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


def record_key(program: Program, at: str, block_id: str | None) -> RecordKey:
    """The key of the record that holds a block's output; None is the execution's input."""
    if block_id is None:
        return INIT
    effect = program.blocks[block_id].effect
    return RecordKey("effect" if effect == "prompt" else "wait" if effect == "wait" else "block", f"{at}/{block_id}")


@dataclass(frozen=True, slots=True)
class StepKeys:
    """The records of a step's input and output."""

    input: RecordKey
    output: RecordKey


class StepIndex:
    """Finds the records of ``steps[i]`` and ``steps['label']`` as one operation sees them."""

    def __init__(self, program: Program, at: str, op: Op) -> None:
        self._program = program
        self._at = at
        self._frame = program.frames[op.frame]
        self._labels = op.labels

    def __len__(self) -> int:
        return len(self._frame.steps)

    def by_index(self, index: int) -> StepKeys | None:
        """The step of that index in this workflow, or None when it has none."""
        steps = self._frame.steps
        return self._keys(steps[index]) if 0 <= index < len(steps) else None

    def by_label(self, label: str) -> list[StepKeys]:
        """The steps of that label that can be seen, innermost and last first."""
        found: list[StepKeys] = []
        scope: int | None = self._labels
        while scope is not None:
            labels = self._program.labels[scope]
            found += [self._keys(ref) for ref in reversed(labels.labels.get(label, ()))]
            scope = labels.parent
        return found

    def all(self) -> list[StepKeys]:
        """Every step of this workflow, and every labelled one that can be seen."""
        keys = [self._keys(ref) for ref in self._frame.steps]
        for label in self.label_names():
            keys += self.by_label(label)
        return keys

    def label_names(self) -> list[str]:
        """The labels that can be seen."""
        names: dict[str, None] = {}
        scope: int | None = self._labels
        while scope is not None:
            names.update(dict.fromkeys(self._program.labels[scope].labels))
            scope = self._program.labels[scope].parent
        return list(names)

    def needed(self, reads: Reads) -> set[RecordKey]:
        """The records that are read for ``steps``, ``inputs`` and ``outputs``."""
        if reads.any_step:
            return {key for step in self.all() for key in (step.input, step.output)}
        needed: set[RecordKey] = set()
        for name in reads.outputs:
            needed |= {step.output for step in self._named(name)}
        for name in reads.inputs:
            for step in self._named(name):
                needed |= {step.input, step.output}
        return needed

    def _named(self, name: int | str) -> list[StepKeys]:
        if isinstance(name, str):
            return self.by_label(name)
        step = self.by_index(name + len(self) if name < 0 else name)
        return [] if step is None else [step]

    def _keys(self, ref: StepRef) -> StepKeys:
        return StepKeys(record_key(self._program, self._at, ref.input), record_key(self._program, self._at, ref.output))
