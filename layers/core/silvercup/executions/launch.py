"""Starting state machines: made at a definition's first execution, shared by equal tasks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from silvercup.errors import InternalError
from silvercup.executions.execution import LIFE_CHECK_SECONDS
from silvercup.executions.keys import INIT, ExecutionRef
from silvercup.executions.machines import MachineMissing, Machines
from silvercup.executions.store import RunStore
from silvercup.settings import Settings
from silvercup.storage import Blobs, Change, Item
from silvercup.values import JsonObject

ROOT_BUDGET = 18_000
"""History events that a machine's execution may write, of the 25,000 that AWS allows."""
_SUFFIXES = ("", "-1", "-2")


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a state machine for one of ours.

    Attributes:
        machine_arn: The machine.
        name: The execution's name: our id, with ``-r<k>`` for the k-th replay.
    """

    machine_arn: str
    name: str

    @property
    def arn(self) -> str:
        """The ARN of the execution."""
        return f"{self.machine_arn.replace(':stateMachine:', ':execution:')}:{self.name}"


class Launcher:
    """Starts executions and finds them again."""

    def __init__(self, store: RunStore, machines: Machines, blobs: Blobs, settings: Settings) -> None:
        self._store = store
        self._machines = machines
        self._blobs = blobs
        self._settings = settings

    def start(self, ref: ExecutionRef, item: Item) -> None:
        """Start the machine of an execution, or again the one that was started; both may be repeated.

        Args:
            ref: The execution.
            item: Its item.
        """
        for suffix in _SUFFIXES:
            run = self._run(item, suffix)
            try:
                self._start(run, item)
            except MachineMissing:
                try:
                    self._machines.create(self._machine_name(item, suffix), self._definition(item))
                    self._start(run, item)
                except MachineMissing:
                    continue
            if suffix:
                self._store.change_execution(ref, Change(set={"machine_suffix": suffix}))
            return
        raise InternalError("Every name for this task's state machine is taken by one that is being deleted")

    def replay(self, ref: ExecutionRef, item: Item, *, killed: bool) -> None:
        """Start an unfinished execution's machine once more: recorded blocks return at once.

        Args:
            ref: The execution.
            item: Its item.
            killed: Whether its machine was killed; that is counted, a restart of the whole stack is not.

        Raises:
            ConditionFailed: Somebody else replays it, or it has ended.
        """
        change = Change(
            set={
                "replays": item["replays"] + 1,
                "kills": item.get("kills", 0) + killed,
                "sweep": ref.shard,
                "sweep_at": int(time.time()) + LIFE_CHECK_SECONDS,
            },
            condition="#replays = :before AND attribute_not_exists(#final_key)",
            args={"before": item["replays"]},
        )
        self.start(ref, self._store.change_execution(ref, change))

    def run_of(self, item: Item) -> Run:
        """The machine's execution that drives this one now."""
        return self._run(item, item.get("machine_suffix", ""))

    def _run(self, item: Item, suffix: str) -> Run:
        replays = item["replays"]
        name = f"{item['id']}-r{replays}" if replays else item["id"]
        return Run(self._machines.arn_of(self._machine_name(item, suffix)), name)

    def _machine_name(self, item: Item, suffix: str) -> str:
        return f"{self._settings.machine_prefix}-{item['digest']}{suffix}"

    def _start(self, run: Run, item: Item) -> None:
        self._machines.start(run.machine_arn, run.name, self._pointer(item))

    def _pointer(self, item: Item) -> JsonObject:
        seconds = item["created_at"] // 1_000_000 + self._settings.wait_days * 86_400 - int(time.time())
        return {
            "execution": item["id"],
            "developer": item["tenant"],
            "program": item["program"],
            "entry": "main",
            "ret": "",
            "at": "main",
            "budget": ROOT_BUDGET,
            "r": {"prev": str(INIT), "go": 0, "left": max(seconds, 1)},
        }

    def _definition(self, item: Item) -> str:
        body = self._blobs.get(item["definition"])
        if body is None:
            raise InternalError("The definition of this execution's state machine is missing")
        text = body.decode()
        for name, arn in (("StepsFunction", self._settings.steps_arn), ("PromptsFunction", self._settings.prompts_arn)):
            text = text.replace(f"${{{name}}}", arn)
        return text
