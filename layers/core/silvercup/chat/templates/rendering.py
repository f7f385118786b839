"""Statements of a template, and the text they make."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from jinja2 import nodes

from silvercup.chat.templates.budget import Budget, OverLimit
from silvercup.chat.templates.evaluation import Evaluation, Scope
from silvercup.chat.templates.loops import Loop
from silvercup.chat.templates.parsing import Parsed
from silvercup.chat.templates.values import Undefined, Variables
from silvercup.errors import ExpressionError
from silvercup.expressions.formatting import text_of
from silvercup.expressions.iteration import iterate
from silvercup.expressions.limits import Meter
from silvercup.expressions.results import clean
from silvercup.expressions.views import Function

MAX_CALLS: Final = 40


class Text:
    """What is written, in order.

    Args:
        budget: What may be used.
    """

    __slots__ = ("_budget", "_length", "_parts")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._parts: list[str] = []
        self._length = 0

    def write(self, text: str) -> None:
        """Add a text.

        Raises:
            OverLimit: It is too long now.
        """
        self._length += len(text)
        self._budget.output(self._length)
        self._budget.charge(len(text) + 8)
        self._parts.append(text)

    def whole(self) -> str:
        """All of it."""
        return "".join(self._parts)


class Rendering(Evaluation):
    """Renders one template once.

    Args:
        parsed: The template.
        context: Its variables.
        budget: What may be used.
    """

    def __init__(self, parsed: Parsed, context: Mapping[str, Any], budget: Budget) -> None:
        super().__init__(context, budget)
        self._parsed = parsed
        self._root = Scope()
        self._calls = 0

    def run(self) -> str:
        """The text that the template makes, as it can be stored: no null characters, no half surrogate pairs."""
        return clean(self._captured(self._parsed.body, self._root))

    def _captured(self, body: list[nodes.Node], scope: Scope) -> str:
        out = Text(self.meter)
        self._execute(body, scope, out)
        return out.whole()

    def _execute(self, body: list[nodes.Node], scope: Scope, out: Text) -> None:
        for node in body:
            self.meter.tick()
            try:
                _HANDLERS[type(node)](self, node, scope, out)
            except Exception:
                self.failed_at(node)
                raise

    def _nested(self, render: Callable[[], str]) -> str:
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise OverLimit(
                f"Template is nested too deeply: more than {MAX_CALLS} macros or loops call each other",
                "End the recursion earlier",
            )
        try:
            return render()
        finally:
            self._calls -= 1

    def _output(self, node: nodes.Output, scope: Scope, out: Text) -> None:
        for part in node.nodes:
            out.write(part.data if isinstance(part, nodes.TemplateData) else self.text(part, scope))

    def _if(self, node: nodes.If, scope: Scope, out: Text) -> None:
        for branch in (node, *node.elif_):
            if self.evaluate(branch.test, scope):
                self._execute(branch.body, scope, out)
                return
        self._execute(node.else_, scope, out)

    def _for(self, node: nodes.For, scope: Scope, out: Text) -> None:
        self._loop(node, self.evaluate(node.iter, scope), scope, out, 0)

    def _loop(self, node: nodes.For, values: object, scope: Scope, out: Text, depth: int) -> None:
        def again(items: object, deeper: int) -> str:
            def render() -> str:
                inner = Text(self.meter)
                self._loop(node, items, scope, inner, deeper)
                return inner.whole()

            return self._nested(render)

        items = iterate(self.meter, values)
        length = len(cast("list[Any]", values)) if node.test is None and hasattr(values, "__len__") else None
        chosen = items if node.test is None else self._chosen(node, items, scope)
        loop = Loop(self.meter, chosen, length, depth, again if node.recursive else None)
        for item in loop.advance():
            inner = Scope(scope, {"loop": loop})
            self._bind(node.target, item, inner)
            self._execute(node.body, inner, out)
        if loop.index0 < 0:
            self._execute(node.else_, Scope(scope), out)

    def _chosen(self, node: nodes.For, items: Iterator[Any], scope: Scope) -> Iterator[Any]:
        assert node.test is not None
        for item in items:
            inner = Scope(scope)
            self._bind(node.target, item, inner)
            if self.evaluate(node.test, inner):
                yield item

    def _with(self, node: nodes.With, scope: Scope, out: Text) -> None:
        inner = Scope(scope)
        for target, value in zip(node.targets, node.values, strict=True):
            self._bind(target, self.evaluate(value, scope), inner)
        self._execute(node.body, inner, out)

    def _block(self, node: nodes.Block, scope: Scope, out: Text) -> None:
        self._execute(node.body, Scope(scope if node.scoped else self._root), out)

    def _assign(self, node: nodes.Assign, scope: Scope, _out: Text) -> None:
        self._bind(node.target, self.evaluate(node.node, scope), scope)

    def _assign_block(self, node: nodes.AssignBlock, scope: Scope, _out: Text) -> None:
        inner = Scope(scope)
        text = self._captured(node.body, inner)
        self._bind(node.target, text if node.filter is None else self._piped(node.filter, text, inner), scope)

    def _filter_block(self, node: nodes.FilterBlock, scope: Scope, out: Text) -> None:
        inner = Scope(scope)
        text = self._captured(node.body, inner)
        out.write(text_of(self.meter, self._piped(node.filter, text, inner)))

    def _piped(self, last: nodes.Filter, value: Any, scope: Scope) -> Any:
        """The text through the filters that are written after each other."""
        chain = [last]
        while isinstance(chain[-1].node, nodes.Filter):
            chain.append(chain[-1].node)
        for node in reversed(chain):
            value = self.apply_filter(node, value, scope)
        return value

    def _macro(self, node: nodes.Macro, scope: Scope, _out: Text) -> None:
        scope.names[node.name] = self._made(node, node.name, scope)

    def _call_block(self, node: nodes.CallBlock, scope: Scope, out: Text) -> None:
        out.write(text_of(self.meter, self.call(node.call, scope, self._made(node, "caller", scope))))

    def _made(self, node: nodes.Macro | nodes.CallBlock, name: str, scope: Scope) -> Function:
        self.meter.charge(300)

        def call(_meter: Meter, /, *args: Any, **named: Any) -> str:
            return self._nested(lambda: self._captured(node.body, self._parameters(node, name, scope, args, named)))

        return Function(name, call)

    def _parameters(
        self,
        node: nodes.Macro | nodes.CallBlock,
        name: str,
        scope: Scope,
        args: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Scope:
        inner = Scope(scope)
        special = self._parsed.special[id(node)]
        defaults = dict(zip(reversed(node.args), reversed(node.defaults), strict=False))
        for index, parameter in enumerate(node.args):
            if index < len(args):
                value = args[index]
            elif parameter.name in named:
                value = named.pop(parameter.name)
            elif parameter in defaults:
                value = self.evaluate(defaults[parameter], inner)
            else:
                value = Undefined(parameter.name)
            inner.names[parameter.name] = value
        if "caller" in special and "caller" not in inner.names:
            inner.names["caller"] = named.pop("caller", Undefined("caller"))
        rest = args[len(node.args) :]
        self._spare(inner, special, name, rest, named)
        return inner

    @staticmethod
    def _spare(inner: Scope, special: frozenset[str], name: str, rest: tuple[Any, ...], named: dict[str, Any]) -> None:
        """What was given beyond the parameters goes to ``varargs`` and ``kwargs``, where the macro uses them."""
        if "varargs" in special:
            inner.names.setdefault("varargs", rest)
        elif rest:
            raise ExpressionError(f"macro {name!r} was given {len(rest)} values too many")
        if "kwargs" in special:
            inner.names.setdefault("kwargs", named)
        elif named:
            raise ExpressionError(f"macro {name!r} takes no argument named {next(iter(named))[:60]!r}")

    def _bind(self, target: nodes.Node, value: Any, scope: Scope) -> None:
        if isinstance(target, nodes.Name):
            scope.names[target.name] = value
        elif isinstance(target, nodes.NSRef):
            owner = self.find(target.name, scope)
            if not isinstance(owner, Variables):
                raise ExpressionError(
                    f"only a namespace() can be given attributes: {{% set {target.name} = namespace() %}}"
                )
            self.meter.charge(100)
            owner.names[target.attr] = value
        else:
            targets = cast("nodes.Tuple", target).items
            values = list(itertools.islice(iterate(self.meter, value), len(targets) + 1))
            if len(values) != len(targets):
                raise ExpressionError(f"{len(targets)} names need as many values")
            for part, item in zip(targets, values, strict=True):
                self._bind(part, item, scope)


_HANDLERS: Final[dict[type[nodes.Node], Callable[[Rendering, Any, Scope, Text], None]]] = cast(
    "dict[type[nodes.Node], Callable[[Rendering, Any, Scope, Text], None]]",
    {
        kind: getattr(Rendering, name)
        for kind, name in {
            nodes.Assign: "_assign",
            nodes.AssignBlock: "_assign_block",
            nodes.Block: "_block",
            nodes.CallBlock: "_call_block",
            nodes.FilterBlock: "_filter_block",
            nodes.For: "_for",
            nodes.If: "_if",
            nodes.Macro: "_macro",
            nodes.Output: "_output",
            nodes.With: "_with",
        }.items()
    },
)
