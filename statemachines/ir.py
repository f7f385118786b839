"""The program: what the run time does, as operations in blocks. It knows nothing of Amazon States Language.

An *operation* is one step, or one part of a step. Operations that need nothing from outside may hold others: the arms of
a branch, the body of a loop. A *block* is what one invocation runs. How control flows between blocks is in ``nodes``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

FORMAT = 2
"""The program format. A stored program of an older format must keep running: see ``program.load``."""

type TransitionType = Literal[
    "init", "init_branch", "wait", "resume", "step", "finish", "finish_branch", "error", "cancelled"
]


@dataclass(frozen=True, slots=True)
class Place:
    """A step as transitions name it.

    Attributes:
        workflow: The workflow's name; branches carry v1's synthetic names, in which ``{o9}`` stands for the iteration
            of the loop ``o9``, ``{o9/100}`` and ``{o9%100}`` for its batch and the index there.
        step: Its index there.
        depth: Which scope: an index into the stack of scopes that every record carries.
    """

    workflow: str
    step: int
    depth: int


@dataclass(frozen=True, slots=True)
class Closing:
    """One transition that ends a step: its type, the step, and what comes next (None at an end)."""

    type: TransitionType
    at: Place
    next: Place | None


@dataclass(frozen=True, slots=True)
class Op:
    """What one step does, or one part of a step.

    Attributes:
        id: Unique in the program.
        at: The step.
        loc: Where it stands in the definition.
        step_type: v1's class name of the step, shown in a transition's metadata.
        label: The step's label.
        frame: Which of the program's frames ``steps[i]`` reads through.
        labels: Which of the program's label scopes ``steps['label']`` reads through.
        loops: How many loops and forks of the state machine it stands in, within its procedure.
        closings: The transitions that end the step, first to last; empty when another operation ends it.
    """

    name: ClassVar[str]

    id: str
    at: Place
    loc: str
    step_type: str
    label: str | None
    frame: int
    labels: int
    loops: int
    closings: tuple[Closing, ...]


type Ops = tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class EvaluateOp(Op):
    """Output: the evaluated values."""

    name = "evaluate"
    values: Any


@dataclass(frozen=True, slots=True)
class SetOp(Op):
    """Output: the evaluated values, merged into ``state``."""

    name = "set"
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GetOp(Op):
    """Output: the value of ``state`` under a name, or the list of several."""

    name = "get"
    names: tuple[str, ...]
    single: bool


@dataclass(frozen=True, slots=True)
class LogOp(Op):
    """Output: the input; the evaluated text goes to the metadata."""

    name = "log"
    text: str


@dataclass(frozen=True, slots=True)
class ReturnOp(Op):
    """Output: the evaluated value, which also ends the workflow of its frame."""

    name = "return"
    value: Any


@dataclass(frozen=True, slots=True)
class RaiseOp(Op):
    """Fails with the message."""

    name = "error"
    message: str


@dataclass(frozen=True, slots=True)
class DecideOp(Op):
    """Picks the first branch whose condition holds and opens it.

    Attributes:
        conditions: An expression for each branch; None always holds.
        branches: The first step of each branch.
        otherwise: Whether the input goes on unchanged when none holds; if not, that is an error.
        arms: What each branch runs, where the block runs it; None: the state machine does.
    """

    name = "decide"
    conditions: tuple[Any, ...]
    branches: tuple[Place, ...]
    otherwise: bool
    arms: tuple[tuple[Op, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class EnterOp(Op):
    """Evaluates the arguments of a call and opens the called workflow, in a new scope; its operations follow.

    Attributes:
        arguments: The arguments, or ``_`` for the input.
        entry: The first step of the called workflow.
    """

    name = "enter"
    arguments: Any
    entry: Place


@dataclass(frozen=True, slots=True)
class ScopeOp(Op):
    """Runs the operations of a called workflow; a ``return`` among them ends only these."""

    name = "scope"
    callee: int
    body: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class InvokeOp(Op):
    """Evaluates the arguments of a call of a procedure, which runs elsewhere: see ``Procedure``.

    Attributes:
        arguments: The arguments, or ``_`` for the input.
        procedure: Which of the program's procedures.
        entry: Its first step; its scope is the caller's next one.
        jump: Whether the state machine goes on there (if its budget allows), instead of starting a child.
        tail: Whether the caller has nothing left to do, so that nothing comes back to it.
    """

    name = "invoke"
    arguments: Any
    procedure: str
    entry: Place
    jump: bool
    tail: bool


@dataclass(frozen=True, slots=True)
class SleepOp(Op):
    """Records when to wake up."""

    name = "sleep"
    seconds: int


@dataclass(frozen=True, slots=True)
class CloseOp(Op):
    """Ends a step whose output is what came before: a branch, an inlined call, a sleep or a wait."""

    name = "close"


@dataclass(frozen=True, slots=True)
class EndCallOp(Op):
    """Ends a call of a procedure: back to the caller's scope.

    Attributes:
        call: The id of the ``InvokeOp``.
    """

    name = "end_call"
    call: str


@dataclass(frozen=True, slots=True)
class BeginOp(Op):
    """Opens an iteration of a loop, a branch of a fork, or a procedure.

    Attributes:
        of: ``item``, ``branch`` or ``call``.
        opener: The id of the ``LoopOp`` or ``ForkOp``; empty for a procedure.
    """

    name = "begin"
    of: Literal["item", "branch", "call"]
    opener: str


@dataclass(frozen=True, slots=True)
class LoopOp(Op):
    """Evaluates what a loop goes over.

    Attributes:
        items: Evaluates to the items.
        field: The name of the field that ``items`` is, for messages.
        parallelism: How many iterations may run at once; 1: one after the other.
        chained: Whether each iteration sees the ``state`` that the one before left.
        sets: Whether an iteration may change ``state``.
        first: The ``BeginOp`` of an iteration.
        last: The operation whose output is the iteration's.
        body: What an iteration runs, where the block runs it; None: the state machine does.
    """

    name = "loop"
    items: Any
    field: str
    parallelism: int
    chained: bool
    sets: bool
    first: str
    last: str
    body: tuple[Op, ...] | None = None


@dataclass(frozen=True, slots=True)
class GatherOp(Op):
    """Ends a loop: its output is the list of the iterations' outputs, or what ``reduce`` makes of them.

    Attributes:
        loop: The id of the ``LoopOp``.
        reduce: An expression over ``results`` and ``_``, or None to append.
        initial: What ``results`` starts with.
    """

    name = "gather"
    loop: str
    reduce: str | None
    initial: Any


@dataclass(frozen=True, slots=True)
class ForkOp(Op):
    """Opens a step whose branches run side by side.

    Attributes:
        sets: Whether a branch may change ``state``.
        lasts: The operation whose output is the branch's, for each branch.
        bodies: What each branch runs, where the block runs it; None: the state machine does.
    """

    name = "fork"
    sets: bool
    lasts: tuple[str, ...]
    bodies: tuple[tuple[Op, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class JoinOp(Op):
    """Ends a fork: its output is the list of the branches' outputs.

    Attributes:
        fork: The id of the ``ForkOp``.
    """

    name = "join"
    fork: str


@dataclass(frozen=True, slots=True)
class PromptOp(Op):
    """Asks a model; see ``task.Prompt``."""

    name = "prompt"
    prompt: Any
    settings: dict[str, Any]
    unwrap: bool


@dataclass(frozen=True, slots=True)
class TalkOp(PromptOp):
    """Asks a model that is given tools.

    Attributes:
        tools: Names of the program's tools, or definitions.
        tool_choice: Which of them the model has to call; evaluated.
        auto: Whether its calls are carried out, and the model is asked again; if not, they are its answer.
        waits: Whether calls of one of them wait to be answered.
    """

    name = "talk"
    tools: tuple[Any, ...]
    tool_choice: Any
    auto: bool
    waits: bool


@dataclass(frozen=True, slots=True)
class ToolOp(Op):
    """Calls a tool that is run here; its output is the tool's result.

    Attributes:
        tool: Which of the program's tools.
        arguments: The arguments, or ``_`` for the input.
        by_prompts: Whether the function ``prompts`` has to run it: it calls a model, or searches docs.
    """

    name = "tool"
    tool: str
    arguments: Any
    by_prompts: bool


@dataclass(frozen=True, slots=True)
class AwaitOp(Op):
    """Announces a wait; the answer becomes the output of the record.

    Attributes:
        info: What to tell whoever answers (evaluated), or for a tool its arguments.
        tool: The function tool that is called, or None.
    """

    name = "await"
    info: Any
    tool: str | None


OPS: tuple[type[Op], ...] = (
    EvaluateOp,
    SetOp,
    GetOp,
    LogOp,
    ReturnOp,
    RaiseOp,
    DecideOp,
    EnterOp,
    ScopeOp,
    InvokeOp,
    SleepOp,
    CloseOp,
    EndCallOp,
    BeginOp,
    LoopOp,
    GatherOp,
    ForkOp,
    JoinOp,
    PromptOp,
    TalkOp,
    ToolOp,
    AwaitOp,
)

type Effect = Literal["none", "prompt", "talk", "tool", "wait"]
"""``talk``: a model is asked, its calls of tools are carried out, and it is asked again, until it has answered."""

CALLS: frozenset[Effect] = frozenset({"prompt", "talk", "tool"})
"""Effects that are calls: what is called is written down before, the answer after."""


def inner(op: Op) -> tuple[tuple[Op, ...], ...]:
    """The lists of operations that an operation holds."""
    match op:
        case DecideOp():
            return op.arms or ()
        case ScopeOp():
            return (op.body,)
        case LoopOp():
            return () if op.body is None else (op.body,)
        case ForkOp():
            return op.bodies or ()
        case _:
            return ()


def walk(ops: Iterable[Op]) -> Iterator[Op]:
    """Operations with all that they hold, outermost first."""
    for op in ops:
        yield op
        for held in inner(op):
            yield from walk(held)


def has_loop(ops: Iterable[Op]) -> bool:
    """Whether operations hold a loop, which may take longer than one invocation."""
    return any(isinstance(op, LoopOp) and op.body is not None for op in walk(ops))


@dataclass(frozen=True, slots=True)
class Block:
    """What one invocation runs and records as one: pure operations, then at most one effect.

    Attributes:
        id: Its static position, unique in the program.
        loc: Where its first step stands in the definition.
        ops: The operations, in order.
        effect: What the last operation does to the outside world.
    """

    id: str
    loc: str
    ops: tuple[Op, ...]
    effect: Effect = "none"

    @property
    def by_prompts(self) -> bool:
        """Whether the function ``prompts`` has to run it."""
        last = self.ops[-1]
        return self.effect in {"prompt", "talk"} or (isinstance(last, ToolOp) and last.by_prompts)


@dataclass(frozen=True, slots=True)
class StepRef:
    """Which operations' outputs are a step's input and output; None as input: the execution's input."""

    input: str | None
    output: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One use of a workflow: what ``steps[i]`` means inside it.

    Attributes:
        workflow: Its name.
        steps: Its steps.
        parent: The frame that it is called from, where that is in the same procedure.
        loops: How many loops of the state machine it stands in, within its procedure.
        returns: Whether a ``return`` may end it from inside one of its loops.
    """

    workflow: str
    steps: tuple[StepRef, ...]
    parent: int | None = None
    loops: int = 0
    returns: bool = False


@dataclass(frozen=True, slots=True)
class LabelScope:
    """The labels of one list of steps; those of the lists around it are visible too."""

    parent: int | None
    labels: Mapping[str, tuple[StepRef, ...]]


@dataclass(frozen=True, slots=True)
class Share:
    """What a part of unknown length may write into a state machine's history: see ``budget``.

    Attributes:
        item: Events of one iteration of a loop at least; of a procedure: of one pass.
        fixed: Events that everything around it in the same procedure or iteration takes at most, itself at least included.
        slots: How many parts of unknown length share what is left.
    """

    item: int
    fixed: int
    slots: int


@dataclass(frozen=True, slots=True)
class Program:
    """What the run time needs of a task version; immutable, stored once.

    Attributes:
        format: ``FORMAT`` when it was made.
        blocks: Every block by id.
        frames: Every use of a workflow; the first is ``main``.
        labels: Every list of labelled steps.
        tools: The task's tools, by name, as written; and those that it uses of its agent, as they were when it was compiled.
        task: The task as expressions see it (``task.name``, …).
        shares: For each loop, each jump and each procedure that the state machine runs.
    """

    format: int
    blocks: Mapping[str, Block]
    frames: tuple[Frame, ...]
    labels: tuple[LabelScope, ...]
    tools: Mapping[str, Any] = field(default_factory=dict[str, Any])
    task: Mapping[str, Any] = field(default_factory=dict[str, Any])
    shares: Mapping[str, Share] = field(default_factory=dict[str, Share])
