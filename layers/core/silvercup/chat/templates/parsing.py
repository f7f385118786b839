"""From a template's text to Jinja2's syntax tree, checked: only what the interpreter knows, of bounded size and depth."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast, override

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from silvercup.chat.templates.budget import Limits, OverLimit
from silvercup.chat.templates.checks import TESTS
from silvercup.chat.templates.filters import FILTERS
from silvercup.chat.templates.marks import MARKS
from silvercup.expressions.limits import MAX_INT_BITS
from silvercup.expressions.views import suggest

MAX_DEPTH: Final = 120
_CACHED_TOKENS: Final = 40_000
_ARGUMENTS: Final = frozenset({"caller", "kwargs", "varargs"})

_UNSUPPORTED: Final[dict[type[nodes.Node], str]] = {
    nodes.Include: "include is not supported: a template stands alone",
    nodes.Import: "import is not supported: a template stands alone",
    nodes.FromImport: "import is not supported: a template stands alone",
    nodes.Extends: "extends is not supported: a template stands alone",
    nodes.Scope: "autoescape is not supported: use the filter escape",
}
_KNOWN: Final = (
    nodes.Template, nodes.Output, nodes.For, nodes.If, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.With, nodes.Block,
    nodes.Assign, nodes.AssignBlock, nodes.Name, nodes.NSRef, nodes.Const, nodes.TemplateData, nodes.Tuple,
    nodes.List, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Getitem,
    nodes.Getattr, nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.BinExpr, nodes.UnaryExpr,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template, ready to be rendered any number of times.

    Attributes:
        body: Its statements.
        tokens: How many words and signs it has.
        special: Which of ``caller``, ``kwargs`` and ``varargs`` each macro uses, by the id of its node.
    """

    body: list[nodes.Node]
    tokens: int
    special: dict[int, frozenset[str]]


class _Counting(Extension):
    """Stops the parser when there are too many tokens."""

    @override
    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        counts = cast("Any", self.environment).counts
        for token in stream:
            counts.tokens += 1
            if counts.tokens > counts.most:
                raise _too_many(counts.most)
            yield token


def _too_many(most: int) -> OverLimit:
    return OverLimit(f"Template is too large: more than {most:,} words and signs inside braces", _SPLIT)


_SPLIT: Final = "Give long data as values of the context, or say less in the template"


class Templates:
    """Parses templates, and keeps those that were used last, up to a total size."""

    def __init__(self) -> None:
        self._environment = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_Counting])  # noqa: S701
        self._counts = threading.local()
        self._environment.extend(counts=self._counts)
        self._kept: OrderedDict[str, Parsed] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def parse(self, text: str, limits: Limits) -> Parsed:
        """The template of a text.

        Raises:
            OverLimit: It is too long, or nested too deeply.
            TemplateSyntaxError: It is not a template, or uses what is not supported; with the line.
        """
        if len(text) > limits.template:
            raise OverLimit(
                f"Template is too large: {len(text):,} characters, the limit is {limits.template:,}", _SPLIT
            )
        with self._lock:
            found = self._kept.get(text)
            if found is not None:
                self._kept.move_to_end(text)
        if found is None:
            found = self._parse(text, limits)
            self._keep(text, found)
        elif found.tokens > limits.tokens:
            raise _too_many(limits.tokens)
        return found

    def _parse(self, text: str, limits: Limits) -> Parsed:
        if sum(text.count(mark) for mark in MARKS) > limits.tokens:
            raise _too_many(limits.tokens)
        self._counts.tokens = 0
        self._counts.most = limits.tokens
        try:
            tree = Parser(self._environment, text).parse()
        except RecursionError:
            raise _too_deep() from None
        special = {key: frozenset(names) for key, names in _check(tree).items()}
        return Parsed(tree.body, self._counts.tokens, special)

    def _keep(self, text: str, parsed: Parsed) -> None:
        weight = parsed.tokens + len(text) // 100
        if weight > _CACHED_TOKENS // 4:
            return
        with self._lock:
            if text in self._kept:
                return
            self._kept[text] = parsed
            self._weight += weight
            while self._weight > _CACHED_TOKENS:
                old, dropped = self._kept.popitem(last=False)
                self._weight -= dropped.tokens + len(old) // 100


def _too_deep() -> OverLimit:
    return OverLimit("Template is nested too deeply", "Use fewer brackets and blocks within each other")


type _Enclosing = tuple[int, _Enclosing] | None


def _check(tree: nodes.Template) -> dict[int, set[str]]:
    """Refuse what the interpreter does not know; find what each macro uses."""
    special: dict[int, set[str]] = {}
    blocks: set[str] = set()
    waiting: list[tuple[nodes.Node, int, _Enclosing]] = [(tree, 0, None)]
    while waiting:
        node, depth, macros = waiting.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        _check_node(node, blocks)
        if isinstance(node, nodes.Macro | nodes.CallBlock):
            special[id(node)] = set()
            macros = (id(node), macros)
        elif isinstance(node, nodes.Name) and node.name in _ARGUMENTS:
            _mark(special, macros, node.name)
        waiting.extend((child, depth + 1, macros) for child in node.iter_child_nodes())
    return special


def _mark(special: dict[int, set[str]], macros: _Enclosing, name: str) -> None:
    while macros is not None and name not in special[macros[0]]:
        special[macros[0]].add(name)
        macros = macros[1]


def _check_node(node: nodes.Node, blocks: set[str]) -> None:
    if not isinstance(node, _KNOWN):
        raise TemplateSyntaxError(_UNSUPPORTED.get(type(node), f"{type(node).__name__} is not supported"), node.lineno)
    if isinstance(node, nodes.Filter | nodes.Test):
        _check_name(node)
    elif isinstance(node, nodes.Block):
        if node.name in blocks:
            raise TemplateSyntaxError(f"block {node.name!r} defined twice", node.lineno)
        blocks.add(node.name)
    elif isinstance(node, nodes.For):
        _check_target(node.target)
    elif isinstance(node, nodes.Const):
        value: Any = node.value
        if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
            raise TemplateSyntaxError("a number is too large", node.lineno)


def _check_name(node: nodes.Filter | nodes.Test) -> None:
    what, known = ("filter", FILTERS) if isinstance(node, nodes.Filter) else ("test", TESTS)
    if node.name not in known:
        hint = suggest(node.name, known)
        raise TemplateSyntaxError(f"No {what} named {node.name[:60]!r}.{' ' + hint if hint else ''}", node.lineno)


def _check_target(target: nodes.Node) -> None:
    for name in [target, *target.find_all(nodes.Name)]:
        if isinstance(name, nodes.Name) and name.name == "loop":
            raise TemplateSyntaxError("Can't assign to special loop variable in for-loop target", target.lineno)
