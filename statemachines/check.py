"""Stage 4: what can only be judged of the whole: references, expressions, recursion, and the finished definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from silvercup.expressions import check_value, compile_value
from statemachines import task as model
from statemachines.emit.tasks import PROMPTS_FUNCTION, STEPS_FUNCTION
from statemachines.lower import MAX_NESTING
from statemachines.parse import TOOL_TYPES
from statemachines.problems import Problems, did_you_mean

MAX_DEFINITION_BYTES = 1_000_000
"""Step Functions takes definitions of up to 1 MB."""
ARN_LENGTH = 130
"""The longest ARN of a function that takes the place of its placeholder."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a compiled task is and what one run of it costs.

    Attributes:
        states: States in the definition.
        bytes: The definition's size, at most, with the functions' ARNs in it.
        min_transitions: State transitions of the shortest run that does not end in an ``error`` step; where every run
            does, of the shortest.
        max_transitions: Those of the longest run. Nothing is tried again, and nothing fails but ``error`` steps.
        max_invocations: Lambda calls of the longest run.
        max_events: History events of the longest run.
    """

    states: int
    bytes: int
    min_transitions: int
    max_transitions: int
    max_invocations: int
    max_events: int

    def as_dict(self) -> dict[str, int]:
        """The report as JSON."""
        return asdict(self)


def check_task(
    task: model.Task,
    problems: Problems,
    *,
    agent_tools: Mapping[str, str],
    check_model: Callable[[str], str | None],
) -> None:
    """Check what steps refer to and every expression.

    Args:
        task: The parsed task.
        problems: Takes what is found.
        agent_tools: Types of the agent's tools by name, for tasks that inherit them.
        check_model: Says what is wrong with a model's name, or None.
    """
    tools: dict[str, Any] = {**agent_tools} if task.inherit_tools else {}
    tools |= {name: tool.get("type") for name, tool in task.tools.items()}
    for step in all_steps(task):
        _check_expressions(step, problems)
        match step:
            case model.ToolCall():
                _check_tool(step, task, tools, problems)
            case model.Call():
                _check_call(step, task, problems)
            case model.Prompt():
                name = step.settings.get("model")
                if isinstance(name, str) and name and not name.lstrip().startswith("$ ") and "{" not in name:
                    wrong = check_model(name)
                    if wrong:
                        problems.error(f"{step.loc}.settings.model", wrong)
            case _:
                pass
    _check_recursion(task, problems)
    _check_labels(task, problems)


def measure(definition: dict[str, Any], text: str) -> Report:
    """Count a definition's states, and the transitions, calls and events of its shortest and longest run."""
    states: dict[str, Any] = definition["States"]
    start: str = definition["StartAt"]
    shortest: dict[str, tuple[bool, int]] = {}
    longest: dict[str, tuple[int, int, int]] = {}
    for name in _in_postorder(states, start):
        nexts = _successors(states[name])
        kind = states[name]["Type"]
        fails, steps = min((shortest[n] for n in nexts), default=(kind == "Fail", 0))
        shortest[name] = (fails, steps + 1)
        after = [longest[n] for n in nexts]
        longest[name] = (
            1 + max((a[0] for a in after), default=0),
            (kind == "Task") + max((a[1] for a in after), default=0),
            _events(states[name]) + max((a[2] for a in after), default=0),
        )
    transitions, invocations, events = longest[start]
    places = sum(text.count(name) * (ARN_LENGTH - len(name)) for name in (STEPS_FUNCTION, PROMPTS_FUNCTION))
    return Report(
        states=len(states),
        bytes=len(text.encode()) + places,
        min_transitions=shortest[start][1] + 1,
        max_transitions=transitions + 1,
        max_invocations=invocations,
        max_events=events,
    )


def all_steps(task: model.Task) -> Iterator[model.Step]:
    """Every step of every workflow, also inside branches."""
    for steps in task.workflows.values():
        yield from _within(steps)


def _within(steps: tuple[model.Step, ...]) -> Iterator[model.Step]:
    for step in steps:
        yield step
        for branch in branches(step):
            yield from _within(branch)


def branches(step: model.Step) -> tuple[tuple[model.Step, ...], ...]:
    """The lists of steps inside a step."""
    match step:
        case model.If():
            return (step.then,) if step.orelse is None else (step.then, step.orelse)
        case model.Switch():
            return tuple(case.steps for case in step.cases)
        case _:
            return ()


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
        case model.WaitForInput():
            yield f"{loc}.wait_for_input.info", step.info
        case model.ToolCall() | model.Call():
            yield f"{loc}.arguments", step.arguments
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
        case _:
            pass


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


def _check_tool(step: model.ToolCall, task: model.Task, tools: Mapping[str, Any], problems: Problems) -> None:
    loc = f"{step.loc}.tool"
    kind = tools.get(step.tool)
    if step.tool not in tools:
        owner = "this task or its agent" if task.inherit_tools else "this task"
        hint = did_you_mean(step.tool, tools) if tools else "The task has no 'tools'"
        problems.error(loc, f"{step.tool!r} is no tool of {owner}", hint)
    elif kind != "function" and kind in TOOL_TYPES:
        msg = f"{step.tool!r} is a tool of type {kind!r}, which is not available in this version"
        problems.error(loc, msg, "Steps can call tools of type 'function'")


def _check_call(step: model.Call, task: model.Task, problems: Problems) -> None:
    loc = f"{step.loc}.workflow"
    if step.workflow == "main":
        problems.error(loc, "'main' can't be called from a step", "Move the steps to repeat to a sub-workflow")
    elif step.workflow not in task.workflows:
        others = [name for name in task.workflows if name != "main"]
        hint = did_you_mean(step.workflow, others) if others else "The task has no sub-workflows"
        problems.error(loc, f"{step.workflow!r} is no workflow of this task", hint)


def _check_recursion(task: model.Task, problems: Problems) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        for step in _within(task.workflows.get(name, ())):
            if not isinstance(step, model.Call) or step.workflow == "main":
                continue
            if step.workflow in path:
                circle = " → ".join((*path[path.index(step.workflow) :], step.workflow))
                msg = f"calls itself ({circle}), and recursive workflows are not available in this version"
                problems.error(f"{step.loc}.workflow", msg)
            elif step.workflow not in done and len(path) <= MAX_NESTING:
                visit(step.workflow, (*path, step.workflow))
        done.add(name)

    for name in task.workflows:
        if name not in done:
            visit(name, (name,))


def _check_labels(task: model.Task, problems: Problems) -> None:
    for steps in task.workflows.values():
        seen: dict[str, str] = {}
        for step in _within(steps):
            if step.label is None:
                continue
            if step.label in seen:
                first = seen[step.label]
                problems.warn(
                    f"{step.loc}.label", f"{step.label!r} is also the label of {first}; the last that ran counts"
                )
            seen.setdefault(step.label, step.loc)


def _events(state: dict[str, Any]) -> int:
    """History events of a state: for a task entered, scheduled, started, (submitted, when it waits,) succeeded, exited."""
    if state.get("Resource", "").endswith(".waitForTaskToken"):
        return 6
    return {"Task": 5, "Fail": 1}.get(state["Type"], 2)


def _successors(state: dict[str, Any]) -> list[str]:
    if state["Type"] == "Choice":
        return [choice["Next"] for choice in state["Choices"]] + [state["Default"]]
    return [state["Next"]] if "Next" in state else []


def _in_postorder(states: dict[str, Any], start: str) -> Iterator[str]:
    seen: set[str] = set()
    stack: list[tuple[str, bool]] = [(start, False)]
    while stack:
        name, expanded = stack.pop()
        if expanded:
            yield name
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack.extend((following, False) for following in _successors(states[name]))


def check_definition(report: Report, definition: dict[str, Any], problems: Problems) -> None:
    """Check the finished definition against the limits of Step Functions."""
    if report.bytes > MAX_DEFINITION_BYTES:
        problems.error(
            "",
            f"The task needs a state machine of {report.bytes:,} bytes; at most {MAX_DEFINITION_BYTES:,} can be",
            "Make its workflows smaller, or split it into several tasks",
        )
    too_long = [name for name in definition["States"] if len(name) > 80]
    if too_long:
        raise AssertionError(f"state names over 80 characters: {too_long}")
