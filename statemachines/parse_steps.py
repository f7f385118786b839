"""Steps of a definition to the task model; one small function a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from statemachines import task as model
from statemachines.problems import Problems, did_you_mean, kind_of

_COMMON_KEYS = frozenset({"label", "kind_"})
_BY_KEY = {step.key: step for step in model.STEPS}
_ALL_KEYS = frozenset(_BY_KEY) | frozenset(model.LATER)
_LONGEST = {"seconds": 60, "minutes": 60, "hours": 24, "days": 30}
_IN_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
MAX_NESTING = 30
"""How deep if and switch may stand in each other."""

type Raw = Mapping[str, Any]


def parse_steps(value: list[Any], loc: str, problems: Problems, depth: int = 0) -> tuple[model.Step, ...]:
    """The steps of a list; those that can't be read are left out and noted in ``problems``."""
    steps = (parse_step(raw, f"{loc}[{i}]", problems, depth) for i, raw in enumerate(value))
    return tuple(step for step in steps if step is not None)


def parse_step(raw: object, loc: str, problems: Problems, depth: int = 0) -> model.Step | None:
    """One step, or None when it can't be read."""
    if not isinstance(raw, dict):
        problems.error(loc, f"A step is an object such as {{evaluate: …}}; this is {kind_of(raw)}")
        return None
    step = cast("dict[str, Any]", raw)
    kinds = [key for key in step if key in _ALL_KEYS]
    if "over" in kinds and "map" in kinds:
        kinds.remove("map")
    if not kinds:
        unknown = [key for key in step if key not in _COMMON_KEYS]
        named = f"has {', '.join(map(repr, unknown))}, which is no kind of step" if unknown else "has no kind of step"
        problems.error(loc, named, did_you_mean(unknown[0] if unknown else "", _ALL_KEYS))
        return None
    if len(kinds) > 1:
        problems.error(
            loc, f"is {' and '.join(map(repr, kinds))} at once; one step is of one kind", "Make two steps of it"
        )
        return None
    key = kinds[0]
    if key in model.LATER:
        problems.error(f"{loc}.{key}", f"{model.LATER[key]} steps are not available in this version")
        return None
    known = _COMMON_KEYS | _BY_KEY[key].options | {key}
    for extra in step:
        if extra not in known:
            hint = did_you_mean(extra, known - {"kind_"})
            problems.warn(f"{loc}.{extra}", f"is not known on a {key!r} step and has no effect", hint)
    return _PARSERS[key](step, loc, _label(step, loc, problems), problems, depth)


def _label(step: Raw, loc: str, problems: Problems) -> str | None:
    label = step.get("label")
    if label is None:
        return None
    if not isinstance(label, str) or not 1 <= len(label) <= 120 or label.isdecimal():
        problems.error(f"{loc}.label", "must be a string of 1 to 120 characters that is not a number")
        return None
    return label


def _branch(value: object, loc: str, problems: Problems, depth: int) -> tuple[model.Step, ...]:
    if depth >= MAX_NESTING:
        problems.error(loc, f"is nested more than {MAX_NESTING} levels deep", "Move the inner steps to a sub-workflow")
        return ()
    if isinstance(value, list):
        if not value:
            problems.error(loc, "must be a step or a list of at least one; it is an empty list")
        return parse_steps(cast("list[Any]", value), loc, problems, depth + 1)
    step = parse_step(value, loc, problems, depth + 1)
    return () if step is None else (step,)


def _values(step: Raw, key: str, loc: str, problems: Problems) -> dict[str, Any] | None:
    value: object = step[key]
    if isinstance(value, dict) and value:
        return cast("dict[str, Any]", value)
    what = "an empty object" if value == {} else kind_of(value)
    problems.error(f"{loc}.{key}", f"must be an object of names and values; it is {what}")
    return None


def _string(step: Raw, key: str, loc: str, problems: Problems) -> str | None:
    value = step[key]
    if isinstance(value, str):
        return value
    problems.error(f"{loc}.{key}", f"must be a string; it is {kind_of(value)}")
    return None


def _evaluate(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    values = _values(step, "evaluate", loc, problems)
    return None if values is None else model.Evaluate(loc, label, values)


def _set(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    values = _values(step, "set", loc, problems)
    return None if values is None else model.Set(loc, label, values)


def _get(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    value: object = step["get"]
    if isinstance(value, list) and value and all(isinstance(name, str) for name in cast("list[object]", value)):
        return model.Get(loc, label, tuple(cast("list[str]", value)))
    name = _string(step, "get", loc, problems)
    return None if name is None else model.Get(loc, label, name)


def _log(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    text = _string(step, "log", loc, problems)
    return None if text is None else model.Log(loc, label, text)


def _return(step: Raw, loc: str, label: str | None, _: Problems, __: int) -> model.Step | None:
    return model.Return(loc, label, step["return"])


def _error(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    message = _string(step, "error", loc, problems)
    return None if message is None else model.Error(loc, label, message)


def _sleep(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    spec = _values(step, "sleep", loc, problems)
    if spec is None:
        return None
    total, good = 0, True
    for unit, amount in spec.items():
        where = f"{loc}.sleep.{unit}"
        if unit not in _LONGEST:
            problems.error(where, "is no unit of time", did_you_mean(unit, _LONGEST))
            good = False
        elif amount is None:
            continue
        elif isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= _LONGEST[unit]:
            problems.error(where, f"must be a whole number from 0 to {_LONGEST[unit]}; it is {amount!r}")
            good = False
        else:
            total += amount * _IN_SECONDS[unit]
    if good and total == 0:
        problems.error(f"{loc}.sleep", "must be longer than nothing")
        good = False
    return model.Sleep(loc, label, total) if good else None


def _if(step: Raw, loc: str, label: str | None, problems: Problems, depth: int) -> model.Step | None:
    if not isinstance(step["if"], str | bool):
        problems.error(f"{loc}.if", f"must be an expression; it is {kind_of(step['if'])}")
    if step.get("then") is None:
        problems.error(f"{loc}.then", "is missing: what is to run when the condition holds?")
        return None
    then = _branch(step["then"], f"{loc}.then", problems, depth)
    orelse = None if step.get("else") is None else _branch(step["else"], f"{loc}.else", problems, depth)
    return model.If(loc, label, step["if"], then, orelse)


def _switch(step: Raw, loc: str, label: str | None, problems: Problems, depth: int) -> model.Step | None:
    value: object = step["switch"]
    if not isinstance(value, list) or not value:
        problems.error(f"{loc}.switch", "must be a list of at least one {case: …, then: …}")
        return None
    cases: list[model.Case] = []
    for i, raw in enumerate(cast("list[object]", value)):
        where = f"{loc}.switch[{i}]"
        case = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        if case.get("then") is None or not isinstance(case.get("case"), str | bool):
            problems.error(where, "must be an object with 'case' (an expression, or _ for the default) and 'then'")
            continue
        for extra in case.keys() - {"case", "then"}:
            problems.warn(
                f"{where}.{extra}", "is not known in a case and has no effect", did_you_mean(extra, ("case", "then"))
            )
        if cases and cases[-1].condition is None:
            problems.error(where, "comes after the default case and can't be reached")
        condition = None if isinstance(case["case"], str) and case["case"].strip() == "_" else case["case"]
        cases.append(model.Case(condition, _branch(case["then"], f"{where}.then", problems, depth)))
    return model.Switch(loc, label, tuple(cases))


def _prompt(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    prompt: object = step["prompt"]
    if isinstance(prompt, list):
        _check_messages(cast("list[object]", prompt), f"{loc}.prompt", problems)
    elif not isinstance(prompt, str) or not prompt.strip():
        problems.error(f"{loc}.prompt", "must be a text or a list of messages")
    for flag in ("unwrap", "auto_run_tools", "disable_cache"):
        if not isinstance(step.get(flag), bool | None):
            problems.error(f"{loc}.{flag}", f"must be true or false; it is {kind_of(step[flag])}")
    settings: object = step.get("settings")
    if settings is not None and not isinstance(settings, dict):
        problems.error(f"{loc}.settings", f"must be an object; it is {kind_of(settings)}")
        settings = None
    if step.get("auto_run_tools") or step.get("tools") not in (None, "all", []):
        where = "auto_run_tools" if step.get("auto_run_tools") else "tools"
        problems.error(f"{loc}.{where}", "prompts that use tools are not available in this version")
    return model.Prompt(loc, label, prompt, cast("dict[str, Any]", settings or {}), bool(step.get("unwrap")))


def _check_messages(messages: list[object], loc: str, problems: Problems) -> None:
    if not messages:
        problems.error(loc, "must hold at least one message")
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
            problems.error(f"{where}.role", f"is {role!r}, which is no role", did_you_mean(role, roles))
        if "content" not in message:
            problems.error(f"{where}.content", "is missing")


def _wait(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    spec = _values(step, "wait_for_input", loc, problems)
    if spec is None:
        return None
    if "info" not in spec:
        problems.error(f"{loc}.wait_for_input.info", "is missing: what should whoever answers be told?")
        return None
    for extra in spec.keys() - {"info"}:
        problems.warn(f"{loc}.wait_for_input.{extra}", "is not known and has no effect", did_you_mean(extra, ("info",)))
    return model.WaitForInput(loc, label, spec["info"])


def _arguments(step: Raw, loc: str, problems: Problems) -> Any:
    value = step.get("arguments")
    if value is None or (isinstance(value, str) and value.strip() == "_"):
        return "_"
    if isinstance(value, dict) or (isinstance(value, str) and value.strip().startswith("$ ")):
        return cast("Any", value)
    problems.error(f"{loc}.arguments", f"must be an object, or _ for the input of the step; it is {kind_of(value)}")
    return "_"


def _tool(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    name = _string(step, "tool", loc, problems)
    arguments = _arguments(step, loc, problems)
    return None if name is None else model.ToolCall(loc, label, name, arguments)


def _call(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    name = _string(step, "workflow", loc, problems)
    arguments = _arguments(step, loc, problems)
    return None if name is None else model.Call(loc, label, name, arguments)


_PARSERS: dict[str, Callable[[Raw, str, str | None, Problems, int], model.Step | None]] = {
    "evaluate": _evaluate,
    "set": _set,
    "get": _get,
    "log": _log,
    "return": _return,
    "error": _error,
    "sleep": _sleep,
    "if": _if,
    "switch": _switch,
    "prompt": _prompt,
    "wait_for_input": _wait,
    "tool": _tool,
    "workflow": _call,
}
