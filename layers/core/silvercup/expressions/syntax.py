"""From source text to a syntax tree, and walks over it that need no recursion."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import MAX_SOURCE, MAX_SOURCE_DEPTH

FILE_NAME = "<expression>"
warnings.filterwarnings("ignore", category=SyntaxWarning, module=FILE_NAME)
_quiet = threading.Lock()

type Bound = frozenset[str]
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@lru_cache(maxsize=256)
def parse(source: str) -> ast.expr:
    """The tree of one expression.

    Raises:
        ExpressionError: It does not parse, is no expression, or is too long or too deep.
    """
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"the expression is longer than {MAX_SOURCE:,} characters")
    try:
        module = _module(source)
    except SyntaxError as error:
        if "\n" not in source:
            raise _explained(error, source) from None
        try:
            module = _module(f"({source}\n)")
        except SyntaxError:
            raise _explained(error, source) from None
    return _only(module)


def _module(source: str) -> ast.Module:
    try:
        return ast.parse(source, filename=FILE_NAME)
    except SyntaxError as error:
        if not _may_be_a_warning(error):
            raise
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return _strictly(source)
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression is nested too deeply") from None
    except ValueError as error:
        raise ExpressionError(f"the expression is not readable: {error}") from None


def _may_be_a_warning(error: SyntaxError) -> bool:
    r"""A doubtful escape such as ``\d`` is a warning, and a ``SyntaxError`` where warnings are errors."""
    return "escape sequence" in error.msg or error.msg.endswith(" literal")


def _strictly(source: str) -> ast.Module:
    try:
        return ast.parse(source, filename=FILE_NAME)
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression is nested too deeply") from None


def _explained(error: SyntaxError, source: str) -> ExpressionError:
    lines = source.count("\n") + 1
    where = f"line {error.lineno}, column {error.offset}" if lines > 1 else f"column {error.offset}"
    return ExpressionError(f"syntax error: {error.msg} (at {where})")


def _only(module: ast.Module) -> ast.expr:
    if not module.body:
        raise ExpressionError("syntax error: there is no expression after `$ `")
    if len(module.body) > 1:
        raise ExpressionError("syntax error: only one expression is possible; `;` and more lines are not supported")
    statement = module.body[0]
    if not isinstance(statement, ast.Expr):
        name = type(statement).__name__.lower()
        what = "an assignment with `=` (to compare, write `==`)" if "assign" in name else f"a statement (`{name}`)"
        raise ExpressionError(f"syntax error: {what} is no expression")
    check_depth(statement.value)
    return statement.value


def check_depth(tree: ast.expr) -> None:
    """Refuse a tree that evaluation, which recurses, could not walk. A chain ``a + b + ...`` counts once."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_SOURCE_DEPTH:
            raise ExpressionError(f"the expression is nested more than {MAX_SOURCE_DEPTH} levels deep")
        left = node.left if isinstance(node, ast.BinOp) else None
        waiting.extend((child, depth if child is left else depth + 1) for child in ast.iter_child_nodes(node))


def walk(tree: ast.AST) -> Iterator[tuple[ast.AST, Bound]]:
    """Every node, parents first, with the comprehension variables that it sees."""
    waiting: list[tuple[ast.AST, Bound]] = [(tree, frozenset())]
    while waiting:
        node, bound = waiting.pop()
        yield node, bound
        if isinstance(node, COMPREHENSIONS):
            waiting.extend(_inside(node, bound))
        else:
            waiting.extend((child, bound) for child in ast.iter_child_nodes(node))


def _inside(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, bound: Bound
) -> Iterator[tuple[ast.AST, Bound]]:
    inner = bound | {
        name.id for generator in node.generators for name in ast.walk(generator.target) if isinstance(name, ast.Name)
    }
    for index, generator in enumerate(node.generators):
        yield generator.iter, bound if index == 0 else inner
        yield generator.target, inner
        for test in generator.ifs:
            yield test, inner
    for child in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
        yield child, inner


def free_names(tree: ast.AST) -> frozenset[str]:
    """The names that are not comprehension variables."""
    return frozenset(node.id for node, bound in walk(tree) if isinstance(node, ast.Name) and node.id not in bound)
