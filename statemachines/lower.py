"""Stage 2: the task model to the IR. Calls are inlined; every step gets its blocks, closings and frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from statemachines import ir
from statemachines import task as model
from statemachines.ir import Block, Closing, Place, StepRef

MAX_BLOCKS = 3_500
"""Blocks a program may have: a Lambda task is 5 history events, and a run stays under 20,000."""

MAX_NESTING = 100
"""How deep calls and branches may stand in each other once the calls are inlined."""


class TooManyBlocks(Exception):
    """The inlined program is larger than one state machine may be."""


class TooDeep(Exception):
    """Calls and branches stand in each other deeper than ``MAX_NESTING``."""


@dataclass(slots=True)
class _Labels:
    parent: int | None
    labels: dict[str, list[StepRef]] = field(default_factory=dict[str, "list[StepRef]"])


@dataclass(frozen=True, slots=True)
class _List:
    """A list of steps being lowered: a workflow's body or a branch."""

    workflow: str
    depth: int
    frame: int
    labels: int
    end: Literal["finish", "finish_branch"]
    leaving: tuple[Place, ...]
    """The steps that a ``return`` closes after its own list, innermost first."""


@dataclass(slots=True)
class Lowered:
    """The structure for the emitter and the tables for the program."""

    body: ir.Sequence = ()
    blocks: dict[str, Block] = field(default_factory=dict[str, Block])
    frames: list[ir.Frame] = field(default_factory=list[ir.Frame])
    labels: list[ir.LabelScope] = field(default_factory=list[ir.LabelScope])


def lower(task: model.Task) -> Lowered:
    """Lower a checked task.

    Raises:
        TooManyBlocks: Inlining its calls needs more than ``MAX_BLOCKS`` blocks.
        TooDeep: Its calls and branches are nested too deep.
    """
    return _Lowering(task).run()


class _Lowering:
    def __init__(self, task: model.Task) -> None:
        self._task = task
        self._out = Lowered()
        self._labels: list[_Labels] = []
        self._nesting = 0

    def run(self) -> Lowered:
        self._out.body = self._workflow("main", 0, "finish", None)
        self._out.labels = [
            ir.LabelScope(scope.parent, {label: tuple(refs) for label, refs in scope.labels.items()})
            for scope in self._labels
        ]
        return self._out

    def _workflow(
        self, name: str, depth: int, end: Literal["finish", "finish_branch"], entry: str | None
    ) -> ir.Sequence:
        frame = len(self._out.frames)
        self._out.frames.append(ir.Frame(name, ()))
        steps = _List(name, depth, frame, self._new_labels(None), end, ())
        nodes, refs = self._steps(self._task.workflows[name], steps, entry)
        self._out.frames[frame] = ir.Frame(name, refs)
        return nodes

    def _steps(
        self, steps: tuple[model.Step, ...], where: _List, entry: str | None
    ) -> tuple[ir.Sequence, tuple[StepRef, ...]]:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise TooDeep
        nodes: list[ir.Node] = []
        refs: list[StepRef] = []
        before = entry
        for i, step in enumerate(steps):
            at = Place(where.workflow, i, where.depth)
            last = i == len(steps) - 1
            following = None if last else Place(where.workflow, i + 1, where.depth)
            closing = Closing(where.end if last else "step", at, following)
            node = self._step(step, where, at, closing)
            nodes.append(node)
            ref = StepRef(before, _closing_block(node).id)
            refs.append(ref)
            if step.label is not None:
                self._labels[where.labels].labels.setdefault(step.label, []).append(ref)
            before = ref.output
        self._nesting -= 1
        return tuple(nodes), tuple(refs)

    def _step(self, step: model.Step, where: _List, at: Place, closing: Closing) -> ir.Node:
        head = (at, step.step_type, step.label, where.frame, where.labels)
        closes = (closing,)
        match step:
            case model.Evaluate():
                return ir.Run(self._block(step, ir.EvaluateOp(*head, closes, step.values)))
            case model.Set():
                return ir.Run(self._block(step, ir.SetOp(*head, closes, step.values)))
            case model.Get():
                single = isinstance(step.names, str)
                names = (step.names,) if isinstance(step.names, str) else step.names
                return ir.Run(self._block(step, ir.GetOp(*head, closes, names, single)))
            case model.Log():
                return ir.Run(self._block(step, ir.LogOp(*head, closes, step.text)))
            case model.Return():
                return ir.Leave(self._block(step, ir.ReturnOp(*head, self._leave(where, at), step.value)))
            case model.Error():
                return ir.Fail(self._block(step, ir.RaiseOp(*head, (), step.message)))
            case model.Sleep():
                opening = self._block(step, ir.SleepOp(*head, (), step.seconds))
                return ir.Sleep(opening, self._close(step, head, closing))
            case model.Prompt():
                op = ir.PromptOp(*head, closes, step.prompt, step.settings, step.unwrap)
                return ir.Run(self._block(step, op, "prompt"))
            case model.WaitForInput():
                wait = self._block(step, ir.AwaitOp(*head, (), step.info, None), "wait")
                return ir.Wait(wait, self._close(step, head, closing))
            case model.ToolCall():
                wait = self._block(step, ir.AwaitOp(*head, (), step.arguments, step.tool), "wait")
                return ir.Wait(wait, self._close(step, head, closing))
            case model.Call():
                return self._call(step, head, closing)
            case model.If():
                arms: list[tuple[Any, tuple[model.Step, ...], str]] = [(step.condition, step.then, "if_else.then")]
                if step.orelse is not None:
                    arms.append((None, step.orelse, "if_else.else"))
                return self._branch(step, where, head, closing, arms, otherwise=step.orelse is None)
            case model.Switch():
                arms = [(case.condition, case.steps, "case") for case in step.cases]
                return self._branch(step, where, head, closing, arms, otherwise=False)
            case _:
                raise AssertionError(f"no lowering for {step.kind}")

    def _branch(
        self,
        step: model.Step,
        where: _List,
        head: tuple[Place, str, str | None, int, int],
        closing: Closing,
        arms: Sequence[tuple[Any, tuple[model.Step, ...], str]],
        *,
        otherwise: bool,
    ) -> ir.Branch:
        at = head[0]
        names = [f"`{where.workflow}`[{at.step}].{suffix}" for _, _, suffix in arms]
        decide = self._block(
            step,
            ir.DecideOp(
                *head,
                (),
                tuple(condition for condition, _, _ in arms),
                tuple(Place(name, 0, where.depth) for name in names),
                otherwise,
            ),
        )
        bodies: list[ir.Sequence] = []
        for name, (_, steps, _) in zip(names, arms, strict=True):
            inner = _List(
                workflow=name,
                depth=where.depth,
                frame=where.frame,
                labels=self._new_labels(where.labels),
                end="finish_branch",
                leaving=(at, *where.leaving),
            )
            bodies.append(self._steps(steps, inner, decide.id)[0])
        return ir.Branch(decide, tuple(bodies), otherwise, self._close(step, head, closing))

    def _call(self, step: model.Call, head: tuple[Place, str, str | None, int, int], closing: Closing) -> ir.Call:
        at = head[0]
        entry = Place(step.workflow, 0, at.depth + 1)
        opening = self._block(step, ir.EnterOp(*head, (Closing("step", at, entry),), step.arguments, entry))
        body = self._workflow(step.workflow, at.depth + 1, "finish_branch", opening.id)
        return ir.Call(opening, body, self._close(step, head, closing))

    def _leave(self, where: _List, at: Place) -> tuple[Closing, ...]:
        """A return's transitions: every branch around it ends, then the workflow, each at its current step."""
        places = (at, *where.leaving)
        ends: Literal["finish", "finish_branch"] = "finish" if where.depth == 0 else "finish_branch"
        return (*(Closing("finish_branch", place, None) for place in places[:-1]), Closing(ends, places[-1], None))

    def _close(self, step: model.Step, head: tuple[Place, str, str | None, int, int], closing: Closing) -> Block:
        return self._block(step, ir.CloseOp(*head, (closing,)))

    def _block(self, step: model.Step, op: ir.Op, effect: ir.Effect = "none") -> Block:
        number = len(self._out.blocks)
        if number >= MAX_BLOCKS:
            raise TooManyBlocks
        block = Block(f"b{number}", step.loc, (op,), effect)
        self._out.blocks[block.id] = block
        return block

    def _new_labels(self, parent: int | None) -> int:
        self._labels.append(_Labels(parent))
        return len(self._labels) - 1


def _closing_block(node: ir.Node) -> Block:
    match node:
        case ir.Run() | ir.Leave() | ir.Fail():
            return node.block
        case _:
            return node.close
