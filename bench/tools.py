"""Tools: what a call takes beside doing the same directly, what it costs in a task and in a chat, a hundred calls at once, what each imports."""

from __future__ import annotations

from bench.chat_world import ANSWER, world
from bench.figure import Figure
from bench.loopback import loopback
from bench.tool_costs import costs
from bench.tool_crowd import crowds
from bench.tool_imports import imports
from bench.tool_overhead import overheads
from tests.support.provider_wire import Reply


def measure() -> Figure:
    """Time the runner, count tasks and chats, and look at new interpreters."""
    with loopback() as server:
        took = overheads(server)
        with world(Reply(ANSWER), SILVERCUP_ALLOW_LOOPBACK_TOOLS="1") as here:
            counted, broken = costs(here, server)
            here.counted.release()
            crowded, more = crowds(here, server)
    broken += more
    imported, more = imports()
    broken += more
    verdict = "\n".join(f"- **{line}**" for line in broken) or (
        "Every block and every turn stays within its budget; every call arrives once; nothing of a tool is imported before it is called."
    )
    text = f"""\
A call, warm, with its processor time in brackets; tables in memory, the server a process of its own:

{took}

{counted}

{crowded}

The first call of each tool, in a new interpreter that has run a step and has its runner:

{imported}

{verdict}"""
    return Figure("Tools", text, tuple(broken))
