"""Reading a task's text: JSON or YAML in, a JSON value and the line of every part out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from silvercup.errors import InvalidRequest, Problem, TooLarge

MAX_BYTES = 1_000_000
"""The largest task definition, in bytes of its text."""
MAX_NODES = 100_000
"""The most values that a YAML text may stand for; each use of an alias counts in full."""
MAX_DEPTH = 100
"""The deepest nesting of a task definition."""
_LONGEST_PATH = 400
"""Paths longer than this have no line of their own, but that of a part above them."""

_MOST_WARNINGS = 100

_TAG = "tag:yaml.org,2002:"
_KEPT_AS_TEXT = frozenset(_TAG + name for name in ("timestamp", "binary", "merge", "value"))
_YAML_HINTS = {
    "mapping values are not allowed": "A text that holds ': ' needs quotes, or '|' and a line of its own",
    "cannot start any token": "YAML is indented with spaces, not tabs; a text that begins with @, ` or % needs quotes",
    "did not find expected key": "Check the indentation of this line, and of the one before it",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A task definition as it was sent.

    Attributes:
        value: Its JSON value.
        lines: Path (``main[3].then.prompt``) to line, counted from 1; empty for JSON.
        warnings: Keys that YAML has twice.
    """

    value: Any
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    warnings: tuple[Problem, ...] = ()

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
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise _unreadable("JSON", f"{error.msg} at line {error.lineno}, column {error.colno}", error.lineno) from None
    except RecursionError:
        raise _unreadable("JSON", _TOO_DEEP) from None
    except ValueError as error:
        raise _unreadable("JSON", _TOO_LONG if "digits" in str(error) else str(error)) from None
    _check_depth(value)
    return Source(value)


def read_yaml(body: bytes) -> Source:
    """Read a YAML text (one document; dates stay text; keys are always text).

    Raises:
        InvalidRequest: It is not YAML; says where.
        TooLarge: It is longer than ``MAX_BYTES``, or stands for more than ``MAX_NODES`` values.
    """
    import yaml

    text = _text(body)
    loader_class: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = loader_class(text)
    try:
        _check_events(yaml, loader_class, text)
        node = loader.get_single_node()
        if node is None:
            return Source(None)
        reader = _Reader(yaml, loader)
        value = reader.read(node, "", 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = str(error.problem or error.context)
        hint = next((hint for part, hint in _YAML_HINTS.items() if part in reason), None)
        raise _unreadable("YAML", f"{reason}{where}", mark.line + 1 if mark else None, hint) from None
    except _UnreadableLine as error:
        raise _unreadable("YAML", f"{error} at line {error.line}", error.line) from None
    except yaml.YAMLError as error:
        raise _unreadable("YAML", " ".join(str(error).split())) from None
    finally:
        loader.dispose()
    return Source(value, reader.lines, tuple(reader.warnings))


class _UnreadableLine(Exception):
    """What can't be read, and on which line it stands."""

    def __init__(self, reason: str, node: Any) -> None:
        super().__init__(reason)
        self.line: int = node.start_mark.line + 1


def _check_events(yaml: Any, loader_class: type[Any], text: str) -> None:
    """Refuse what the composer, which recurses (in C: without a guard), must not see."""
    depth = 0
    documents = 0
    for event in yaml.parse(text, Loader=loader_class):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH + 1:
                raise _UnreadableLine(_TOO_DEEP, event)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _UnreadableLine("it holds a second document; a task is one", event)


class _Reader:
    """Builds the value of a YAML node graph, counting every use of an alias.

    Attributes:
        lines: The line of every path.
        warnings: Keys that stand twice in one mapping.
    """

    def __init__(self, yaml: Any, loader: Any) -> None:
        self._yaml = yaml
        self._loader = loader
        self._count = 0
        self.lines: dict[str, int] = {}
        self.warnings: list[Problem] = []

    def read(self, node: Any, path: str | None, depth: int) -> Any:
        self._spend(1)
        if depth > MAX_DEPTH:
            raise _UnreadableLine(_TOO_DEEP, node)
        if path is not None:
            self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, self._yaml.SequenceNode):
            return [self.read(item, _longer(path, f"[{i}]"), depth + 1) for i, item in enumerate(node.value)]
        if isinstance(node, self._yaml.MappingNode):
            return self._mapping(node, path, depth)
        return self._scalar(node)

    def _spend(self, values: int) -> None:
        self._count += values
        if self._count > MAX_NODES:
            raise TooLarge(f"The YAML stands for more than {MAX_NODES:,} values (aliases are counted each time)")

    def _scalar(self, node: Any) -> Any:
        if node.tag in _KEPT_AS_TEXT:
            return node.value
        try:
            value = self._loader.construct_object(node)
        except ValueError:
            shown = node.value if len(node.value) <= 40 else f"{node.value[:40]}…"
            raise _UnreadableLine(f"{shown!r} can't be read as {node.tag.removeprefix(_TAG)}", node) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise _UnreadableLine(f"JSON has no number for {node.value}", node)
        return value

    def _mapping(self, node: Any, path: str | None, depth: int) -> dict[str, Any]:
        merged, own = self._pairs(node, depth)
        result: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for i, (key_node, value_node) in enumerate(merged + own):
            if not isinstance(key_node, self._yaml.ScalarNode):
                raise _UnreadableLine("there is a key that is not plain text", key_node)
            key, line = key_node.value, key_node.start_mark.line + 1
            inner = _longer(path, f".{key}" if path else key)
            if inner is not None:
                self.lines[inner] = line
            if i >= len(merged):
                if key in seen and len(self.warnings) < _MOST_WARNINGS:
                    msg = f"stands here twice, first on line {seen[key]}; the last one counts"
                    self.warnings.append(Problem(inner or "", msg, line))
                seen[key] = line
            result[key] = self.read(value_node, inner, depth + 1)
        return result

    def _pairs(self, node: Any, depth: int) -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]]:
        """The pairs that a mapping takes over by merge keys (later ones win), and its own."""
        if depth > MAX_DEPTH:
            raise _UnreadableLine(_TOO_DEEP, node)
        merged: list[tuple[Any, Any]] = []
        own: list[tuple[Any, Any]] = []
        for key, value in node.value:
            if key.tag != f"{_TAG}merge":
                own.append((key, value))
                continue
            sources = value.value[::-1] if isinstance(value, self._yaml.SequenceNode) else [value]
            for source in sources:
                if not isinstance(source, self._yaml.MappingNode):
                    raise _UnreadableLine("'<<' takes a mapping or a list of mappings", source)
                above, theirs = self._pairs(source, depth + 1)
                merged += above + theirs
                self._spend(len(above) + len(theirs) + 1)
        return merged, own


def _longer(path: str | None, part: str) -> str | None:
    return None if path is None or len(path) + len(part) > _LONGEST_PATH else path + part


def _text(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise TooLarge(f"A task definition is at most {MAX_BYTES:,} bytes; this one is {len(body):,}")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not UTF-8 text: byte {error.start} can't be read") from None


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    raise _unreadable("JSON", _TOO_DEEP)


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"
_TOO_LONG = "it holds a whole number of more than 4,300 digits"


def _unreadable(kind: str, reason: str, line: int | None = None, hint: str | None = None) -> InvalidRequest:
    return InvalidRequest(f"The body is not valid {kind}: {reason}", [Problem("", reason, line, hint)])
