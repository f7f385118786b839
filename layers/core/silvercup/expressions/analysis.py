"""What an expression reads, so that a step loads only that."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from silvercup.expressions.secrets import SECRETS, named_secrets
from silvercup.expressions.syntax import Bound, walk

type Key = int | str

_RECORDS: Final = frozenset({"steps", "inputs", "outputs"})


@dataclass(frozen=True, slots=True)
class Reads:
    """What the evaluation of a value may look at.

    Attributes:
        names: The variables of the context that it names.
        outputs: Steps (number or label) whose output it takes, by a constant key.
        inputs: Steps whose input it takes, by a constant key.
        secrets: The secrets that it names.
        any_step: Whether it may take any step's: a computed key, or ``steps``, ``inputs`` or ``outputs`` as a whole.
    """

    names: frozenset[str] = frozenset()
    outputs: frozenset[Key] = frozenset()
    inputs: frozenset[Key] = frozenset()
    secrets: frozenset[str] = frozenset()
    any_step: bool = False

    def __or__(self, other: Reads) -> Reads:
        """What either reads."""
        return Reads(
            self.names | other.names,
            self.outputs | other.outputs,
            self.inputs | other.inputs,
            self.secrets | other.secrets,
            self.any_step or other.any_step,
        )


NOTHING: Final = Reads()


def reads_of(tree: ast.AST, names: Collection[str]) -> Reads:
    """What an expression reads, of the variables ``names``."""
    found: set[str] = set()
    outputs: set[Key] = set()
    inputs: set[Key] = set()
    settled: set[int] = set()
    any_step = False
    for node, bound in walk(tree):
        if id(node) not in settled:
            access = _access(node, bound)
            if access is not None:
                base, key, side, covered = access
                settled.update(covered)
                if base == "outputs" or (base == "steps" and side != "input"):
                    outputs.add(key)
                if base == "inputs" or (base == "steps" and side != "output"):
                    inputs.add(key)
        if isinstance(node, ast.Name) and node.id not in bound and node.id in names:
            found.add(node.id)
            any_step = any_step or (node.id in _RECORDS and id(node) not in settled)
    secrets = (
        frozenset(name for name in named_secrets(tree) if name is not None) if SECRETS in found else frozenset[str]()
    )
    return Reads(frozenset(found), frozenset(outputs), frozenset(inputs), secrets, any_step)


def _access(node: ast.AST, bound: Bound) -> tuple[str, Key, str | None, tuple[int, ...]] | None:
    """``steps[1].output`` as (steps, 1, output, the nodes that this settles); the part after the key may be missing."""
    side = None
    item = node
    if isinstance(node, ast.Attribute):
        side, item = node.attr, node.value
    elif (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.value, ast.Subscript | ast.Call)
    ):
        side, item = str(node.slice.value), node.value
    found = _item(item, bound)
    if found is None:
        side = None
        item = node
        found = _item(node, bound)
    if found is None:
        return None
    base, key = found
    inner = item.value if isinstance(item, ast.Subscript) else item.func if isinstance(item, ast.Call) else item
    return base.id, key, side if side in {"input", "output"} else None, (id(node), id(item), id(inner), id(base))


def _item(node: ast.AST, bound: Bound) -> tuple[ast.Name, Key] | None:
    """``steps[1]`` or ``steps.get(1, ...)``, with a constant key."""
    if isinstance(node, ast.Subscript):
        base, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        base, key = node.func.value, node.args[0]
    else:
        return None
    if (
        not isinstance(base, ast.Name)
        or base.id not in _RECORDS
        or base.id in bound
        or not isinstance(key, ast.Constant)
    ):
        return None
    value = key.value
    return (base, value) if isinstance(value, str | int) and not isinstance(value, bool) else None
