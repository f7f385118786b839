"""What can be said of one expression without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from silvercup.expressions.compiled import CONTEXT_NAMES
from silvercup.expressions.documents import UNAVAILABLE
from silvercup.expressions.evaluator import UNSUPPORTED
from silvercup.expressions.methods import ANY_METHOD, METHODS, PROPERTIES
from silvercup.expressions.modules import CONSTANTS, GLOBALS
from silvercup.expressions.syntax import COMPREHENSIONS, Bound, free_names, parse, walk
from silvercup.expressions.views import Function, Namespace, suggest


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one string.

    Attributes:
        message: What is wrong.
        hint: What would be right.
        error: Whether the expression can't work; a warning otherwise.
    """

    message: str
    hint: str | None = None
    error: bool = True


_HINTS: Final = {
    "print": "use a `log` step",
    "item": "the item of a loop is `_`",
    "execution_input": "the execution's input is `input`",
    "isinstance": "test the value itself, or use hasattr(x, 'name')",
    "filter": "write a comprehension: [x for x in xs if ...]",
    "type": "test the value itself, or use hasattr(x, 'name')",
    "none": "write None or null",
    "env": "environment variables are not reachable; use `secrets`",
    "push": "use append()",
    "trim": "use strip()",
    "length": "use len(x)",
    "toLowerCase": "use lower()",
    "toUpperCase": "use upper()",
    "includes": "write `x in xs`",
    "stringify": "use json.dumps(x)",
    "parse": "use json.loads(x)",
}
_RETURNS: Final = {
    "str": "str",
    "dump_json": "str",
    "dump_yaml": "str",
    "list": "list",
    "sorted": "list",
    "len": "int",
    "int": "int",
}
_NODES: Final = (
    ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.comprehension, ast.keyword, ast.Attribute, ast.BinOp,
    ast.BoolOp, ast.Call, ast.Compare, ast.Constant, ast.Dict, ast.DictComp, ast.FormattedValue, ast.GeneratorExp, ast.IfExp,
    ast.JoinedStr, ast.List, ast.ListComp, ast.Name, ast.Set, ast.Slice, ast.Starred, ast.Subscript, ast.Tuple, ast.UnaryOp,
)  # fmt: skip
_FIELD = re.compile(r"\{([^{}]{1,200})\}")


def inspect(tree: ast.expr, source: str, names: frozenset[str]) -> Iterator[Finding]:
    """Every problem of an expression, in no particular order but without repetitions."""
    seen: set[tuple[str, str | None]] = set()
    for node, bound in walk(tree):
        for finding in _of_node(node, bound, names):
            if (finding.message, finding.hint) not in seen:
                seen.add((finding.message, finding.hint))
                shown = " ".join(source.split())
                shown = shown if len(shown) <= 200 else shown[:200] + "..."
                yield Finding(f"{finding.message} in `{shown}`", finding.hint, finding.error)


def _of_node(node: ast.AST, bound: Bound, names: frozenset[str]) -> Iterator[Finding]:
    if isinstance(node, ast.arguments | ast.arg):
        return  # of a lambda, which is told already
    if type(node) in UNSUPPORTED:
        yield Finding(UNSUPPORTED[type(node)])
    elif not isinstance(node, _NODES) or isinstance(node, ast.MatMult):
        yield Finding(f"{type(node).__name__} is not supported in expressions")
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _name(node, bound, names)
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node, bound, names)
    elif isinstance(node, ast.Call):
        yield from _call(node, bound, names)
    elif isinstance(node, ast.BinOp):
        yield from _binop(node)
    elif isinstance(node, ast.Subscript):
        yield from _subscript(node)
    elif isinstance(node, COMPREHENSIONS):
        yield from _comprehension(node)
    elif isinstance(node, ast.JoinedStr):
        yield from _escaped(node, names)
    elif isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bytes | None):
        yield Finding(f"{node.value!r} is not supported in expressions")


def _name(node: ast.Name, bound: Bound, names: frozenset[str]) -> Iterator[Finding]:
    name = node.id
    if name in UNAVAILABLE and name not in bound:
        yield Finding(f"{name}() is not available in this version")
    elif name in bound or name in names or name in GLOBALS:
        return
    elif name in CONTEXT_NAMES:
        yield Finding(f"'{name}' is not available here", hint=f"There are: {', '.join(sorted(names))}")
    else:
        hint = _HINTS.get(name) or suggest(name, [*names, *GLOBALS, *bound])
        yield Finding(f"undefined name: '{name}'", hint=hint)


def _attribute(node: ast.Attribute, bound: Bound, names: frozenset[str]) -> Iterator[Finding]:
    name = node.attr
    if name.startswith("_"):
        yield Finding(f"attributes that begin with '_' can't be reached: '.{name}'", hint=f"For a key write ['{name}']")
        return
    module = _global(node.value, bound, names)
    if isinstance(module, Namespace):
        if name not in module.members:
            yield Finding(f"'{module.name}' has no '{name}'", hint=suggest(name, module.members) or _HINTS.get(name))
        return
    if isinstance(module, Function):
        yield Finding(f"'{module.name}' is a function and has no '{name}'")
        return
    kind = _type(node.value, bound, names)
    if kind is not None:
        there = {*METHODS[kind], *PROPERTIES.get(kind, ())}
        if name not in there or name == "format":
            hint = (
                "write an f-string: f'... {x} ...'"
                if name == "format"
                else _HINTS.get(name) or suggest(name, sorted(there))
            )
            yield Finding(f"a {kind} has no '{name}'", hint=hint)


def _global(node: ast.expr, bound: Bound, names: frozenset[str]) -> object:
    """The module, function or constant that an expression names, if it does."""
    if isinstance(node, ast.Name):
        free = node.id not in bound and node.id not in names
        return GLOBALS.get(node.id) if free else None
    if isinstance(node, ast.Attribute):
        owner = _global(node.value, bound, names)
        return owner.members.get(node.attr) if isinstance(owner, Namespace) else None
    return None


def _type(node: ast.expr, bound: Bound, names: frozenset[str]) -> str | None:
    """The type of an expression, where that is plain to see."""
    if isinstance(node, ast.Constant) and type(node.value).__name__ in METHODS:
        return type(node.value).__name__
    if isinstance(node, ast.JoinedStr):
        return "str"
    if isinstance(node, ast.List | ast.ListComp):
        return "list"
    if isinstance(node, ast.Name) and node.id == "NEWLINE" and node.id not in bound:
        return "str"
    if isinstance(node, ast.Call):
        function = _global(node.func, bound, names)
        return _RETURNS.get(function.name) if isinstance(function, Function) else None
    return None


def _call(node: ast.Call, bound: Bound, names: frozenset[str]) -> Iterator[Finding]:
    function = node.func
    if isinstance(function, ast.Name):
        called = _global(function, bound, names)
        if function.id not in bound and (function.id in CONSTANTS or _not_callable(called)):
            yield Finding(f"'{function.id}' is not a function")
        elif function.id in names and function.id not in bound:
            yield Finding(f"'{function.id}' is a variable, not a function", hint=suggest(function.id, GLOBALS))
        return
    if not isinstance(function, ast.Attribute):
        if not isinstance(function, ast.Lambda):
            yield Finding("only named functions and methods can be called")
        return
    called = _global(function, bound, names)
    if called is not None:
        if _not_callable(called):
            yield Finding(f"'{function.attr}' is not a function")
        return
    known_owner = isinstance(_global(function.value, bound, names), Namespace) or _type(function.value, bound, names)
    if known_owner or function.attr.startswith("_"):
        return
    if function.attr in {"format", "format_map"}:
        yield Finding(f"{function.attr}() is not available", hint="write an f-string: f'... {x} ...'")
    elif function.attr not in ANY_METHOD | _OBJECT_METHODS:
        hint = _HINTS.get(function.attr) or suggest(function.attr, ANY_METHOD)
        yield Finding(f"no type of value has a method '{function.attr}'", hint=hint, error=False)


def _not_callable(known: object) -> bool:
    return (isinstance(known, Namespace) and known.constructor is None) or not isinstance(
        known, Function | Namespace | None
    )


_OBJECT_METHODS: Final = frozenset(
    "group groups groupdict start end span writerow writerows writeheader getvalue sniff has_header".split()
)


def _binop(node: ast.BinOp) -> Iterator[Finding]:
    right = node.right
    divides = isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod)
    if divides and isinstance(right, ast.Constant) and isinstance(right.value, int | float) and not right.value:
        yield Finding("division by zero", error=False)


def _subscript(node: ast.Subscript) -> Iterator[Finding]:
    value, key = node.value, node.slice
    if (
        not isinstance(value, ast.List | ast.Tuple)
        or not isinstance(key, ast.Constant)
        or not isinstance(key.value, int)
    ):
        return
    if not any(isinstance(element, ast.Starred) for element in value.elts) and key.value >= len(value.elts):
        yield Finding(f"index {key.value} is past the end of a list of {len(value.elts)}", error=False)


def _comprehension(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Iterator[Finding]:
    for generator in node.generators:
        if generator.is_async:
            yield Finding("async for is not supported")
        for target in ast.walk(generator.target):
            if isinstance(target, ast.Attribute | ast.Subscript):
                yield Finding("a comprehension's variable must be a name")


def _escaped(node: ast.JoinedStr, names: frozenset[str]) -> Iterator[Finding]:
    """``{{ x }}`` in an f-string is the literal text ``{ x }``, which v1's users often did not mean."""
    texts = [part.value for part in node.values if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    found = [match.group(1).strip() for text in texts for match in _FIELD.finditer(text)]
    meant = [inside for inside in found if _names_context(inside, names)]
    if meant:
        more = f" ({len(meant) - 1} more like it)" if len(meant) > 1 else ""
        yield Finding(
            f"in an f-string `{{{{ {meant[0]} }}}}` is the text `{{ {meant[0]} }}`, not its value{more}",
            hint=f"Write `{{{meant[0]}}}`",
            error=False,
        )


def _names_context(inside: str, names: frozenset[str]) -> bool:
    try:
        return bool(free_names(parse(inside)) & names)
    except Exception:  # noqa: BLE001  not an expression: no warning
        return False
