"""Loops and branches side by side of a definition to the task model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from silvercup.values import kind_of
from statemachines import task as model
from statemachines.problems import Problems, did_you_mean, shown

MAX_PARALLELISM = 100
"""Items or branches that run at once, as in v1."""


type Raw = Mapping[str, Any]
type ParseBranch = Callable[[object, str, Problems, int], tuple[model.Step, ...]]
"""Reads what runs inside a step."""


def parse_foreach(
    step: Raw, loc: str, label: str | None, problems: Problems, depth: int, inside: ParseBranch
) -> model.Step | None:
    """A foreach step."""
    value: object = step["foreach"]
    if not isinstance(value, dict) or not value:
        msg = (
            f"must be an object such as {{in: $ _.items, do: {{evaluate: …}}}}; it is {kind_of(cast('object', value))}"
        )
        problems.error(f"{loc}.foreach", msg)
        return None
    spec = cast("dict[str, Any]", value)
    for extra in spec.keys() - {"in", "do"}:
        hint = did_you_mean(extra, ("in", "do"))
        problems.warn(f"{loc}.foreach.{extra}", "has no effect: 'foreach' has no such key", hint)
    items = _items(spec, "in", f"{loc}.foreach", problems)
    if spec.get("do") is None:
        problems.error(f"{loc}.foreach.do", "is missing: what is to run for each item?")
        return None
    return model.ForEach(loc, label, items, inside(spec["do"], f"{loc}.foreach.do", problems, depth))


def parse_over(
    step: Raw, loc: str, label: str | None, problems: Problems, depth: int, inside: ParseBranch
) -> model.Step | None:
    """A map_reduce step."""
    items = _items(step, "over", loc, problems)
    parallelism = step.get("parallelism")
    if parallelism is None:
        parallelism = MAX_PARALLELISM
    elif isinstance(parallelism, bool) or not isinstance(parallelism, int) or not 1 <= parallelism <= MAX_PARALLELISM:
        what = shown(cast("object", parallelism))
        problems.error(f"{loc}.parallelism", f"must be a whole number from 1 to {MAX_PARALLELISM}; it is {what}")
        parallelism = 1
    reduce: object = step.get("reduce")
    if not isinstance(reduce, str | None) or (isinstance(reduce, str) and not reduce.strip()):
        problems.error(f"{loc}.reduce", f"must be an expression such as $ results + [_]; it is {kind_of(reduce)}")
        reduce = None
    if reduce is not None and not reduce.strip().startswith("$ "):
        reduce = f"$ {reduce.strip()}"
    if step.get("map") is None:
        problems.error(f"{loc}.map", "is missing: what is to run for each item?")
        return None
    body = inside(step["map"], f"{loc}.map", problems, depth)
    initial: Any = step.get("initial")
    return model.MapReduce(loc, label, items, body, reduce, [] if initial is None else initial, parallelism)


def _items(spec: Raw, key: str, loc: str, problems: Problems) -> Any:
    items: object = spec.get(key)
    if items is None:
        problems.error(f"{loc}.{key}", "is missing: over which items?")
    elif not isinstance(items, str | list | dict):
        problems.error(f"{loc}.{key}", f"must be an expression for a list, such as $ _.items; it is {kind_of(items)}")
    return cast("Any", items)


def parse_parallel(
    step: Raw, loc: str, label: str | None, problems: Problems, depth: int, inside: ParseBranch
) -> model.Step | None:
    """A parallel step."""
    value: object = step["parallel"]
    if not isinstance(value, list) or not value:
        problems.error(
            f"{loc}.parallel", f"must be a list of at least one step; it is {kind_of(cast('object', value))}"
        )
        return None
    branches = cast("list[object]", value)
    if len(branches) > MAX_PARALLELISM:
        hint = "Use 'over' and 'map' for many of the same"
        problems.error(f"{loc}.parallel", f"has {len(branches)} branches; at most {MAX_PARALLELISM} can be", hint)
        return None
    parsed = (inside(branch, f"{loc}.parallel[{i}]", problems, depth) for i, branch in enumerate(branches))
    return model.Parallel(loc, label, tuple(parsed))
