"""Checking an execution's input against the task's JSON Schema, without network and without slow regexes."""

from __future__ import annotations

from collections.abc import Iterator
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
    problems = _problems(schema, value)
    if problems:
        first = problems[0]
        raise InvalidInput(f"Invalid request arguments schema: {first.loc}: {first.msg}", problems)


def _problems(schema: dict[str, Any], value: Any) -> list[Problem]:
    from referencing.exceptions import Unresolvable

    problems: list[Problem] = []
    try:
        for error in _validator(values.dumps(schema)).iter_errors(value):
            loc = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
            problems.append(Problem(f"input{loc}", str(error.message)[:500]))
            if len(problems) == _MOST_PROBLEMS:
                break
    except RecursionError:
        problems.append(
            Problem("input", "can't be checked: it is nested too deeply, or the task's schema refers to itself")
        )
    except Unresolvable as error:
        problems.append(
            Problem("input", f"can't be checked: a $ref of the task's schema leads nowhere: {error.ref[:200]!r}")
        )
    return problems


@lru_cache(maxsize=128)
def _validator(schema_text: str) -> Any:
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
    return linear(values.loads(schema_text), registry=cast("Any", Registry)())
