"""Stage 3: the IR to Amazon States Language; a module per kind of node.

What flows through the machine is a *pointer*: ``{execution, developer, program, at, budget, r}``. ``r`` is what the block
before answered: ``{prev, go, left}``: the record it wrote, the branch to take or the seconds to sleep, and the seconds
that a wait after it may take. Values never flow.
"""

from statemachines.emit.machine import emit_machine

__all__ = ["emit_machine"]
