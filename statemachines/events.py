"""History events of the states of a machine, as Step Functions writes them, and the Maps that a loop is made of."""

import math

TASK = 5
"""Entered, scheduled, started, succeeded, exited."""
TOKEN_TASK = 6
"""The same, and submitted."""
STATE = 2
"""Entered, exited: Choice, Wait, Pass."""
MAP = 4
"""Entered, started, succeeded, exited; a Parallel too."""
ITERATION = 2
"""Started, succeeded."""
CHUNK = ITERATION + STATE + MAP
"""A chunk of a loop: an iteration of the outer Map, its Choice, and the inner Map."""
CHILD_CHUNK = ITERATION + STATE + TOKEN_TASK
"""A chunk that runs as a child."""
LOOP = MAP + CHILD_CHUNK
"""A loop at least: everything in one child."""
FAILURE = TASK + 1
"""A failure that is written down."""

ROUND = 2 * (TASK + STATE)
"""A round at most, without a wait: it is asked in one invocation, and its calls are run in another."""

CHUNK_ITEMS = 500
"""Items of one Map at most (moto's fails at about 960)."""
MAP_WIDTH = 40
"""Iterations that one Map runs at once at most."""


def lanes(items: int, width: int) -> int:
    """How many chunks of a loop run at once, so that ``width`` items can."""
    return math.ceil(max(min(width, items), 1) / MAP_WIDTH)


def chunk_items(items: int, width: int) -> int:
    """How many items each chunk of a loop has; the last one may have fewer."""
    return min(CHUNK_ITEMS, max(math.ceil(items / lanes(items, width)), 1))
