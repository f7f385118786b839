"""A row: blocks that one invocation runs one after the other, each by its own rules, as far as the time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from silvercup.errors import InternalError, TransientError
from silvercup.runtime.block import AGAIN
from silvercup.runtime.pointer import MoreToDo, Pointer
from silvercup.runtime.situation import Situation
from silvercup.values import JsonObject
from statemachines.ir import Block

ROW_SECONDS = 40.0
"""After so long no further block begins in the same invocation: a model may take 14 minutes, a function 15."""


def run_row(
    pointer: Pointer,
    blocks: Sequence[Block],
    situate: Callable[[Pointer, Block], Situation],
    run: Callable[[Situation], JsonObject],
) -> JsonObject:
    """Run the blocks of a row that are not done yet, and give the last one's answer.

    Args:
        pointer: Where the run is.
        blocks: All of the row.
        situate: Reads what a block knows.
        run: Runs a block, and gives its answer.

    Raises:
        MoreToDo: The row goes on in another invocation. That is always further than where this one began, or has written
            a slice, so there is an end to it. Each try of a block is counted from there, and a failure is written down after
            the record before it. So it is too where blocks were done by another invocation, which may be at the next one.
    """
    deadline = time.monotonic() + ROW_SECONDS
    found = False
    for number, block in enumerate(blocks[pointer.done :], begun := pointer.done):
        try:
            situation = situate(pointer, block)
            done = _is_done(situation)
            if number > begun and not done and (found or time.monotonic() > deadline):
                raise MoreToDo(number, pointer.prev)
            answer = run(situation)
        except TransientError:
            if number == begun:
                raise
            raise MoreToDo(number, pointer.prev) from None
        found = found or done or situation.overtaken
        told: JsonObject = answer.get("r", answer)
        if told["go"] == AGAIN:
            raise MoreToDo(number, pointer.prev)
        if number + 1 == len(blocks):
            return answer
        pointer = Pointer.of({**pointer.raw, "r": told})
    raise InternalError("A row of blocks goes on after its end")


def _is_done(situation: Situation) -> bool:
    return any(key.kind != "pure" for key in situation.own)
