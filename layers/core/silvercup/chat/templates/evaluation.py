"""Expressions of a template: each node counts, and each value comes from the language of expressions or from this room."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import GeneratorType
from typing import Any, Final, cast

from jinja2 import nodes

from silvercup.chat.templates.budget import Budget
from silvercup.chat.templates.checks import TESTS, compare, required
from silvercup.chat.templates.filters import FILTERS
from silvercup.chat.templates.lookup import MISSING, attribute, item, names_in
from silvercup.chat.templates.loops import Loop
from silvercup.chat.templates.values import HELPERS, Undefined
from silvercup.errors import ExpressionError
from silvercup.expressions.formatting import text_of
from silvercup.expressions.iteration import collect, update_dict
from silvercup.expressions.modules import GLOBALS
from silvercup.expressions.operators import BINARY, UNARY
from silvercup.expressions.sizes import check_key
from silvercup.expressions.views import Function, invoke

_GLOBALS: Final[dict[str, object]] = {**GLOBALS, **HELPERS}

_BINARY: Final[dict[type[nodes.Node], type[ast.operator]]] = {
    nodes.Add: ast.Add,
    nodes.Sub: ast.Sub,
    nodes.Mul: ast.Mult,
    nodes.Div: ast.Div,
    nodes.FloorDiv: ast.FloorDiv,
    nodes.Mod: ast.Mod,
    nodes.Pow: ast.Pow,
}
_UNARY: Final[dict[type[nodes.Node], type[ast.unaryop]]] = {nodes.Neg: ast.USub, nodes.Pos: ast.UAdd}
_COMPARE: Final[dict[str, type[ast.cmpop]]] = {
    "eq": ast.Eq,
    "ne": ast.NotEq,
    "gt": ast.Gt,
    "gteq": ast.GtE,
    "lt": ast.Lt,
    "lteq": ast.LtE,
    "in": ast.In,
    "notin": ast.NotIn,
}


class Scope:
    """The variables that a template has set itself, innermost first.

    Args:
        parent: The scope around it.
    """

    __slots__ = ("names", "parent")

    def __init__(self, parent: Scope | None = None, names: dict[str, Any] | None = None) -> None:
        self.parent = parent
        self.names: dict[str, Any] = {} if names is None else names


class Evaluation:
    """Evaluates the expressions of one rendering.

    Args:
        context: The variables that the template is given.
        budget: What may be used.

    Attributes:
        line: Where it failed, once it has.
    """

    def __init__(self, context: Mapping[str, Any], budget: Budget) -> None:
        self._context = context
        self.meter = budget
        self.line: int | None = None

    def evaluate(self, node: nodes.Node, scope: Scope) -> Any:
        """The value of an expression."""
        self.meter.tick()
        try:
            return _HANDLERS[type(node)](self, node, scope)
        except Exception:
            self.failed_at(node)
            raise

    def failed_at(self, node: nodes.Node) -> None:
        """Keep the line of the innermost node that failed."""
        if self.line is None:
            self.line = node.lineno

    def text(self, node: nodes.Node, scope: Scope) -> str:
        """The value of an expression, as it is printed."""
        return text_of(self.meter, self.evaluate(node, scope))

    def find(self, name: str, scope: Scope) -> Any:
        """The value of a variable: the template's own, the context's, the language's, or else an ``Undefined``."""
        inner: Scope | None = scope
        while inner is not None:
            if name in inner.names:
                return inner.names[name]
            inner = inner.parent
        if name in self._context:
            return self._context[name]
        return _GLOBALS[name] if name in _GLOBALS else Undefined(name, self._context.keys())

    def call(self, node: nodes.Call, scope: Scope, caller: Function | None = None) -> Any:
        """The result of a call.

        Args:
            node: The call.
            scope: Where it stands.
            caller: The body of a call block, for a macro.
        """
        target = self.evaluate(node.node, scope)
        required(target)
        args, named = self._arguments(node, scope)
        if caller is not None:
            named["caller"] = caller
        if isinstance(target, Loop):
            if len(args) != 1 or named:
                raise ExpressionError("loop() takes what to loop over")
            return target.deeper(args[0])
        return self._apply(target, args, named)

    def apply_filter(self, node: nodes.Filter, value: Any, scope: Scope) -> Any:
        """The result of a filter on a value."""
        args, named = self._arguments(node, scope)
        return self._apply(FILTERS[node.name], [value, *args], named)

    def _apply(self, target: Any, args: list[Any], named: dict[str, Any]) -> Any:
        result = invoke(self.meter, target, *args, **named)
        return collect(self.meter, cast("object", result)) if isinstance(result, GeneratorType) else result

    def _arguments(
        self, node: nodes.Call | nodes.Filter | nodes.Test, scope: Scope
    ) -> tuple[list[Any], dict[str, Any]]:
        args = [self.evaluate(argument, scope) for argument in node.args]
        if node.dyn_args is not None:
            args += collect(self.meter, self.evaluate(node.dyn_args, scope))
        pairs = cast("list[nodes.Keyword]", node.kwargs)
        named: dict[str, Any] = {pair.key: self.evaluate(pair.value, scope) for pair in pairs}
        if node.dyn_kwargs is not None:
            update_dict(self.meter, named, self.evaluate(node.dyn_kwargs, scope))
            if not all(isinstance(name, str) for name in cast("dict[object, Any]", named)):
                raise ExpressionError("the names of arguments must be texts")
        return args, named

    def _name(self, node: nodes.Name, scope: Scope) -> Any:
        return self.find(node.name, scope)

    def _const(self, node: nodes.Const, _scope: Scope) -> Any:
        return node.value

    def _data(self, node: nodes.TemplateData, _scope: Scope) -> str:
        return node.data

    def _tuple(self, node: nodes.Tuple, scope: Scope) -> tuple[Any, ...]:
        return tuple(self._elements(node.items, scope))

    def _list(self, node: nodes.List, scope: Scope) -> list[Any]:
        return self._elements(node.items, scope)

    def _elements(self, items: list[nodes.Expr], scope: Scope) -> list[Any]:
        self.meter.items(len(items))
        return [self.evaluate(element, scope) for element in items]

    def _dict(self, node: nodes.Dict, scope: Scope) -> dict[Any, Any]:
        self.meter.items(len(node.items), 100)
        made: dict[Any, Any] = {}
        for pair in node.items:
            key = self.evaluate(pair.key, scope)
            check_key(self.meter, key)
            made[key] = self.evaluate(pair.value, scope)
        return made

    def _conditional(self, node: nodes.CondExpr, scope: Scope) -> Any:
        if self.evaluate(node.test, scope):
            return self.evaluate(node.expr1, scope)
        return Undefined("if without else") if node.expr2 is None else self.evaluate(node.expr2, scope)

    def _filter(self, node: nodes.Filter, scope: Scope) -> Any:
        assert node.node is not None
        return self.apply_filter(node, self.evaluate(node.node, scope), scope)

    def _test(self, node: nodes.Test, scope: Scope) -> Any:
        value = self.evaluate(node.node, scope)
        args, named = self._arguments(node, scope)
        return invoke(self.meter, TESTS[node.name], value, *args, **named)

    def _getattr(self, node: nodes.Getattr, scope: Scope) -> Any:
        value = self.evaluate(node.node, scope)
        required(value)
        found = attribute(self.meter, value, node.attr)
        return self._missing(node, node.attr, value) if found is MISSING else found

    def _getitem(self, node: nodes.Getitem, scope: Scope) -> Any:
        value = self.evaluate(node.node, scope)
        required(value)
        key = self._slice(node.arg, scope) if isinstance(node.arg, nodes.Slice) else self.evaluate(node.arg, scope)
        found = item(self.meter, value, key)
        return self._missing(node, key, value) if found is MISSING else found

    def _missing(self, node: nodes.Getattr | nodes.Getitem, key: object, value: object) -> Undefined:
        shown = (
            str(key)[:60]
            if isinstance(key, str)
            else f"[{key}]"
            if isinstance(key, int) and -1e9 < key < 1e9
            else "[...]"
        )
        owner = _written(node.node)
        return Undefined(f"{owner}{'' if shown.startswith('[') or not owner else '.'}{shown}", names_in(value))

    def _slice(self, node: nodes.Slice, scope: Scope) -> slice:
        parts = (node.start, node.stop, node.step)
        return slice(*(None if part is None else self.evaluate(part, scope) for part in parts))

    def _concat(self, node: nodes.Concat, scope: Scope) -> str:
        parts = [self.text(part, scope) for part in node.nodes]
        self.meter.text(sum(map(len, parts)))
        return "".join(parts)

    def _compare(self, node: nodes.Compare, scope: Scope) -> bool:
        left = self.evaluate(node.expr, scope)
        for operand in node.ops:
            right = self.evaluate(operand.expr, scope)
            if not compare(self.meter, _COMPARE[operand.op], left, right):
                return False
            left = right
        return True

    def _and(self, node: nodes.And, scope: Scope) -> Any:
        return self.evaluate(node.left, scope) and self.evaluate(node.right, scope)

    def _or(self, node: nodes.Or, scope: Scope) -> Any:
        return self.evaluate(node.left, scope) or self.evaluate(node.right, scope)

    def _not(self, node: nodes.Not, scope: Scope) -> bool:
        return not self.evaluate(node.node, scope)

    def _binary(self, node: nodes.BinExpr, scope: Scope) -> Any:
        left = self.evaluate(node.left, scope)
        right = self.evaluate(node.right, scope)
        required(left, right)
        return BINARY[_BINARY[type(node)]](self.meter, left, right)

    def _unary(self, node: nodes.UnaryExpr, scope: Scope) -> Any:
        value = self.evaluate(node.node, scope)
        required(value)
        return UNARY[_UNARY[type(node)]](value)


def _written(node: nodes.Node) -> str:
    """The dotted name that an expression is, or an empty text."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        owner = _written(node.node)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


_HANDLERS: Final[dict[type[nodes.Node], Callable[[Evaluation, Any, Scope], Any]]] = cast(
    "dict[type[nodes.Node], Callable[[Evaluation, Any, Scope], Any]]",
    {
        kind: getattr(Evaluation, name)
        for kind, name in {
            nodes.And: "_and",
            nodes.Call: "call",
            nodes.Compare: "_compare",
            nodes.Concat: "_concat",
            nodes.CondExpr: "_conditional",
            nodes.Const: "_const",
            nodes.Dict: "_dict",
            nodes.Filter: "_filter",
            nodes.Getattr: "_getattr",
            nodes.Getitem: "_getitem",
            nodes.List: "_list",
            nodes.Name: "_name",
            nodes.Not: "_not",
            nodes.Or: "_or",
            nodes.TemplateData: "_data",
            nodes.Test: "_test",
            nodes.Tuple: "_tuple",
            **dict.fromkeys(_BINARY, "_binary"),
            **dict.fromkeys(_UNARY, "_unary"),
        }.items()
    },
)
