"""History events of the states of a machine, as Step Functions writes them."""

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
