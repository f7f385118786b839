"""Stage 1: a JSON value to the task model. Every problem is collected with its path and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from statemachines.parse_steps import parse_steps
from statemachines.problems import Problems, did_you_mean, kind_of
from statemachines.source import Source
from statemachines.task import Step, Task

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

TOOL_TYPES = (
    "function",
    "integration",
    "system",
    "api_call",
    "computer_20241022",
    "text_editor_20241022",
    "bash_20241022",
)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CANONICAL = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


def parse_task(source: Source, problems: Problems) -> Task | None:
    """The task model of a definition.

    Returns:
        The model, or None when ``problems`` has errors that leave nothing to go on with.
    """
    body: object = source.value
    if not isinstance(body, dict):
        problems.error("", f"A task is an object with at least 'name' and 'main'; this is {kind_of(body)}")
        return None
    task = cast("dict[str, Any]", body)
    name = _text(task, "name", problems, required=True, longest=255)
    _canonical_name(task, problems)
    _text(task, "description", problems, longest=16_000)
    _object(task, "metadata", problems)
    input_schema = _object(task, "input_schema", problems)
    if input_schema:
        _check_schema(input_schema, problems)
    inherit = task.get("inherit_tools", False)
    if not isinstance(inherit, bool):
        problems.error("inherit_tools", f"must be true or false; it is {kind_of(inherit)}")
        inherit = False
    tools = _tools(task.get("tools"), problems)
    workflows = _workflows(task, problems)
    return Task(name or "", workflows, tools, inherit, input_schema)


def _workflows(task: dict[str, Any], problems: Problems) -> Mapping[str, tuple[Step, ...]]:
    workflows: dict[str, tuple[Step, ...]] = {}
    if "main" not in task:
        near = did_you_mean("main", [key for key in task if key not in TASK_KEYS])
        problems.error(
            "main", "is missing: a task starts with the steps of 'main'", near if near and "Did" in near else None
        )
    for key in ("main", *(key for key in task if key not in TASK_KEYS | READ_ONLY_KEYS)):
        if key not in task:
            continue
        value = task[key]
        if not isinstance(value, list) or not value:
            hint = did_you_mean(key, TASK_KEYS)
            hint = hint if hint and hint.startswith("Did") else "A sub-workflow is a list of at least one step"
            what = "an empty list" if value == [] else kind_of(value)
            problems.error(key, f"must be a list of at least one step; it is {what}", None if key == "main" else hint)
            continue
        if not _IDENTIFIER.fullmatch(key) and not re.fullmatch(r"[\w .-]{1,120}", key):
            problems.error(key, "is no name for a workflow: use letters, digits, '_', '-', '.' and spaces, at most 120")
            continue
        workflows[key] = parse_steps(cast("list[Any]", value), key, problems)
    return workflows


def _tools(value: object, problems: Problems) -> Mapping[str, dict[str, Any]]:
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
        name, kind = spec.get("name"), spec.get("type")
        if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
            problems.error(f"{loc}.name", "must be a name of letters, digits and '_' that doesn't start with a digit")
            continue
        if kind not in TOOL_TYPES:
            msg = "is missing" if kind is None else f"is {kind!r}, which is no type of tool"
            problems.error(f"{loc}.type", msg, did_you_mean(str(kind or ""), TOOL_TYPES))
        elif kind != "function" and not isinstance(spec.get(kind), dict):
            problems.error(
                f"{loc}.{kind}", f"is missing: a tool of type {kind!r} is described by an object of that name"
            )
        elif kind == "function" and not isinstance(spec.get("function", {}), dict | None):
            problems.error(f"{loc}.function", f"must be an object; it is {kind_of(spec['function'])}")
        if name in tools:
            problems.error(f"{loc}.name", f"{name!r} is the name of an earlier tool of this task; names must differ")
        tools[name] = spec
    return tools


def _check_schema(schema: dict[str, Any], problems: Problems) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        problems.error(f"input_schema{path}", f"is no valid JSON Schema: {error.message[:300]}")


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
