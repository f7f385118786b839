"""The intermediate representation: what runs (operations in blocks) and in which structure (nodes).

A *node* says how control flows; the emitter turns nodes into states. An *operation* says what the run time does; the
program keeps them by block. Neither knows Amazon States Language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

FORMAT = 1
"""The program format. A stored program of an older format must keep running: see ``program.load``."""

type TransitionType = Literal[
    "init", "init_branch", "wait", "resume", "step", "finish", "finish_branch", "error", "cancelled"
]


@dataclass(frozen=True, slots=True)
class Place:
    """A step as transitions name it.

    Attributes:
        workflow: The workflow's name; branches carry v1's synthetic names.
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
        at: The step.
        step_type: v1's class name of the step, shown in a transition's metadata.
        label: The step's label.
        frame: Which of the program's frames ``steps[i]`` reads through.
        labels: Which of the program's label scopes ``steps['label']`` reads through.
        closings: The transitions that end the step, first to last; empty when another operation ends it.
    """

    name: ClassVar[str]

    at: Place
    step_type: str
    label: str | None
    frame: int
    labels: int
    closings: tuple[Closing, ...]


@dataclass(frozen=True, slots=True)
class EvaluateOp(Op):
    """Output: the evaluated values."""

    name = "evaluate"
    values: dict[str, Any]


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
    """Output: the evaluated value, which also ends the workflow."""

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
    """

    name = "decide"
    conditions: tuple[Any, ...]
    branches: tuple[Place, ...]
    otherwise: bool


@dataclass(frozen=True, slots=True)
class EnterOp(Op):
    """Evaluates the arguments of a call and opens the called workflow, in a new scope.

    Attributes:
        arguments: The arguments, or ``_`` for the input.
        entry: The first step of the called workflow.
    """

    name = "enter"
    arguments: Any
    entry: Place


@dataclass(frozen=True, slots=True)
class SleepOp(Op):
    """Records when to wake up."""

    name = "sleep"
    seconds: int


@dataclass(frozen=True, slots=True)
class CloseOp(Op):
    """Ends a step whose output is that of the record before: a branch, a call, a sleep or a wait."""

    name = "close"


@dataclass(frozen=True, slots=True)
class PromptOp(Op):
    """Asks a model; see ``task.Prompt``."""

    name = "prompt"
    prompt: Any
    settings: dict[str, Any]
    unwrap: bool


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
    SleepOp,
    CloseOp,
    PromptOp,
    AwaitOp,
)

type Effect = Literal["none", "prompt", "wait"]


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


@dataclass(frozen=True, slots=True)
class StepRef:
    """Which blocks' outputs are a step's input and output; None as input: the execution's input."""

    input: str | None
    output: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One use of a workflow: what ``steps[i]`` means inside it."""

    workflow: str
    steps: tuple[StepRef, ...]


@dataclass(frozen=True, slots=True)
class LabelScope:
    """The labels of one list of steps; those of the lists around it are visible too."""

    parent: int | None
    labels: Mapping[str, tuple[StepRef, ...]]


@dataclass(frozen=True, slots=True)
class Program:
    """What the run time needs of a task version; immutable, stored once.

    Attributes:
        format: ``FORMAT`` when it was made.
        blocks: Every block by id.
        frames: Every use of a workflow; the first is ``main``.
        labels: Every list of labelled steps.
        tools: The task's tools, by name, as written.
        task: The task as expressions see it (``task.name``, …).
    """

    format: int
    blocks: Mapping[str, Block]
    frames: tuple[Frame, ...]
    labels: tuple[LabelScope, ...]
    tools: Mapping[str, Any] = field(default_factory=dict[str, Any])
    task: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Run:
    """Node: one block."""

    block: Block


@dataclass(frozen=True, slots=True)
class Leave:
    """Node: a block that ends its workflow with a value."""

    block: Block


@dataclass(frozen=True, slots=True)
class Fail:
    """Node: a block that always fails."""

    block: Block


@dataclass(frozen=True, slots=True)
class Branch:
    """Node: a block that picks one of the arms, and one that closes the step after it.

    Attributes:
        decide: Answers the number of the arm, or -1 for none.
        arms: What each branch runs.
        otherwise: Whether none may be picked.
        close: Ends the step.
    """

    decide: Block
    arms: tuple[Sequence, ...]
    otherwise: bool
    close: Block


@dataclass(frozen=True, slots=True)
class Wait:
    """Node: a block that waits to be answered, and one that closes the step."""

    block: Block
    close: Block


@dataclass(frozen=True, slots=True)
class Sleep:
    """Node: a block that answers how many seconds to wait, the wait, and a block that closes the step."""

    open: Block
    close: Block


@dataclass(frozen=True, slots=True)
class Call:
    """Node: a workflow called from another, inlined."""

    open: Block
    body: Sequence
    close: Block


type Node = Run | Leave | Fail | Branch | Wait | Sleep | Call
type Sequence = tuple[Node, ...]
