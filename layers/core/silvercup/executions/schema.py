"""Checking an execution's input against the task's JSON Schema, without network and without slow regexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, cast

from silvercup import values
from silvercup.errors import InvalidInput, Problem

_MOST_PROBLEMS = 50


def check_input(schema: dict[str, Any] | None, value: Any) -> None:
    """Check an input.

    Raises:
        InvalidInput: It breaks the schema; names the fields.
    """
    if not schema:
        return
    problems = problems_of(schema, value)
    if problems:
        first = problems[0]
        raise InvalidInput(f"Invalid request arguments schema: {first.loc}: {first.msg}", problems)


def problems_of(
    schema: dict[str, Any], value: Any, at: str = "input", *, is_open: Callable[[object], bool] | None = None
) -> list[Problem]:
    """What of a value breaks a schema, at most 50 problems.

    Args:
        schema: JSON Schema; one that is none raises whatever it happens to.
        value: The value.
        at: What the value is called.
        is_open: Says of a part of it that it fits every schema.
    """
    from referencing.exceptions import Unresolvable

    problems: list[Problem] = []
    try:
        for error in _validator(values.dumps(schema), is_open).iter_errors(value):
            loc = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
            problems.append(Problem(f"{at}{loc}", str(error.message)[:500]))
            if len(problems) == _MOST_PROBLEMS:
                break
    except RecursionError:
        problems.append(Problem(at, "can't be checked: it is nested too deeply, or the schema refers to itself"))
    except Unresolvable as error:
        problems.append(Problem(at, f"can't be checked: a $ref of the schema leads nowhere: {error.ref[:200]!r}"))
    return problems


@lru_cache(maxsize=128)
def _validator(schema_text: str, is_open: Callable[[object], bool] | None = None) -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators
    from referencing import Registry

    def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        import re2

        if isinstance(instance, str) and re2.search(wanted, instance) is None:
            yield ValidationError(f"{instance[:100]!r} does not match {wanted[:100]!r}")

    def pattern_properties(
        validator: Any, patterns: dict[str, Any], instance: Any, __: Any
    ) -> Iterator[ValidationError]:
        import re2

        if isinstance(instance, dict):
            for wanted, subschema in patterns.items():
                for name, item in instance.items():  # pyright: ignore[reportUnknownVariableType]
                    if re2.search(wanted, str(name)) is not None:  # pyright: ignore[reportUnknownArgumentType]
                        yield from validator.descend(item, subschema, path=name, schema_path=wanted)

    extend = cast("Any", validators).extend
    linear: Any = extend(Draft202012Validator, {"pattern": pattern, "patternProperties": pattern_properties})
    if is_open is not None:
        linear = extend(linear, {name: _unless(is_open, check) for name, check in linear.VALIDATORS.items()})
    return linear(values.loads(schema_text), registry=cast("Any", Registry)())


def _unless(is_open: Callable[[object], bool], check: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """A keyword that has nothing against what is open."""

    def checked(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not is_open(instance):
            yield from check(validator, wanted, instance, schema) or ()

    return checked
