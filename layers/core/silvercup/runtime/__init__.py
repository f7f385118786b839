"""What state machines call: one invocation runs one block, or writes a failure down.

Every invocation may come twice, or die anywhere: what it did is in its record, and a record that exists is returned
instead of running again. See ``docs/runtime.md``.
"""
