"""Expressions in tasks: which strings are expressions, what they read, what is wrong with them, and what they make.

The meaning is v1's: Python expressions after ``$ ``, v1's shorthands, and texts with fields. They run in an evaluator that
bounds time, memory and reach, so that a task can't harm the function that runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from silvercup.expressions.analysis import Reads
from silvercup.expressions.compiled import CONTEXT_NAMES, Compiled, compile_value
from silvercup.expressions.views import Function, View

if TYPE_CHECKING:
    from silvercup.expressions.check import check_value

__all__ = ["CONTEXT_NAMES", "Compiled", "Function", "Reads", "View", "check_value", "compile_value"]


def __getattr__(name: str) -> Any:
    """``check_value``, imported when first asked for: only the compiler does."""
    if name != "check_value":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from silvercup.expressions.check import check_value

    return check_value
