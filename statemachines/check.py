"""What can only be judged of the whole: references, expressions, labels, and the finished definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from silvercup.expressions import check_value, compile_value
from silvercup.tool_types import choice_problem, normal_choice
from statemachines import task as model
from statemachines.calls import within
from statemachines.measure import every_state
from statemachines.parse import check_tool
from statemachines.problems import Problems, did_you_mean
from statemachines.report import Report
from statemachines.tools import ToolCheck, check_spec

MAX_DEFINITION_BYTES = 1_000_000
"""Step Functions takes definitions of up to 1 MB."""
REDUCE_NAMES = frozenset({"results", "_"})
"""What ``reduce`` sees."""


def check_task(
    task: model.Task,
    problems: Problems,
    *,
    agent_tools: Mapping[str, Mapping[str, Any]],
    check_model: Callable[[str], str | None],
    check_tool: ToolCheck,
) -> None:
    """Check what steps refer to and every expression.

    Args:
        task: The parsed task.
        problems: Takes what is found.
        agent_tools: Definitions of the agent's tools by name, for tasks that inherit them.
        check_model: Says what is wrong with a model's name, or None.
        check_tool: Says what is wrong with what a tool's type defines.
    """
    tools = tools_of(task, agent_tools)
    for step in all_steps(task):
        _check_expressions(step, problems)
        match step:
            case model.ToolCall():
                _check_known(step.tool, f"{step.loc}.tool", task, tools, problems)
            case model.Call():
                _check_call(step, task, problems)
            case model.Prompt():
                _check_given(step, task, tools, check_tool, problems)
                _check_choice(step, tools, problems)
                name = step.settings.get("model")
                if isinstance(name, str) and name and not name.lstrip().startswith("$ ") and "{" not in name:
                    wrong = check_model(name)
                    if wrong:
                        problems.error(f"{step.loc}.settings.model", wrong)
            case _:
                pass
    _check_labels(task, problems)


def tools_of(task: model.Task, agent_tools: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Definitions of the tools that a task's steps can call, by name: its own win over its agent's."""
    return {**(agent_tools if task.inherit_tools else {}), **task.tools}


def all_steps(task: model.Task) -> Iterator[model.Step]:
    """Every step of every workflow, also inside branches."""
    for steps in task.workflows.values():
        yield from within(steps)


def evaluated_fields(step: model.Step) -> Iterator[tuple[str, Any]]:
    """The fields of a step that are evaluated when it runs, with their paths."""
    loc = step.loc
    match step:
        case model.Evaluate():
            yield f"{loc}.evaluate", step.values
        case model.Set():
            yield f"{loc}.set", step.values
        case model.Log():
            yield f"{loc}.log", step.text
        case model.Return():
            yield f"{loc}.return", step.value
        case model.If():
            yield f"{loc}.if", step.condition
        case model.Switch():
            for i, case in enumerate(step.cases):
                yield f"{loc}.switch[{i}].case", case.condition
        case model.Prompt():
            yield f"{loc}.prompt", step.prompt
            yield f"{loc}.settings", step.settings
            yield f"{loc}.tool_choice", step.tool_choice
        case model.WaitForInput():
            yield f"{loc}.wait_for_input.info", step.info
        case model.ToolCall() | model.Call():
            yield f"{loc}.arguments", step.arguments
        case model.ForEach():
            yield f"{loc}.foreach.in", step.items
        case model.MapReduce():
            yield f"{loc}.over", step.items
        case _:
            return


def _check_expressions(step: model.Step, problems: Problems) -> None:
    for loc, value in evaluated_fields(step):
        problems.take(*check_value(value, loc=loc))
    match step:
        case model.If():
            _check_condition(step.condition, f"{step.loc}.if", problems)
        case model.Switch():
            for i, case in enumerate(step.cases):
                _check_condition(case.condition, f"{step.loc}.switch[{i}].case", problems)
        case model.ForEach():
            _check_items(step.items, f"{step.loc}.foreach.in", problems)
        case model.MapReduce():
            _check_items(step.items, f"{step.loc}.over", problems)
            if step.reduce is not None:
                problems.take(*check_value(step.reduce, loc=f"{step.loc}.reduce", names=REDUCE_NAMES))
        case _:
            pass


def _check_items(items: object, loc: str, problems: Problems) -> None:
    if isinstance(items, str) and not items.strip().startswith("$ ") and not compile_value(items).reads.names:
        problems.error(loc, "is plain text, and not a list", "Write an expression for a list, such as $ _.items")


def _check_condition(condition: object, loc: str, problems: Problems) -> None:
    """Warn of a condition that is plain text: v1 and Python take any but the empty one as true."""
    if not isinstance(condition, str) or condition.strip().startswith("$ ") or compile_value(condition).reads.names:
        return
    text = condition.strip()
    if text:
        hint = f"Write '$ {text}'" if len(text) <= 60 else "An expression begins with '$ '"
        problems.warn(loc, "is plain text, which always holds", hint)
    else:
        problems.warn(loc, "is an empty text, which never holds")


def _check_known(name: str, loc: str, task: model.Task, tools: Mapping[str, Any], problems: Problems) -> None:
    if name not in tools:
        owner = "this task or its agent" if task.inherit_tools else "this task"
        hint = did_you_mean(name, tools) if tools else "The task has no 'tools'"
        if not task.inherit_tools and not (hint and "mean" in hint):
            hint = f"{hint}; its agent's are there with 'inherit_tools: true'" if hint else hint
        problems.error(loc, f"{name!r} is no tool of {owner}", hint)


def _check_given(
    step: model.Prompt, task: model.Task, tools: Mapping[str, Any], check: ToolCheck, problems: Problems
) -> None:
    """Check the tools that a prompt names, or defines."""
    seen: set[str] = set()
    for i, tool in enumerate(step.tools or ()):
        if tool is None:
            continue  # told already
        loc = f"{step.loc}.tools[{i}]"
        name: str | None = tool if isinstance(tool, str) else check_tool(tool, f"{loc}.", problems)
        if isinstance(tool, str):
            _check_known(tool, loc, task, tools, problems)
        else:
            check_spec(tool, loc, check, problems)
        if name in seen:
            problems.error(loc, f"{name!r} is the name of an earlier tool of this prompt; names must differ")
        seen.add(name or "")


def _check_choice(step: model.Prompt, tools: Mapping[str, Any], problems: Problems) -> None:
    """Check that a tool can follow a prompt's choice, as far as it is no expression."""
    if compile_value(step.tool_choice).reads.names or "$ " in str(step.tool_choice):
        return
    names = [one if isinstance(one, str) else str(one.get("name")) for one in step.given(tools) if one is not None]
    try:
        problem = choice_problem(normal_choice(step.tool_choice), names, "this prompt")
    except ValueError as error:
        problem = str(error)
    if problem:
        problems.error(f"{step.loc}.tool_choice", problem)


def _check_call(step: model.Call, task: model.Task, problems: Problems) -> None:
    loc = f"{step.loc}.workflow"
    if step.workflow == "main":
        problems.error(loc, "'main' can't be called from a step", "Move the steps to repeat to a sub-workflow")
    elif step.workflow not in task.workflows:
        others = [name for name in task.workflows if name != "main"]
        hint = did_you_mean(step.workflow, others) if others else "The task has no sub-workflows"
        problems.error(loc, f"{step.workflow!r} is no workflow of this task", hint)


def _check_labels(task: model.Task, problems: Problems) -> None:
    for steps in task.workflows.values():
        seen: dict[str, str] = {}
        for step in within(steps):
            if step.label is None:
                continue
            if step.label in seen:
                first = seen[step.label]
                problems.warn(
                    f"{step.loc}.label", f"{step.label!r} is also the label of {first}; the last that ran counts"
                )
            seen.setdefault(step.label, step.loc)


def check_definition(report: Report, definition: dict[str, Any], blocks: int, problems: Problems) -> None:
    """Check the finished definition of so many blocks against the limits of Step Functions."""
    if report.bytes > MAX_DEFINITION_BYTES:
        too_many = max(1, round(blocks * (1 - MAX_DEFINITION_BYTES / report.bytes)))
        problems.error(
            "",
            f"The task needs a state machine of {report.bytes:,} bytes; at most {MAX_DEFINITION_BYTES:,} can be",
            f"Move about {too_many:,} of its steps into a task of their own",
        )
    too_long = [name for name, _ in every_state(definition["States"]) if len(name) > 80]
    if too_long:
        raise AssertionError(f"state names over 80 characters: {too_long}")
