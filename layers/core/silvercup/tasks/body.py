"""A task's body as it is kept and shown: as it was sent, each step with its ``kind_``."""

from __future__ import annotations

from typing import Any, cast

from silvercup.values import JsonObject
from statemachines.parse import READ_ONLY_KEYS, TASK_KEYS
from statemachines.task import STEPS

_KINDS = [(step.key, step.kind) for step in STEPS]
_BRANCHES = ("then", "else", "map")


def kept(body: JsonObject) -> JsonObject:
    """The body to keep: read-only fields gone, defaults filled in, every step with its kind."""
    result = {key: value for key, value in body.items() if key not in READ_ONLY_KEYS}
    for key, value in result.items():
        if key == "main" or key not in TASK_KEYS:
            result[key] = [_with_kind(step) for step in value]
    defaults: JsonObject = {
        "description": "",
        "input_schema": {},
        "tools": [],
        "inherit_tools": False,
        "metadata": {},
    }
    return {**defaults, **{key: value for key, value in result.items() if value is not None}}


def patched(body: JsonObject, changes: Any) -> Any:
    """A kept body with changes: keys replace, ``metadata`` is merged, null takes a sub-workflow away and leaves other keys as they are."""
    if not isinstance(changes, dict):
        return changes
    result = dict(body)
    for key, value in cast("JsonObject", changes).items():
        if key in READ_ONLY_KEYS:
            continue
        if value is None:
            if key not in TASK_KEYS:
                result.pop(key, None)
        elif key == "metadata" and isinstance(value, dict):
            result[key] = {**body["metadata"], **value}
        else:
            result[key] = value
    return result


def _with_kind(step: JsonObject) -> JsonObject:
    kind = next((kind for key, kind in _KINDS if key in step), None)
    result = {**step, "kind_": kind}
    for key in _BRANCHES:
        if step.get(key) is not None:
            result[key] = _branch(step[key])
    if "switch" in step:
        result["switch"] = [{**case, "then": _branch(case["then"])} for case in step["switch"]]
    if "foreach" in step:
        result["foreach"] = {**step["foreach"], "do": _branch(step["foreach"]["do"])}
    if "parallel" in step:
        result["parallel"] = [_branch(branch) for branch in step["parallel"]]
    return result


def _branch(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_kind(step) for step in cast("list[JsonObject]", value)]
    return _with_kind(cast("JsonObject", value))
