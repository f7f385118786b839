"""Prompt steps of a definition to the task model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from silvercup.tool_types import CHOICES
from silvercup.values import kind_of
from statemachines import task as model
from statemachines.problems import Problems, did_you_mean, shown


def parse_prompt(step: Mapping[str, Any], loc: str, label: str | None, problems: Problems, _: int) -> model.Prompt:
    """A prompt step."""
    prompt: object = step["prompt"]
    if isinstance(prompt, list):
        _check_messages(cast("list[object]", prompt), f"{loc}.prompt", problems)
    elif not isinstance(prompt, str) or not prompt.strip():
        what = "blank" if isinstance(prompt, str) and prompt else kind_of(prompt)
        hint = "Put '- ' before the message, which makes it a list" if isinstance(prompt, dict) and prompt else None
        problems.error(f"{loc}.prompt", f"must be a text or a list of messages; it is {what}", hint)
    for flag in ("unwrap", "auto_run_tools", "disable_cache"):
        if not isinstance(step.get(flag), bool | None):
            problems.error(f"{loc}.{flag}", f"must be true or false; it is {kind_of(step[flag])}")
    settings: object = step.get("settings")
    if settings is not None and not isinstance(settings, dict):
        problems.error(f"{loc}.settings", f"must be an object; it is {kind_of(settings)}")
        settings = None
    _check_model(cast("dict[str, Any]", settings or {}), loc, problems)
    return model.Prompt(
        loc,
        label,
        prompt,
        cast("dict[str, Any]", settings or {}),
        bool(step.get("unwrap")),
        _tools(step.get("tools"), f"{loc}.tools", problems),
        _tool_choice(step.get("tool_choice"), f"{loc}.tool_choice", problems),
        step.get("auto_run_tools") is True,
    )


def _tools(value: object, loc: str, problems: Problems) -> tuple[Any, ...] | None:
    if value is None or value == "all":
        return None
    if not isinstance(value, list):
        problems.error(loc, f"must be 'all' or a list of tools; it is {shown(value)}")
        return None
    found: list[Any] = []
    for i, tool in enumerate(cast("list[object]", value)):
        named = _named(tool)
        if named is None:
            problems.error(f"{loc}[{i}]", f"must be the name of a tool, or a tool; it is {kind_of(tool)}")
        found.append(named)
    return tuple(found)


def _named(tool: object) -> str | dict[str, Any] | None:
    """The name of a tool, which may stand in ``{ref: {name}}``, or a definition; None where it is neither."""
    if not isinstance(tool, dict):
        return tool if isinstance(tool, str) else None
    definition = cast("dict[str, Any]", tool)
    if "ref" not in definition:
        return definition
    ref: Any = definition["ref"]
    name: Any = cast("dict[str, Any]", ref).get("name") if isinstance(ref, dict) else ref
    return name if isinstance(name, str) else None


def _tool_choice(value: object, loc: str, problems: Problems) -> Any:
    if value is None or isinstance(value, dict):
        return cast("Any", value)
    if isinstance(value, str) and (value in CHOICES or value.strip().startswith("$ ")):
        return value
    problems.error(loc, f"must be one of {', '.join(CHOICES)}, or {{function: {{name: …}}}}; it is {shown(value)}")
    return None


def _check_model(settings: Mapping[str, Any], loc: str, problems: Problems) -> None:
    name: object = settings.get("model")
    if not isinstance(name, str | None):
        problems.error(f"{loc}.settings.model", f"must be a string; it is {kind_of(name)}")


def _check_messages(messages: list[object], loc: str, problems: Problems) -> None:
    if not messages:
        problems.error(loc, "must be a text or a list of at least one message; it is an empty list")
    roles = ("user", "assistant", "system", "tool")
    for i, raw in enumerate(messages):
        where = f"{loc}[{i}]"
        if not isinstance(raw, dict):
            problems.error(where, f"must be an object with 'role' and 'content'; it is {kind_of(raw)}")
            continue
        message = cast("dict[str, Any]", raw)
        role = message.get("role")
        if not isinstance(role, str):
            problems.error(
                f"{where}.role", "is missing" if role is None else f"must be a string; it is {kind_of(role)}"
            )
        elif role not in roles and "$ " not in role and "{" not in role:
            problems.error(f"{where}.role", f"{role!r} is no role", did_you_mean(role, roles))
        content: object = message.get("content")
        if "content" not in message:
            problems.error(f"{where}.content", "is missing")
        elif isinstance(content, bool | int | float):
            problems.error(f"{where}.content", f"must be a text or a list of parts; it is {kind_of(content)}")
