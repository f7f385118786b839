"""Stage 1: a JSON value to the task model. Every problem is collected with its path and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from silvercup.tool_types import TOOL_TYPES
from silvercup.values import kind_of
from statemachines.parse_schema import check_schema
from statemachines.parse_steps import parse_steps
from statemachines.problems import Problems, did_you_mean, nearest, shown
from statemachines.source import Source
from statemachines.task import Step, Task
from statemachines.tools import ToolCheck, check_spec

TASK_KEYS = frozenset(
    {
        "name",
        "canonical_name",
        "description",
        "main",
        "input_schema",
        "tools",
        "inherit_tools",
        "metadata",
    }
)
"""Every other key of a task is a sub-workflow."""

READ_ONLY_KEYS = frozenset({"id", "agent_id", "created_at", "updated_at", "version"})
"""What the API returned may be sent back; it is passed over."""

_NAME = re.compile(r"[\w .-]{1,120}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CANONICAL = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


def parse_task(source: Source, problems: Problems, check: ToolCheck) -> Task | None:
    """The task model of a definition.

    Args:
        source: The definition.
        problems: Takes what is found.
        check: Says what is wrong with what a tool's type defines.

    Returns:
        The model, or None when ``problems`` has errors that leave nothing to go on with.
    """
    body: object = source.value
    if not isinstance(body, dict):
        what = "the body is empty" if body is None else f"this is {kind_of(body)}"
        problems.error("", f"A task is an object with at least 'name' and 'main'; {what}")
        return None
    task = cast("dict[str, Any]", body)
    name = _text(task, "name", problems, required=True, longest=255)
    _canonical_name(task, problems)
    _text(task, "description", problems, longest=16_000)
    _object(task, "metadata", problems)
    input_schema = _object(task, "input_schema", problems)
    if input_schema:
        check_schema(input_schema, problems, "input_schema")
    inherit = task.get("inherit_tools", False)
    if not isinstance(inherit, bool):
        problems.error("inherit_tools", f"must be true or false; it is {kind_of(inherit)}")
        inherit = False
    tools = _tools(task.get("tools"), problems, check)
    workflows = _workflows(task, problems)
    return Task(name or "", workflows, tools, inherit, input_schema)


def _workflows(task: dict[str, Any], problems: Problems) -> Mapping[str, tuple[Step, ...]]:
    workflows: dict[str, tuple[Step, ...]] = {}
    own = [key for key in task if key not in TASK_KEYS | READ_ONLY_KEYS]
    if "main" not in task:
        near = nearest("main", own)
        hint = f"There is {near!r}; did you mean 'main'?" if near else None
        problems.error("main", "is missing: a task starts with the steps of 'main'", hint)
    for key in ("main", *own):
        if key in task:
            workflows[key] = _workflow(key, task[key], problems)
    return workflows


def _workflow(name: str, value: object, problems: Problems) -> tuple[Step, ...]:
    """The steps of a workflow; none where it can't be read, so that calls of it are not told as well."""
    if not isinstance(value, list) or not value:
        unknown = name != "main" and not isinstance(value, list)
        what = "is no field of a task and no list of steps" if unknown else "must be a list of at least one step"
        hint = did_you_mean(name, TASK_KEYS) if name != "main" and nearest(name, TASK_KEYS) else None
        if hint is None and isinstance(value, dict) and value:
            hint = "A workflow is a list of steps; put '- ' before each of them"
        problems.error(name, f"{what}; it is {kind_of(cast('object', value))}", hint)
        return ()
    if not _NAME.fullmatch(name):
        problems.error(
            name, "is no name for a workflow", "Use letters, digits, '_', '-', '.' and spaces, at most 120 in all"
        )
    return parse_steps(cast("list[Any]", value), name, problems)


def _tools(value: object, problems: Problems, check: ToolCheck) -> Mapping[str, dict[str, Any]]:
    tools: dict[str, dict[str, Any]] = {}
    if value is None:
        return tools
    if not isinstance(value, list):
        problems.error("tools", f"must be a list of tools; it is {kind_of(value)}")
        return tools
    for i, tool in enumerate(cast("list[object]", value)):
        loc = f"tools[{i}]"
        if not isinstance(tool, dict):
            problems.error(loc, f"must be an object with 'name' and 'type'; it is {kind_of(tool)}")
            continue
        spec = cast("dict[str, Any]", tool)
        name = check_tool(spec, f"{loc}.", problems)
        check_spec(spec, loc, check, problems)
        if name is None:
            continue
        if name in tools:
            problems.error(f"{loc}.name", f"{name!r} is the name of an earlier tool of this task; names must differ")
        tools[name] = spec
    return tools


def check_tool(tool: dict[str, Any], prefix: str, problems: Problems) -> str | None:
    """Note what is wrong with a tool's definition, of a task or of an agent.

    Args:
        tool: The definition.
        prefix: What stands before its keys in paths (``tools[0].``).
        problems: Where to note it.

    Returns:
        Its name, where it has one.
    """
    name = _tool_name(tool, prefix, problems)
    _check_tool_type(tool, prefix, problems)
    return name


def _tool_name(tool: dict[str, Any], prefix: str, problems: Problems) -> str | None:
    name: object = tool.get("name")
    if isinstance(name, str) and _IDENTIFIER.fullmatch(name):
        return name
    if name is None:
        problems.error(f"{prefix}name", "is missing")
        return None
    what = "letters, digits and '_', and not begin with a digit"
    problems.error(f"{prefix}name", f"must consist of {what}; it is {shown(name)}")
    return name if isinstance(name, str) else None


def _check_tool_type(tool: dict[str, Any], prefix: str, problems: Problems) -> None:
    kind: object = tool.get("type")
    if kind is None:
        problems.error(f"{prefix}type", "is missing", did_you_mean("", TOOL_TYPES))
    elif not isinstance(kind, str):
        problems.error(f"{prefix}type", f"must be a string; it is {kind_of(kind)}", did_you_mean("", TOOL_TYPES))
    elif kind not in TOOL_TYPES:
        problems.error(f"{prefix}type", f"{kind!r} is no type of tool", did_you_mean(kind, TOOL_TYPES))
    elif tool.get(kind) is None:
        if kind != "function":
            msg = f"is missing: a tool of type {kind!r} is described by an object of that name"
            problems.error(f"{prefix}{kind}", msg)
    elif not isinstance(tool[kind], dict):
        problems.error(f"{prefix}{kind}", f"must be an object; it is {kind_of(tool[kind])}")


def _text(task: dict[str, Any], key: str, problems: Problems, *, required: bool = False, longest: int) -> str | None:
    value = task.get(key)
    if value is None:
        if required:
            problems.error(key, "is missing")
        return None
    if not isinstance(value, str):
        problems.error(key, f"must be a string; it is {kind_of(value)}")
        return None
    if len(value) > longest or (required and not value):
        problems.error(key, f"must have {1 if required else 0} to {longest} characters; it has {len(value)}")
    return value


def _canonical_name(task: dict[str, Any], problems: Problems) -> None:
    name = _text(task, "canonical_name", problems, longest=255)
    if name is not None and not _CANONICAL.fullmatch(name):
        problems.error("canonical_name", "must start with a letter and hold only letters, digits and '_'")


def _object(task: dict[str, Any], key: str, problems: Problems) -> dict[str, Any] | None:
    value: object = task.get(key)
    if value is None or isinstance(value, dict):
        return cast("dict[str, Any] | None", value)
    problems.error(key, f"must be an object; it is {kind_of(value)}")
    return None
