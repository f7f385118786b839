"""Recovery is replay: start the machines of unfinished executions again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from silvercup.runtime.care import Caretaker, Tally


def recover_all(caretaker: Caretaker) -> Tally:
    """Replay every unfinished execution of a deployment whose machines are all gone (the local stack at start-up)."""
    return caretaker.recover()
