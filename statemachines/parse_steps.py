"""Steps of a definition to the task model; one small function a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from silvercup.values import kind_of
from statemachines import task as model
from statemachines.parse_loops import parse_foreach, parse_over, parse_parallel
from statemachines.parse_prompt import parse_prompt
from statemachines.problems import Problems, did_you_mean, nearest, shown

_COMMON_KEYS = frozenset({"label", "kind_"})
_BY_KEY = {step.key: step for step in model.STEPS}
_ALL_KEYS = frozenset(_BY_KEY) | {"map"}
_OWNERS = {
    option: " or ".join(repr(step.key) for step in model.STEPS if option in step.options)
    for option in frozenset[str]().union(*(step.options for step in model.STEPS))
} | {"case": "'switch'", "do": "'foreach'", "in": "'foreach'"}
_LONGEST = {"seconds": 60, "minutes": 60, "hours": 24, "days": 30}
_IN_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
MAX_NESTING = 50
"""How deep steps with steps inside them may stand in each other."""
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
        _no_kind([key for key in step if key not in _COMMON_KEYS], loc, problems)
        return None
    if len(kinds) > 1:
        problems.error(
            loc, f"is {' and '.join(map(repr, kinds))} at once; a step is of one kind", f"Make {len(kinds)} steps of it"
        )
        return None
    key = kinds[0]
    if key == "map":
        hint = "Write over: and map: as keys of the same step: {over: $ _.items, map: {evaluate: …}}"
        problems.error(f"{loc}.over", "is missing: 'map' runs for each item of 'over'", hint)
        return None
    known = _COMMON_KEYS | _BY_KEY[key].options | {key}
    for extra in step:
        if extra not in known:
            hint = did_you_mean(extra, known - {"kind_"})
            if key == "prompt" and not nearest(extra, known):
                hint = "What is meant for the model goes into 'settings'"
            problems.warn(f"{loc}.{extra}", f"has no effect: {key!r} steps have no such key", hint)
    return _PARSERS[key](step, loc, _label(step, loc, problems), problems, depth)


def _no_kind(keys: list[str], loc: str, problems: Problems) -> None:
    if not keys:
        problems.error(loc, "names no kind of step", did_you_mean("", _BY_KEY))
        return
    near = next((found for found in (nearest(key, _ALL_KEYS) for key in keys) if found), None)
    option = next((key for key in keys if key in _OWNERS), None)
    if near:
        hint = f"Did you mean {near!r}?"
    elif option:
        hint = f"{option!r} belongs to a step with {_OWNERS[option]}; is it indented as that is?"
    else:
        hint = did_you_mean("", _BY_KEY)
    few = keys[:5]
    msg = (
        f"{few[0]!r} is no kind of step" if len(keys) == 1 else f"None of {', '.join(map(repr, few))} is a kind of step"
    )
    problems.error(loc, msg, hint)


def _label(step: Raw, loc: str, problems: Problems) -> str | None:
    label = step.get("label")
    if label is None:
        return None
    if not isinstance(label, str) or not 1 <= len(label) <= 120 or label.isdecimal():
        problems.error(
            f"{loc}.label",
            f"must be a string of 1 to 120 characters, not only digits; it is {shown(cast('object', label))}",
        )
        return None
    return label


def parse_branch(value: object, loc: str, problems: Problems, depth: int) -> tuple[model.Step, ...]:
    """What runs inside a step: one step or a list of them."""
    if depth >= MAX_NESTING:
        problems.error(loc, f"is nested more than {MAX_NESTING} levels deep", "Move the inner steps to a sub-workflow")
        return ()
    if isinstance(value, list):
        if not value:
            problems.error(loc, "must be a step or a list of at least one; it is an empty list")
        return parse_steps(cast("list[Any]", value), loc, problems, depth + 1)
    step = parse_step(value, loc, problems, depth + 1)
    return () if step is None else (step,)


def _values(step: Raw, key: str, loc: str, problems: Problems, like: str = "{x: $ _.y}") -> dict[str, Any] | None:
    value: object = step[key]
    if isinstance(value, dict) and value:
        return cast("dict[str, Any]", value)
    problems.error(f"{loc}.{key}", f"must be an object such as {like}; it is {kind_of(cast('object', value))}")
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
    if isinstance(value, str):
        return model.Get(loc, label, value)
    what = "a list of other things" if isinstance(value, list) and value else kind_of(cast("object", value))
    problems.error(f"{loc}.get", f"must be a name or a list of names; it is {what}")
    return None


def _log(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    text = _string(step, "log", loc, problems)
    return None if text is None else model.Log(loc, label, text)


def _return(step: Raw, loc: str, label: str | None, _: Problems, __: int) -> model.Step | None:
    return model.Return(loc, label, step["return"])


def _error(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    message = _string(step, "error", loc, problems)
    return None if message is None else model.Error(loc, label, message)


def _sleep(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    spec = _values(step, "sleep", loc, problems, "{minutes: 5}")
    if spec is None:
        return None
    total, good = 0, True
    for unit, amount in spec.items():
        where = f"{loc}.sleep.{unit}"
        if unit not in _LONGEST:
            problems.error(where, f"{unit!r} is no unit of time", did_you_mean(unit, _LONGEST))
            good = False
        elif amount is None:
            continue
        elif isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= _LONGEST[unit]:
            hint = "A sleep is not evaluated" if isinstance(amount, str) and amount.startswith("$ ") else None
            problems.error(where, f"must be a whole number from 0 to {_LONGEST[unit]}; it is {shown(amount)}", hint)
            good = False
        else:
            total += amount * _IN_SECONDS[unit]
    if good and total == 0:
        problems.error(f"{loc}.sleep", "must be longer than 0 seconds")
        good = False
    return model.Sleep(loc, label, total) if good else None


def _if(step: Raw, loc: str, label: str | None, problems: Problems, depth: int) -> model.Step | None:
    if not isinstance(step["if"], str | bool):
        problems.error(f"{loc}.if", f"must be an expression; it is {kind_of(step['if'])}")
    if step.get("then") is None:
        problems.error(f"{loc}.then", "is missing: what is to run when the condition holds?")
        return None
    then = parse_branch(step["then"], f"{loc}.then", problems, depth)
    orelse = None if step.get("else") is None else parse_branch(step["else"], f"{loc}.else", problems, depth)
    return model.If(loc, label, step["if"], then, orelse)


def _switch(step: Raw, loc: str, label: str | None, problems: Problems, depth: int) -> model.Step | None:
    value: object = step["switch"]
    if not isinstance(value, list) or not value:
        what = kind_of(cast("object", value))
        problems.error(f"{loc}.switch", f"must be a list of at least one {{case: …, then: …}}; it is {what}")
        return None
    cases: list[model.Case] = []
    for i, raw in enumerate(cast("list[object]", value)):
        case = _case(raw, f"{loc}.switch[{i}]", problems, depth)
        if case is None:
            continue
        if any(earlier.condition is None for earlier in cases):
            problems.error(f"{loc}.switch[{i}]", "comes after the default case, so it can't be reached")
        cases.append(case)
    return model.Switch(loc, label, tuple(cases))


def _case(raw: object, loc: str, problems: Problems, depth: int) -> model.Case | None:
    if not isinstance(raw, dict):
        problems.error(loc, f"must be an object such as {{case: …, then: …}}; it is {kind_of(raw)}")
        return None
    case = cast("dict[str, Any]", raw)
    condition: object = case.get("case")
    if condition is None:
        problems.error(f"{loc}.case", "is missing: an expression, or _ for the default")
    elif not isinstance(condition, str | bool):
        problems.error(f"{loc}.case", f"must be an expression, or _ for the default; it is {kind_of(condition)}")
    for extra in case.keys() - {"case", "then"}:
        hint = did_you_mean(extra, ("case", "then"))
        problems.warn(f"{loc}.{extra}", "has no effect: cases have no such key", hint)
    if case.get("then") is None:
        problems.error(f"{loc}.then", "is missing: what is to run in this case?")
        return None
    default = isinstance(condition, str) and condition.strip() == "_"
    return model.Case(None if default else condition, parse_branch(case["then"], f"{loc}.then", problems, depth))


def _wait(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    spec = _values(step, "wait_for_input", loc, problems, "{info: {question: …}}")
    if spec is None:
        return None
    if "info" not in spec:
        near = nearest("info", spec)
        hint = f"There is {near!r}; did you mean 'info'?" if near else "Write it as {info: {question: …}}"
        problems.error(f"{loc}.wait_for_input.info", "is missing: what is whoever answers to be told?", hint)
        return None
    for extra in spec.keys() - {"info"}:
        hint = "What whoever answers should be told goes into 'info'"
        problems.warn(f"{loc}.wait_for_input.{extra}", "has no effect: waits have no such key", hint)
    return model.WaitForInput(loc, label, spec["info"])


def _arguments(step: Raw, loc: str, problems: Problems) -> Any:
    value = step.get("arguments")
    if value is None or (isinstance(value, str) and value.strip() == "_"):
        return "_"
    if isinstance(value, dict) or (isinstance(value, str) and value.strip().startswith("$ ")):
        return cast("Any", value)
    msg = f"must be an object, an expression ('$ …'), or _ for the step's input; it is {shown(cast('object', value))}"
    problems.error(f"{loc}.arguments", msg)
    return "_"


def _tool(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    name = _string(step, "tool", loc, problems)
    arguments = _arguments(step, loc, problems)
    return None if name is None else model.ToolCall(loc, label, name, arguments)


def _call(step: Raw, loc: str, label: str | None, problems: Problems, _: int) -> model.Step | None:
    name = _string(step, "workflow", loc, problems)
    arguments = _arguments(step, loc, problems)
    return None if name is None else model.Call(loc, label, name, arguments)


def _foreach(step: Raw, loc: str, label: str | None, problems: Problems, depth: int) -> model.Step | None:
    return parse_foreach(step, loc, label, problems, depth, parse_branch)


def _over(step: Raw, loc: str, label: str | None, problems: Problems, depth: int) -> model.Step | None:
    return parse_over(step, loc, label, problems, depth, parse_branch)


def _parallel(step: Raw, loc: str, label: str | None, problems: Problems, depth: int) -> model.Step | None:
    return parse_parallel(step, loc, label, problems, depth, parse_branch)


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
    "prompt": parse_prompt,
    "wait_for_input": _wait,
    "tool": _tool,
    "workflow": _call,
    "foreach": _foreach,
    "over": _over,
    "parallel": _parallel,
}
