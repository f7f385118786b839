"""The task compiler: a task definition in, an Amazon States Language definition and a program out.

Four stages, a module each, none of which knows AWS:

1. ``source``, ``parse``: text to the task model (``task``); every problem is collected, with its path and line.
2. ``lower``: the model to the IR (``ir``): blocks, branches, waits, calls, and the frames that ``steps[i]`` reads through.
3. ``emit``: each IR node to a fragment of states.
4. ``check``: names, size and events of the definition, and a report of what a run costs.

``compiler.compile_task`` runs them all. The *program* is what the run time reads: the IR's blocks by id, without the
structure that the state machine already holds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statemachines.compiler import Compiled, Context, compile_task
    from statemachines.source import Source, read_json, read_yaml

__all__ = ["Compiled", "Context", "Source", "compile_task", "read_json", "read_yaml"]

_HOMES = {"Compiled": "compiler", "Context": "compiler", "compile_task": "compiler"}


def __getattr__(name: str) -> Any:
    """The names above, imported when first asked for: the run time starts faster without the compiler."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'source')}"), name)
