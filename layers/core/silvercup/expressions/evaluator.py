"""The evaluator: simpleeval's, with limits at every node and an allow-list for everything reachable.

One is made for each evaluation, so that threads share only syntax trees. What it inherits is the meaning of ``and``, ``or``,
``if else``, slices and keywords; what can cost time or memory, or reach anything, is defined here and in the modules of this room.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from simpleeval import EvalWithCompoundTypes

from silvercup.errors import ExpressionError
from silvercup.expressions.access import attribute, subscript
from silvercup.expressions.copying import Copies, duplicate
from silvercup.expressions.formatting import format_field
from silvercup.expressions.iteration import iterate, update_dict
from silvercup.expressions.limits import MAX_ITEMS, MAX_TEXT, Meter
from silvercup.expressions.methods import MUTATORS
from silvercup.expressions.modules import GLOBALS
from silvercup.expressions.operators import BINARY, COMPARE, UNARY
from silvercup.expressions.sizes import check_key
from silvercup.expressions.views import invoke, suggest

_MAX_UNPACKED = 10_000
_MAX_ARGUMENTS = 100_000

UNSUPPORTED: Final[dict[type[ast.AST], str]] = {
    ast.SetComp: "a set comprehension is not supported: write set([... for ...])",
    ast.Lambda: "lambda is not supported: write a comprehension",
    ast.NamedExpr: "`:=` is not supported",
    ast.Await: "await is not supported",
    ast.Yield: "yield is not supported",
    ast.YieldFrom: "yield is not supported",
}


def mutates(tree: ast.AST) -> bool:
    """Whether the expression names a method that changes a value in place."""
    return any(isinstance(node, ast.Attribute) and node.attr in MUTATORS for node in ast.walk(tree))


class Evaluator(EvalWithCompoundTypes):
    """Evaluates one tree once.

    Args:
        scope: The variables of the context.
        meter: The limits.
        copies: Whether the expression changes values in place: then it works on copies of the context's.
    """

    def __init__(self, scope: Mapping[str, object], meter: Meter, *, copies: bool) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.meter = meter
        self._scope = scope
        self._frames: list[dict[str, object]] = []
        self._copies: Copies | None = {} if copies else None

    def run(self, tree: ast.expr) -> Any:
        """The value of the tree."""
        return self._eval(tree)

    def _eval(self, node: Any) -> Any:
        self.meter.tick()
        kind = cast("type[ast.AST]", type(node))
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise ExpressionError(UNSUPPORTED.get(kind, f"{kind.__name__} is not supported in expressions"))
        return handler(self, node)

    def _own(self, value: Any) -> Any:
        return value if self._copies is None else duplicate(self.meter, value, self._copies)

    def _eval_constant(self, node: ast.Constant) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not isinstance(node.value, str | int | float | bytes | None):
            raise ExpressionError(f"{node.value!r} is not supported in expressions")
        return node.value

    def _eval_name(self, node: ast.Name) -> Any:
        name = node.id
        for frame in reversed(self._frames):
            if name in frame:
                return frame[name]
        if name in self._scope:
            return self._own(self._scope[name])
        if name in GLOBALS:
            return GLOBALS[name]
        hint = suggest(name, [*self._scope, *GLOBALS])
        raise ExpressionError(f"{name!r} is not defined here{'. ' + hint if hint else ''}")

    def _eval_unaryop(self, node: ast.UnaryOp) -> Any:
        return UNARY[type(node.op)](self._eval(node.operand))

    def _eval_binop(self, node: ast.BinOp) -> Any:
        chain: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            chain.append(left)
            left = left.left
        value = self._eval(left)
        for link in reversed(chain):
            operation = BINARY.get(type(link.op))
            if operation is None:
                raise ExpressionError("the operator `@` is not supported")
            right = self._eval(link.right)
            value = operation(self.meter, value, right)
        return value

    def _eval_compare(self, node: ast.Compare) -> Any:
        left = self._eval(node.left)
        result: Any = True
        for operation, comparator in zip(node.ops, node.comparators, strict=True):
            right = self._eval(comparator)
            result = COMPARE[type(operation)](self.meter, left, right)
            if not result:
                break
            left = right
        return result

    def _eval_call(self, node: ast.Call) -> Any:
        function = self._eval(node.func)
        args = self._elements(node.args, _MAX_ARGUMENTS)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                update_dict(self.meter, named, self._eval(keyword.value))
            else:
                named[keyword.arg] = self._eval(keyword.value)
        if not all(isinstance(name, str) for name in cast("dict[object, Any]", named)):
            raise ExpressionError("the names of arguments must be texts")
        return invoke(self.meter, function, *args, **named)

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        return attribute(self.meter, self._eval(node.value), node.attr)

    def _eval_subscript(self, node: ast.Subscript) -> Any:
        container = self._eval(node.value)
        return subscript(self.meter, container, self._eval(node.slice))

    def _eval_joinedstr(self, node: ast.JoinedStr) -> Any:
        parts: list[str] = []
        length = 0
        for value in node.values:
            part = self._eval(value)
            length += len(part)
            if length > MAX_TEXT:
                self.meter.text(length)
            parts.append(part)
        self.meter.text(length)
        return "".join(parts)

    def _eval_formattedvalue(self, node: ast.FormattedValue) -> str:
        value = self._eval(node.value)
        spec = self._eval(node.format_spec) if node.format_spec is not None else ""
        return format_field(self.meter, value, node.conversion, spec)

    def _eval_dict(self, node: ast.Dict) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                update_dict(self.meter, made, self._eval(value))
            else:
                name = self._eval(key)
                check_key(self.meter, name)
                made[name] = self._eval(value)
        self.meter.items(len(made), 100)
        return made

    def _elements(self, nodes: list[ast.expr], limit: int = MAX_ITEMS) -> list[Any]:
        made: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                made.extend(itertools.islice(iterate(self.meter, self._eval(node.value)), limit + 1))
            else:
                made.append(self._eval(node))
        if len(made) > limit:
            raise ExpressionError(f"more than {limit:,} elements")
        self.meter.items(len(made))
        return made

    def _eval_list(self, node: ast.List) -> list[Any]:
        return self._elements(node.elts)

    def _eval_tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._elements(node.elts))

    def _eval_set(self, node: ast.Set) -> set[Any]:
        made: set[Any] = set()
        for element in self._elements(node.elts):
            check_key(self.meter, element)
            made.add(element)
        return made

    def _eval_comprehension(self, node: Any) -> Any:
        if isinstance(node, ast.DictComp):
            return self._dict_comprehension(node)
        made: list[Any] = []

        def emit() -> None:
            made.append(self._eval(node.elt))
            self._grown(len(made), 40)

        self._loop(node.generators, emit)
        return made

    def _dict_comprehension(self, node: ast.DictComp) -> dict[Any, Any]:
        made: dict[Any, Any] = {}

        def emit() -> None:
            key = self._eval(node.key)
            check_key(self.meter, key)
            made[key] = self._eval(node.value)
            self._grown(len(made), 130)

        self._loop(node.generators, emit)
        return made

    def _grown(self, size: int, each: int) -> None:
        self.meter.charge(each)
        if size > MAX_ITEMS:
            self.meter.items(size)

    def _loop(self, generators: list[ast.comprehension], emit: Callable[[], None]) -> None:
        outermost = self._eval(generators[0].iter)
        frame: dict[str, object] = {}
        self._frames.append(frame)
        try:
            self._generate(generators, 0, outermost, frame, emit)
        finally:
            self._frames.pop()

    def _generate(
        self,
        generators: list[ast.comprehension],
        index: int,
        values: Any,
        frame: dict[str, object],
        emit: Callable[[], None],
    ) -> None:
        generator = generators[index]
        if generator.is_async:
            raise ExpressionError("async for is not supported")
        for item in iterate(self.meter, values):
            self._bind(generator.target, item, frame)
            if not all(self._eval(test) for test in generator.ifs):
                continue
            if index + 1 < len(generators):
                self._generate(generators, index + 1, self._eval(generators[index + 1].iter), frame, emit)
            else:
                emit()

    def _bind(self, target: ast.expr, value: Any, frame: dict[str, object]) -> None:
        if isinstance(target, ast.Name):
            frame[target.id] = value
            return
        if not isinstance(target, ast.Tuple | ast.List):
            raise ExpressionError("a comprehension's variable must be a name")
        self._unpack(target.elts, list(itertools.islice(iterate(self.meter, value), _MAX_UNPACKED + 1)), frame)

    def _unpack(self, targets: list[ast.expr], values: list[Any], frame: dict[str, object]) -> None:
        starred = next((index for index, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
        if len(values) > _MAX_UNPACKED or (
            len(values) != len(targets) if starred is None else len(values) < len(targets) - 1
        ):
            raise ExpressionError(f"{len(values)} values can't be unpacked into {len(targets)} names")
        if starred is not None:
            after = len(targets) - starred - 1
            rest = values[starred : len(values) - after]
            values = [*values[:starred], rest, *values[len(values) - after :]]
        for target, value in zip(targets, values, strict=True):
            self._bind(target.value if isinstance(target, ast.Starred) else target, value, frame)


_HANDLERS: Final[dict[type[ast.AST], Callable[[Evaluator, Any], Any]]] = cast(
    "dict[type[ast.AST], Callable[[Evaluator, Any], Any]]",
    {
        kind: getattr(Evaluator, f"_eval_{name}")
        for kind, name in {
            ast.Attribute: "attribute",
            ast.BinOp: "binop",
            ast.BoolOp: "boolop",
            ast.Call: "call",
            ast.Compare: "compare",
            ast.Constant: "constant",
            ast.Dict: "dict",
            ast.DictComp: "comprehension",
            ast.FormattedValue: "formattedvalue",
            ast.GeneratorExp: "comprehension",
            ast.IfExp: "ifexp",
            ast.JoinedStr: "joinedstr",
            ast.List: "list",
            ast.ListComp: "comprehension",
            ast.Name: "name",
            ast.Set: "set",
            ast.Slice: "slice",
            ast.Subscript: "subscript",
            ast.Tuple: "tuple",
            ast.UnaryOp: "unaryop",
        }.items()
    },
)
