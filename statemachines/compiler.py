"""The stages in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from silvercup import values
from silvercup.errors import InvalidTask, Problem
from statemachines import ir
from statemachines.budget import shares
from statemachines.check import all_steps, check_definition, check_task, tools_of
from statemachines.emit import emit_machine
from statemachines.fuse import fuse
from statemachines.lower import MAX_NESTING, MAX_OPS, Lowered, TooDeep, Tools, TooManySteps, lower
from statemachines.measure import measure
from statemachines.parse import parse_task
from statemachines.problems import MAX_PROBLEMS, Problems, TooManyProblems
from statemachines.report import Report
from statemachines.source import Source
from statemachines.task import Prompt, Task, ToolCall
from statemachines.tools import ToolCheck, any_tool


def _any_model(_: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """What the compiler has to know of the task's surroundings.

    Attributes:
        agent_tools: Definitions of the agent's tools by name.
        check_model: Says what is wrong with a model's name, or None.
        check_tool: Says what is wrong with what a tool's type defines; of the agent's tools nothing, which were checked when they were written.
        task: What expressions see as ``task`` (id, name, …).
        strict: Whether warnings are errors.
        fuse: Whether a block may hold more than one operation; only tests say no.
    """

    agent_tools: Tools = field(default_factory=dict[str, Any])
    check_model: Callable[[str], str | None] = _any_model
    check_tool: ToolCheck = any_tool
    task: dict[str, Any] | None = None
    strict: bool = False
    fuse: bool = True


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled task.

    Attributes:
        task: The task model.
        program: What the run time reads.
        definition: The state machine, with placeholders for the functions, as text.
        digest: 32 hex digits of the definition's hash; equal tasks share a machine.
        report: Its size and cost.
        warnings: What was accepted but looks wrong.
    """

    task: Task
    program: ir.Program
    definition: str
    digest: str
    report: Report
    warnings: tuple[Problem, ...]


def compile_task(source: Source, context: Context | None = None) -> Compiled:
    """Compile a task definition.

    Raises:
        InvalidTask: It has problems; the error lists every one, with path and line.
    """
    context = context or Context()
    problems = Problems(source)
    task = _read(source, context, problems)
    tools = tools_of(task, context.agent_tools)
    lowered = _lower(task, tools, fuse=context.fuse)
    fused = fuse(lowered, together=context.fuse)
    definition = emit_machine(fused.procedures, lowered.frames)
    text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
    loops = {op.id: op.parallelism for block in fused.blocks.values() if isinstance(op := block.ops[-1], ir.LoopOp)}
    report = measure(definition, text, loops)
    check_definition(report, definition, len(fused.blocks), problems)
    if problems.errors:
        raise InvalidTask(problems.errors)
    program = ir.Program(
        format=ir.FORMAT,
        blocks=fused.blocks,
        frames=tuple(lowered.frames),
        labels=tuple(lowered.labels),
        tools=kept_tools(task, tools),
        task=context.task or {"name": task.name},
        shares=shares(fused.procedures),
    )
    return Compiled(task, program, text, values.digest(definition)[:32], report, tuple(problems.warnings))


def _read(source: Source, context: Context, problems: Problems) -> Task:
    """The task, free of errors."""
    task: Task | None = None
    rest: list[Problem] = []
    try:
        task = parse_task(source, problems, context.check_tool)
        if task is not None:
            check_task(
                task,
                problems,
                agent_tools=context.agent_tools,
                check_model=context.check_model,
                check_tool=context.check_tool,
            )
    except TooManyProblems:
        rest = [Problem("", f"There are more problems; these are the first {MAX_PROBLEMS}")]
    if context.strict:
        problems.errors.extend(problems.warnings)
    if task is None or problems.errors:
        raise InvalidTask([*sorted(problems.errors, key=lambda problem: problem.line or 0), *rest])
    return task


def kept_tools(task: Task, tools: Tools) -> Tools:
    """The tools that a program keeps: the task's own, and those of its agent that its steps call or give to a model."""
    called: set[str] = set()
    for step in all_steps(task):
        if isinstance(step, ToolCall):
            called.add(step.tool)
        elif isinstance(step, Prompt):
            called.update(one for one in step.given(tools) if isinstance(one, str))
    return {name: tool for name, tool in tools.items() if name in task.tools or name in called}


def _lower(task: Task, tools: Tools, *, fuse: bool) -> Lowered:
    hint = "Make its workflows smaller, or split it into several tasks"
    try:
        return lower(task, tools, fuse=fuse)
    except TooManySteps:
        msg = f"With its calls unfolded the task has more than {MAX_OPS:,} steps"
    except TooDeep:
        msg = f"Calls and branches are nested more than {MAX_NESTING} levels deep in each other"
    raise InvalidTask([Problem("", msg, hint=hint)])
