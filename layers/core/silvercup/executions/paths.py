"""Paths: where something is in a run. ``main/o9.5/b3`` is block 3 in iteration 5 of the loop ``o9`` of ``main``.

A path begins with ``main``. Each call of a procedure adds the id of the calling operation (``main/o7``), and each jump
of a procedure to a procedure counts up there (``main/o7~3``). Each iteration of a loop and each branch of a fork of
the state machine adds ``/<operation>.<number>``. The block comes last.
"""

from __future__ import annotations

import re

_ITERATION = re.compile(r"o\d+\.\d+")


def cut(at: str, loops: int) -> str:
    """The path of what stands in only so many of the loops around a place of the same procedure."""
    parts = at.split("/")
    first = len(parts)
    while first > 1 and _ITERATION.fullmatch(parts[first - 1]):
        first -= 1
    return "/".join(parts[: first + loops])


def iterations(at: str) -> dict[str, int]:
    """The number of the iteration of each loop around a place, by the loop's operation; of a procedure that calls itself, the inner one's."""
    found: dict[str, int] = {}
    for part in at.split("/"):
        if _ITERATION.fullmatch(part):
            loop, _, number = part.partition(".")
            found[loop] = int(number)
    return found


def in_loop(path: str) -> bool:
    """Whether a place stands in a loop or fork of the state machine, of whatever procedure."""
    return any(_ITERATION.fullmatch(part) for part in path.split("/"))


def called(at: str, op: str) -> str:
    """Where a procedure runs that an operation calls."""
    return f"{at}/{op}"


def jumped(at: str, op: str | None) -> str:
    """Where a procedure runs that is jumped to.

    Args:
        at: The place of the jump.
        op: The calling operation, where the caller is not itself a procedure that goes on to another; else None.
    """
    if op is not None:
        return called(at, op)
    base, mark, number = at.rpartition("~")
    return f"{base}~{int(number) + 1}" if mark and number.isdecimal() else f"{at}~1"


def jumps(path: str) -> int:
    """How many jumps led to a procedure; 0 where it was only called."""
    found = re.search(r"~(\d+)(?:/b\d+)?$", path)
    return int(found[1]) if found else 0


def calls(at: str) -> int:
    """How deep calls of procedures stand in each other."""
    return sum(1 for part in at.split("/")[1:] if not _ITERATION.fullmatch(part))
