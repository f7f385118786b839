"""How control flows: the nodes that ``lower`` makes of steps, and those that ``fuse`` makes of them, which hold blocks.

A node of the first kind holds operations, one step at most; a node of the second kind holds one block, which may run many
steps. ``emit`` turns the second kind into states.
"""

from __future__ import annotations

from dataclasses import dataclass

from statemachines.ir import (
    BeginOp,
    Block,
    CloseOp,
    DecideOp,
    EndCallOp,
    EnterOp,
    ForkOp,
    GatherOp,
    InvokeOp,
    JoinOp,
    LoopOp,
    Op,
    ReturnOp,
    TalkOp,
    has_loop,
)


@dataclass(frozen=True, slots=True)
class Do:
    """One operation that needs nothing from outside."""

    op: Op


@dataclass(frozen=True, slots=True)
class Leave:
    """A ``return``: ends the workflow of its frame."""

    op: ReturnOp


@dataclass(frozen=True, slots=True)
class Fail:
    """An ``error``."""

    op: Op


@dataclass(frozen=True, slots=True)
class Act:
    """Calls something outside, a model or a tool, and goes on with its answer."""

    op: Op


@dataclass(frozen=True, slots=True)
class Talk:
    """Asks a model, and carries its calls of tools out."""

    op: TalkOp


@dataclass(frozen=True, slots=True)
class Pause:
    """A sleep, or a wait for an answer; then the operation that closes the step."""

    op: Op
    close: CloseOp


@dataclass(frozen=True, slots=True)
class Branch:
    """Picks one of the arms, then closes the step."""

    op: DecideOp
    arms: tuple[Steps, ...]
    close: CloseOp


@dataclass(frozen=True, slots=True)
class Call:
    """A workflow called from another, inlined."""

    op: EnterOp
    callee: int
    body: Steps
    close: CloseOp


@dataclass(frozen=True, slots=True)
class Invoke:
    """A call of a procedure."""

    op: InvokeOp
    close: EndCallOp


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop: opens, runs its body for each item, gathers."""

    op: LoopOp
    begin: BeginOp
    body: Steps
    close: GatherOp


@dataclass(frozen=True, slots=True)
class Fork:
    """Branches side by side, each with the operation that begins it."""

    op: ForkOp
    branches: tuple[tuple[BeginOp, Steps], ...]
    close: JoinOp


type Step = Do | Leave | Fail | Act | Talk | Pause | Branch | Call | Invoke | Loop | Fork
type Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One block that runs to its end.

    Attributes:
        block: The block.
        leaves: The frame that a ``return`` in it may end, or None.
        lead: The blocks that the same invocation runs before it: see ``rows``.
    """

    block: Block
    leaves: int | None = None
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaveRun:
    """A block that ends a frame for certain."""

    block: Block
    frame: int
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class FailRun:
    """A block that always fails, unless a ``return`` in it ends a frame before."""

    block: Block
    leaves: int | None = None
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class BranchRun:
    """A block whose last operation picks an arm; the next node's block closes the step."""

    block: Block
    arms: tuple[Sequence, ...]
    otherwise: bool
    leaves: int | None = None
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitRun:
    """A block that waits to be answered."""

    block: Block
    leaves: int | None = None


@dataclass(frozen=True, slots=True)
class TalkRun:
    """A block that asks a model in rounds, between which calls of its tools may wait to be answered."""

    block: Block
    op: TalkOp


@dataclass(frozen=True, slots=True)
class SleepRun:
    """A block that says how long to sleep, and the sleep."""

    block: Block
    leaves: int | None = None
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class InvokeRun:
    """A block that opens a procedure, which then runs."""

    block: Block
    op: InvokeOp
    leaves: int | None = None
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class LoopRun:
    """A block that opens a loop, and the loop."""

    block: Block
    op: LoopOp
    body: Sequence
    leaves: int | None = None
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class ForkRun:
    """A block that opens a fork, and its branches."""

    block: Block
    op: ForkOp
    branches: tuple[Sequence, ...]
    leaves: int | None = None
    lead: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Enclosed:
    """An inlined workflow that a ``return`` may end: what leaves its frame goes on after it."""

    frame: int
    body: Sequence


type Leading = Run | LeaveRun | FailRun | BranchRun | SleepRun | InvokeRun | LoopRun | ForkRun
"""What other blocks may stand before, to be run in the same invocation."""

type Node = (
    Run | LeaveRun | FailRun | BranchRun | WaitRun | TalkRun | SleepRun | InvokeRun | LoopRun | ForkRun | Enclosed
)
type Sequence = tuple[Node, ...]


def comes_again(node: Leading) -> bool:
    """Whether the state machine has to lead back to a block that may take longer than one invocation; a row does so itself."""
    return not node.lead and has_loop(node.block.ops)


@dataclass(frozen=True, slots=True)
class Procedure:
    """What can be jumped to, or started as a child: a workflow that calls itself, or one that is too large to inline.

    Attributes:
        name: The workflow's.
        frame: Its frame.
        body: What it runs.
    """

    name: str
    frame: int
    body: Sequence
