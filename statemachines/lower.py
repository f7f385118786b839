"""Stage 2: the task model to nodes with operations. Calls are inlined; every step gets its operations, closings and frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from silvercup.tool_types import runs_here
from statemachines import ir, nodes
from statemachines import task as model
from statemachines.calls import Calls, branches
from statemachines.ir import Closing, Place, StepRef
from statemachines.tools import needs_model

MAX_OPS = 7_000
"""Operations a program may have: a run stays under 20,000 history events, and its definition under 1 MB."""

MAX_NESTING = 100
"""How deep calls and branches may stand in each other once the calls are inlined."""

_PURE = (model.Evaluate, model.Set, model.Get, model.Log, model.Return, model.Error)

type Tools = Mapping[str, Mapping[str, Any]]
type _Head = tuple[str, Place, str, str, str | None, int, int, int]


class TooManySteps(Exception):
    """The inlined program is larger than one state machine may be."""


class TooDeep(Exception):
    """Calls and branches stand in each other deeper than ``MAX_NESTING``."""


@dataclass(slots=True)
class _Labels:
    parent: int | None
    labels: dict[str, list[StepRef]] = field(default_factory=dict[str, "list[StepRef]"])


@dataclass(frozen=True, slots=True)
class _List:
    """A list of steps being lowered: a workflow's body or a branch.

    Attributes:
        leaving: The steps that a ``return`` closes after its own list, innermost first.
        loops: Loops of the state machine around it.
        procedure: In which procedure; ``main`` is one too.
        top: Whether no loop or fork of the state machine is around it.
        tail: Whether its procedure has nothing left to do after it.
    """

    workflow: str
    depth: int
    frame: int
    labels: int
    end: Literal["finish", "finish_branch"]
    leaving: tuple[Place, ...]
    loops: int
    procedure: str
    top: bool
    tail: bool


@dataclass(slots=True)
class Lowered:
    """The structure, and the tables for the program.

    Attributes:
        procedures: For each procedure (``main`` first) its frame and its nodes.
    """

    procedures: dict[str, tuple[int, nodes.Steps]] = field(default_factory=dict[str, "tuple[int, nodes.Steps]"])
    frames: list[ir.Frame] = field(default_factory=list[ir.Frame])
    labels: list[ir.LabelScope] = field(default_factory=list[ir.LabelScope])


def lower(task: model.Task, tools: Tools = MappingProxyType({}), *, fuse: bool = True) -> Lowered:
    """Lower a checked task.

    Args:
        task: The task.
        tools: The definitions of the tools that its steps can call, by name.
        fuse: Whether loops and branches without effects will run inside blocks.

    Raises:
        TooManySteps: Inlining its calls needs more than ``MAX_OPS`` operations.
        TooDeep: Its calls and branches are nested too deep.
    """
    return _Lowering(task, tools, fuse=fuse).run()


class _Lowering:
    def __init__(self, task: model.Task, tools: Tools, *, fuse: bool) -> None:
        self._task = task
        self._tools = tools
        self._fuse = fuse
        self._procedures = Calls(task).procedures
        self._pure: dict[str, bool] = {}
        self._out = Lowered()
        self._labels: list[_Labels] = []
        self._nesting = 0
        self._count = 0

    def run(self) -> Lowered:
        self._out.procedures["main"] = self._workflow("main", "main", None, None)
        for name in sorted(self._procedures):
            self._out.procedures[name] = self._procedure(name)
        self._out.labels = [
            ir.LabelScope(scope.parent, {label: tuple(refs) for label, refs in scope.labels.items()})
            for scope in self._labels
        ]
        return self._out

    def is_pure(self, steps: Sequence[model.Step]) -> bool:
        """Whether steps need nothing from outside, so that a block can run them."""
        return all(self._is_pure(step) for step in steps)

    def _is_pure(self, step: model.Step) -> bool:
        if isinstance(step, model.Call):
            name = step.workflow
            if name in self._procedures:
                return False
            if name not in self._pure:
                self._pure[name] = self.is_pure(self._task.workflows[name])
            return self._pure[name]
        held = branches(step)
        return all(self.is_pure(branch) for branch in held) if held else isinstance(step, _PURE)

    def _procedure(self, name: str) -> tuple[int, nodes.Steps]:
        """A workflow that is called from elsewhere: its first operation takes the arguments over."""
        place = Place(name, 0, 0)
        begin = ir.BeginOp(
            self._id(),
            place,
            f"{name}[0]",
            "YieldStep",
            None,
            len(self._out.frames),
            len(self._labels),
            0,
            (Closing("init_branch", place, place),),
            "call",
            "",
        )
        frame, body = self._workflow(name, name, begin.id, None)
        return frame, (nodes.Do(begin), *body)

    def _workflow(self, name: str, procedure: str, entry: str | None, around: _List | None) -> tuple[int, nodes.Steps]:
        frame = len(self._out.frames)
        parent = None if around is None else around.frame
        loops = 0 if around is None else around.loops
        self._out.frames.append(ir.Frame(name, (), parent, loops))
        steps = _List(
            workflow=name,
            depth=0 if around is None else around.depth + 1,
            frame=frame,
            labels=self._new_labels(None),
            end="finish" if name == "main" else "finish_branch",
            leaving=(),
            loops=loops,
            procedure=procedure,
            top=around is None or around.top,
            tail=around is None or around.tail,
        )
        made, refs = self._steps(self._task.workflows[name], steps, entry)
        self._out.frames[frame] = replace(self._out.frames[frame], steps=refs)
        return frame, made

    def _steps(
        self, steps: tuple[model.Step, ...], where: _List, entry: str | None
    ) -> tuple[nodes.Steps, tuple[StepRef, ...]]:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise TooDeep
        made: list[nodes.Step] = []
        refs: list[StepRef] = []
        before = entry
        for i, step in enumerate(steps):
            at = Place(where.workflow, i, where.depth)
            last = i == len(steps) - 1
            following = None if last else Place(where.workflow, i + 1, where.depth)
            closing = Closing(where.end if last else "step", at, following)
            node = self._step(step, replace(where, tail=where.tail and last), at, closing)
            made.append(node)
            ref = StepRef(before, closing_op(node).id)
            refs.append(ref)
            if step.label is not None:
                self._labels[where.labels].labels.setdefault(step.label, []).append(ref)
            before = ref.output
        self._nesting -= 1
        return tuple(made), tuple(refs)

    def _head(self, step: model.Step, where: _List, at: Place) -> _Head:
        return (self._id(), at, step.loc, step.step_type, step.label, where.frame, where.labels, where.loops)

    def _step(self, step: model.Step, where: _List, at: Place, closing: Closing) -> nodes.Step:
        closes = (closing,)
        head = self._head(step, where, at)
        match step:
            case model.Evaluate():
                return nodes.Do(ir.EvaluateOp(*head, closes, step.values))
            case model.Set():
                return nodes.Do(ir.SetOp(*head, closes, step.values))
            case model.Get():
                single = isinstance(step.names, str)
                names = (step.names,) if isinstance(step.names, str) else step.names
                return nodes.Do(ir.GetOp(*head, closes, names, single))
            case model.Log():
                return nodes.Do(ir.LogOp(*head, closes, step.text))
            case model.Return():
                if closing.next is None and not where.leaving:
                    return nodes.Do(ir.EvaluateOp(*head, closes, step.value))  # nothing is left to be left
                self._note_return(where)
                return nodes.Leave(ir.ReturnOp(*head, self._leave(where, at), step.value))
            case model.Error():
                return nodes.Fail(ir.RaiseOp(*head, (), step.message))
            case model.Prompt() if given := step.given(self._tools):
                known = [self._tools[one] if isinstance(one, str) else one for one in given]
                waits = not all(map(runs_here, known))
                asked = (step.prompt, step.settings, step.unwrap)
                talk = ir.TalkOp(*head, closes, *asked, given, step.tool_choice, step.auto, waits)
                return nodes.Talk(talk) if step.auto else nodes.Act(talk)
            case model.Prompt():
                return nodes.Act(ir.PromptOp(*head, closes, step.prompt, step.settings, step.unwrap))
            case model.Sleep():
                return nodes.Pause(ir.SleepOp(*head, (), step.seconds), self._close(step, where, at, closing))
            case model.WaitForInput():
                return nodes.Pause(ir.AwaitOp(*head, (), step.info, None), self._close(step, where, at, closing))
            case model.ToolCall() if runs_here(self._tools.get(step.tool, {})):
                tool = self._tools[step.tool]
                op = ir.ToolOp(*head, closes, step.tool, step.arguments, needs_model(tool))
                return nodes.Act(op)
            case model.ToolCall():
                wait = ir.AwaitOp(*head, (), step.arguments, step.tool)
                return nodes.Pause(wait, self._close(step, where, at, closing))
            case _:
                return self._compound(step, where, head, closing)

    def _compound(self, step: model.Step, where: _List, head: _Head, closing: Closing) -> nodes.Step:
        match step:
            case model.Call():
                return self._call(step, where, head, closing)
            case model.If():
                arms: list[tuple[Any, tuple[model.Step, ...], str]] = [(step.condition, step.then, "if_else.then")]
                if step.orelse is not None:
                    arms.append((None, step.orelse, "if_else.else"))
                return self._branch(step, where, head, closing, arms, otherwise=step.orelse is None)
            case model.Switch():
                arms = [(case.condition, case.steps, "case") for case in step.cases]
                return self._branch(step, where, head, closing, arms, otherwise=False)
            case model.ForEach():
                return self._loop(step, where, head, closing, suffix="foreach[{%s}]")
            case model.MapReduce():
                return self._loop(step, where, head, closing, suffix="mapreduce[{%s}]")
            case model.Parallel():
                return self._fork(step, where, head, closing)
            case _:
                raise AssertionError(f"no lowering for {step.kind}")

    def _branch(
        self,
        step: model.Step,
        where: _List,
        head: _Head,
        closing: Closing,
        arms: Sequence[tuple[Any, tuple[model.Step, ...], str]],
        *,
        otherwise: bool,
    ) -> nodes.Branch:
        at = head[1]
        names = [f"`{where.workflow}`[{at.step}].{suffix}" for _, _, suffix in arms]
        conditions = tuple(condition for condition, _, _ in arms)
        places = tuple(Place(name, 0, where.depth) for name in names)
        decide = ir.DecideOp(*head, (), conditions, places, otherwise)
        bodies = [
            self._steps(steps, self._inside(where, at, name), decide.id)[0]
            for name, (_, steps, _) in zip(names, arms, strict=True)
        ]
        return nodes.Branch(decide, tuple(bodies), self._close(step, where, at, closing))

    def _call(self, step: model.Call, where: _List, head: _Head, closing: Closing) -> nodes.Step:
        at, name = head[1], step.workflow
        entry = Place(name, 0, at.depth + 1)
        closings = (Closing("step", at, entry),)
        if name in self._procedures:
            tail = where.tail and where.top and where.procedure != "main"
            jump = where.top and (tail or where.procedure == "main")
            op = ir.InvokeOp(*head, closings, step.arguments, name, entry, jump, tail)
            end = ir.EndCallOp(*self._head(step, where, at), (closing,), op.id)
            return nodes.Invoke(op, end)
        enter = ir.EnterOp(*head, closings, step.arguments, entry)
        callee, body = self._workflow(name, where.procedure, enter.id, where)
        return nodes.Call(enter, callee, body, self._close(step, where, at, closing))

    def _loop(
        self, step: model.ForEach | model.MapReduce, where: _List, head: _Head, closing: Closing, *, suffix: str
    ) -> nodes.Loop:
        at, opener = head[1], head[0]
        in_machine = not (self._fuse and self.is_pure(step.body))
        chained = isinstance(step, model.ForEach)
        parallelism = 1 if isinstance(step, model.ForEach) else step.parallelism
        name = f"`{where.workflow}`[{at.step}].{suffix % opener}"
        if parallelism > 1:
            batch, index = f"{{{opener}/{parallelism}}}", f"{{{opener}%{parallelism}}}"
            name = f"PAR:`{where.workflow}`[{at.step}].mapreduce[{batch}][{index}]"
        begin, body, last = self._iteration(step, step.body, where, at, name, opener, "item", in_machine=in_machine)
        loop = ir.LoopOp(
            *head,
            (),
            step.items,
            "foreach.in" if isinstance(step, model.ForEach) else "over",
            parallelism,
            chained,
            self._sets(step.body),
            begin.id,
            last,
        )
        reduce = None if isinstance(step, model.ForEach) else step.reduce
        initial: Any = list[Any]() if isinstance(step, model.ForEach) else step.initial
        end = ir.GatherOp(*self._head(step, where, at), (closing,), opener, reduce, initial)
        return nodes.Loop(loop, begin, body, end)

    def _fork(self, step: model.Parallel, where: _List, head: _Head, closing: Closing) -> nodes.Fork:
        at, opener = head[1], head[0]
        in_machine = not (self._fuse and all(self.is_pure(branch) for branch in step.branches))
        made: list[tuple[ir.BeginOp, nodes.Steps]] = []
        lasts: list[str] = []
        for i, branch in enumerate(step.branches):
            name = f"`{where.workflow}`[{at.step}].parallel[{i}]"
            begin, body, last = self._iteration(step, branch, where, at, name, opener, "branch", in_machine=in_machine)
            made.append((begin, body))
            lasts.append(last)
        sets = any(self._sets(branch) for branch in step.branches)
        fork = ir.ForkOp(*head, (), sets, tuple(lasts))
        return nodes.Fork(fork, tuple(made), ir.JoinOp(*self._head(step, where, at), (closing,), opener))

    def _iteration(
        self,
        step: model.Step,
        steps: tuple[model.Step, ...],
        where: _List,
        at: Place,
        name: str,
        opener: str,
        of: Literal["item", "branch"],
        *,
        in_machine: bool,
    ) -> tuple[ir.BeginOp, nodes.Steps, str]:
        """What begins an iteration, what it runs, and the id of the operation that ends it."""
        inside = replace(
            self._inside(where, at, name),
            loops=where.loops + in_machine,
            top=where.top and not in_machine,
            tail=False,
        )
        place = Place(name, 0, where.depth)
        begin = ir.BeginOp(
            self._id(),
            place,
            step.loc,
            step.step_type,
            None,
            inside.frame,
            inside.labels,
            inside.loops,
            (Closing("init_branch", place, place),),
            of,
            opener,
        )
        body, refs = self._steps(steps, inside, begin.id)
        return begin, body, refs[-1].output

    def _inside(self, where: _List, at: Place, name: str) -> _List:
        return replace(
            where,
            workflow=name,
            labels=self._new_labels(where.labels),
            end="finish_branch",
            leaving=(at, *where.leaving),
        )

    def _sets(self, steps: Sequence[model.Step]) -> bool:
        """Whether steps may change the ``state`` of their own scope."""
        return any(
            isinstance(step, model.Set) or any(self._sets(branch) for branch in branches(step)) for step in steps
        )

    def _note_return(self, where: _List) -> None:
        frame = self._out.frames[where.frame]
        if where.loops > frame.loops:
            self._out.frames[where.frame] = replace(frame, returns=True)

    def _leave(self, where: _List, at: Place) -> tuple[Closing, ...]:
        """A return's transitions: every branch around it ends, then the workflow, each at its current step."""
        places = (at, *where.leaving)
        ends: Literal["finish", "finish_branch"] = (
            "finish" if where.procedure == "main" and where.depth == 0 else "finish_branch"
        )
        return (*(Closing("finish_branch", place, None) for place in places[:-1]), Closing(ends, places[-1], None))

    def _close(self, step: model.Step, where: _List, at: Place, closing: Closing) -> ir.CloseOp:
        return ir.CloseOp(*self._head(step, where, at), (closing,))

    def _id(self) -> str:
        if self._count >= MAX_OPS:
            raise TooManySteps
        self._count += 1
        return f"o{self._count - 1}"

    def _new_labels(self, parent: int | None) -> int:
        self._labels.append(_Labels(parent))
        return len(self._labels) - 1


def closing_op(node: nodes.Step) -> ir.Op:
    """The operation whose output is a step's."""
    match node:
        case nodes.Do() | nodes.Leave() | nodes.Fail() | nodes.Act() | nodes.Talk():
            return node.op
        case _:
            return node.close
