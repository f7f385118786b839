"""The port to state machines: AWS Step Functions, or what stands in for it."""

from __future__ import annotations

from typing import Protocol

from silvercup.errors import SilvercupError
from silvercup.values import JsonObject


class MachineMissing(SilvercupError):
    """There is no such state machine (yet), or it is being deleted."""


class Machines(Protocol):
    """State machines made at run time, their executions, and the tokens of states that wait."""

    def arn_of(self, name: str) -> str:
        """The ARN that the machine of this name has or will have; no request."""
        ...

    def create(self, name: str, definition: str) -> str:
        """Make a machine; the same name and definition again changes nothing.

        Returns:
            Its ARN.

        Raises:
            MachineMissing: One of that name is being deleted; take another name.
            TransientError: The service limits the rate.
        """
        ...

    def start(self, machine_arn: str, name: str, pointer: JsonObject) -> str:
        """Start an execution of that name; the same name and pointer again changes nothing.

        A name that is taken by an execution that has ended is not started again either.

        Returns:
            The ARN of the execution.

        Raises:
            MachineMissing: There is no such machine.
        """
        ...

    def status(self, execution_arn: str) -> str | None:
        """``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``; None when there is no such execution."""
        ...

    def stop(self, execution_arn: str, cause: str) -> None:
        """Stop an execution; one that has ended or never was is left alone."""
        ...

    def succeed(self, token: str, output: JsonObject) -> bool:
        """Answer a state that waits.

        Returns:
            Whether the token was still good.
        """
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """End a state that waits with an error; see ``succeed``."""
        ...
