"""The task model: what a definition says, with shorthands resolved and every step of a known kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        loc: Where it stands in the definition (``main[3].then``).
        label: Its label, or None.
    """

    key: ClassVar[str]
    kind: ClassVar[str]
    step_type: ClassVar[str]
    options: ClassVar[frozenset[str]] = frozenset()

    loc: str
    label: str | None


@dataclass(frozen=True, slots=True)
class Evaluate(Step):
    """Evaluates each value; its output is the object of the results."""

    key = "evaluate"
    kind = "evaluate"
    step_type = "EvaluateStep"
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Set(Step):
    """Evaluates each value and writes it to ``state``."""

    key = "set"
    kind = "set"
    step_type = "SetStep"
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Get(Step):
    """Reads one key of ``state``, or a list of them."""

    key = "get"
    kind = "get"
    step_type = "GetStep"
    names: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Log(Step):
    """Notes a text in the transition's metadata; the input goes on unchanged."""

    key = "log"
    kind = "log"
    step_type = "LogStep"
    text: str


@dataclass(frozen=True, slots=True)
class Return(Step):
    """Ends the enclosing workflow with a value."""

    key = "return"
    kind = "return"
    step_type = "ReturnStep"
    value: Any


@dataclass(frozen=True, slots=True)
class Error(Step):
    """Fails the execution with a message, as written."""

    key = "error"
    kind = "error"
    step_type = "ErrorWorkflowStep"
    message: str


@dataclass(frozen=True, slots=True)
class Sleep(Step):
    """Waits for a time; the input goes on unchanged."""

    key = "sleep"
    kind = "sleep"
    step_type = "SleepStep"
    seconds: int


@dataclass(frozen=True, slots=True)
class If(Step):
    """Runs one of two branches; without ``else`` the input goes on unchanged."""

    key = "if"
    kind = "if_else"
    step_type = "IfElseWorkflowStep"
    options = frozenset({"then", "else"})
    condition: Any
    then: tuple[Step, ...]
    orelse: tuple[Step, ...] | None


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a switch; ``condition`` is None for the default (``_`` alone)."""

    condition: Any | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Switch(Step):
    """Runs the branch of the first case that holds."""

    key = "switch"
    kind = "switch"
    step_type = "SwitchStep"
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Prompt(Step):
    """Asks a model.

    Attributes:
        prompt: A text, or a list of messages.
        settings: What goes to the model; evaluated.
        unwrap: Whether the output is the text alone.
        tools: The names of the tools that the model is given, or definitions of its own ones; None: all that there are.
        tool_choice: Which of them the model has to call; evaluated.
        auto: Whether its calls are carried out, and the model is asked again.
    """

    key = "prompt"
    kind = "prompt"
    step_type = "PromptStep"
    options = frozenset({"settings", "unwrap", "tools", "tool_choice", "auto_run_tools", "disable_cache"})
    prompt: Any
    settings: dict[str, Any]
    unwrap: bool
    tools: tuple[Any, ...] | None = None
    tool_choice: Any = None
    auto: bool = False

    def given(self, names: Iterable[str]) -> tuple[Any, ...]:
        """The tools that the model is given: names and definitions.

        Args:
            names: All that there are.
        """
        return self.tools if self.tools is not None else tuple(names) if self.auto else ()


@dataclass(frozen=True, slots=True)
class WaitForInput(Step):
    """Waits until the execution is resumed; its output is what it was resumed with."""

    key = "wait_for_input"
    kind = "wait_for_input"
    step_type = "WaitForInputStep"
    info: Any


@dataclass(frozen=True, slots=True)
class ToolCall(Step):
    """Calls a tool of the task; a function tool waits for the caller's answer."""

    key = "tool"
    kind = "tool_call"
    step_type = "ToolCallStep"
    options = frozenset({"arguments"})
    tool: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Call(Step):
    """Runs another workflow of the task in a scope of its own."""

    key = "workflow"
    kind = "yield"
    step_type = "YieldStep"
    options = frozenset({"arguments"})
    workflow: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class ForEach(Step):
    """Runs its body for each item, one after the other; its output is the list of the body's outputs.

    Attributes:
        items: Evaluates to a list, or an object whose keys are taken.
        body: What runs for each item, with the item as its input.
    """

    key = "foreach"
    kind = "foreach"
    step_type = "ForeachStep"
    items: Any
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class MapReduce(Step):
    """Runs its body for each item, several at once; its output is the list of outputs, or what ``reduce`` makes of them.

    Attributes:
        items: Evaluates to a list, or an object whose keys are taken.
        body: What runs for each item, with the item as its input.
        reduce: An expression over ``results`` (so far) and ``_`` (one output), or None to append.
        initial: What ``results`` starts with.
        parallelism: How many items may run at once.
    """

    key = "over"
    kind = "map_reduce"
    step_type = "MapReduceStep"
    options = frozenset({"map", "reduce", "initial", "parallelism"})
    items: Any
    body: tuple[Step, ...]
    reduce: str | None
    initial: Any
    parallelism: int


@dataclass(frozen=True, slots=True)
class Parallel(Step):
    """Runs its branches side by side; its output is the list of their outputs."""

    key = "parallel"
    kind = "parallel"
    step_type = "ParallelStep"
    branches: tuple[tuple[Step, ...], ...]


STEPS: tuple[type[Step], ...] = (
    Evaluate,
    Set,
    Get,
    Log,
    Return,
    Error,
    Sleep,
    If,
    Switch,
    Prompt,
    WaitForInput,
    ToolCall,
    Call,
    ForEach,
    MapReduce,
    Parallel,
)
"""Every kind of step."""


@dataclass(frozen=True, slots=True)
class Task:
    """A parsed task.

    Attributes:
        name: Its name.
        workflows: ``main`` and the sub-workflows, by name.
        tools: The task's tools by name, as written.
        inherit_tools: Whether the agent's tools can be called too.
        input_schema: JSON Schema of an execution's input, or None.
    """

    name: str
    workflows: Mapping[str, tuple[Step, ...]]
    tools: Mapping[str, dict[str, Any]]
    inherit_tools: bool
    input_schema: dict[str, Any] | None
