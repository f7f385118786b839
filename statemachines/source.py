"""Reading a task's text: JSON or YAML in, a JSON value and the line of every part out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from silvercup.errors import InvalidRequest, Problem, TooLarge

MAX_BYTES = 1_000_000
"""The largest task definition, in bytes of its text."""
MAX_NODES = 100_000
"""The most values that a YAML text may stand for; each use of an alias counts in full."""
MAX_DEPTH = 100
"""The deepest nesting of a task definition."""


@dataclass(frozen=True, slots=True)
class Source:
    """A task definition as it was sent.

    Attributes:
        value: Its JSON value.
        lines: Path (``main[3].then.prompt``) to line, counted from 1; empty for JSON.
    """

    value: Any
    lines: Mapping[str, int] = field(default_factory=dict[str, int])

    def line(self, loc: str) -> int | None:
        """The line of a path, or of the nearest part above it that has one."""
        while loc:
            if loc in self.lines:
                return self.lines[loc]
            loc = loc[: max(loc.rfind("."), loc.rfind("["), 0)]
        return self.lines.get("")


def read_json(body: bytes) -> Source:
    """Read a JSON text.

    Raises:
        InvalidRequest: It is not JSON; says where.
        TooLarge: It is longer than ``MAX_BYTES``.
    """
    text = _text(body)
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _unreadable("JSON", f"{error.msg} at line {error.lineno}, column {error.colno}", error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise _unreadable("JSON", str(error) or "it is nested too deeply", None) from None
    _check_depth(value)
    return Source(value)


def read_yaml(body: bytes) -> Source:
    """Read a YAML text (one document; dates stay text; keys are always text).

    Raises:
        InvalidRequest: It is not YAML; says where.
        TooLarge: It is longer than ``MAX_BYTES``, or stands for more than ``MAX_NODES`` values.
    """
    import yaml

    loader_class: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = loader_class(_text(body))
    try:
        node = loader.get_single_node()
        if node is None:
            return Source(None)
        lines: dict[str, int] = {}
        value = _Reader(yaml, loader, lines).read(node, "", 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise _unreadable("YAML", f"{error.problem or error.context}{where}", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable("YAML", str(error) or "it is nested too deeply", None) from None
    finally:
        loader.dispose()
    return Source(value, lines)


class _Reader:
    """Builds the value of a YAML node graph, counting every use of an alias."""

    def __init__(self, yaml: Any, loader: Any, lines: dict[str, int]) -> None:
        self._yaml = yaml
        self._loader = loader
        self._lines = lines
        self._count = 0

    def read(self, node: Any, path: str, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise TooLarge(f"The YAML stands for more than {MAX_NODES:,} values (aliases are counted each time)")
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, self._yaml.SequenceNode):
            return [self.read(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(node.value)]
        if isinstance(node, self._yaml.MappingNode):
            self._loader.flatten_mapping(node)
            return self._mapping(node, path, depth)
        if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"):
            return node.value
        value = self._loader.construct_object(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"line {node.start_mark.line + 1} holds {node.value}, which JSON has no number for")
        return value

    def _mapping(self, node: Any, path: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, self._yaml.ScalarNode):
                raise ValueError(f"line {line} has a key that is not plain text")
            key = key_node.value
            inner = f"{path}.{key}" if path else key
            self._lines[inner] = line
            result[key] = self.read(value_node, inner, depth + 1)
        return result


def _text(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise TooLarge(f"A task definition is at most {MAX_BYTES:,} bytes; this one is {len(body):,}")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not UTF-8 text: byte {error.start} can't be read") from None


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _children(outer)]
        if not level:
            return
    raise _unreadable("JSON", f"it is nested more than {MAX_DEPTH} levels deep", None)


def _children(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _unreadable(kind: str, reason: str, line: int | None) -> InvalidRequest:
    return InvalidRequest(f"The body is not valid {kind}: {reason}", [Problem("", reason, line)])
