"""The events that moto does not send: the sweeper's schedule, and the ends of state machines' executions."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local import moto_state
from local.invoke import Invoker
from local.moto_state import MachineExecution
from local.names import ACCOUNT, REGION, STACK, arn

logger = logging.getLogger(__name__)

ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
"""The statuses that the template's rule passes on."""

_ATTEMPTS = 3
"""How often an event is delivered while the function fails, as Lambda does with an asynchronous one."""


class Pumps:
    """Two threads that call the lifecycle function.

    Args:
        invoker: Runs the function.
        function: Its physical name.
        tidy: Called before every sweep.
        sweep_seconds: How often the sweeper runs (a minute on AWS).
        poll_seconds: How often ended executions are looked for.
        retry_seconds: How long to wait before an event is delivered again.
    """

    def __init__(
        self,
        invoker: Invoker,
        function: str,
        *,
        tidy: Callable[[], None] = lambda: None,
        sweep_seconds: float = 10.0,
        poll_seconds: float = 0.25,
        retry_seconds: float = 1.0,
    ) -> None:
        self._invoker = invoker
        self._function = function
        self._tidy = tidy
        self._sweep_seconds = sweep_seconds
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._stopping = threading.Event()
        self._seen: set[str] = set()
        self._threads = [
            threading.Thread(target=self._every, args=(sweep_seconds, self._sweep), name="pump-sweeper", daemon=True),
            threading.Thread(
                target=self._every, args=(poll_seconds, self._pass_on_ends), name="pump-status", daemon=True
            ),
        ]

    def start(self) -> None:
        """Start both."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop both; what runs in the function at this moment may go on for a moment."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _every(self, seconds: float, action: Callable[[], None]) -> None:
        while not self._stopping.wait(seconds):
            try:
                action()
            except Exception:
                logger.exception("a pump of the local stack failed")

    def _sweep(self) -> None:
        self._tidy()
        self._deliver(scheduled_event(), attempts=1)

    def _pass_on_ends(self) -> None:
        for execution in moto_state.executions(known=self._seen):
            if execution.status == "RUNNING":
                continue
            self._seen.add(execution.arn)
            if execution.status in ENDED_BADLY and not self._stopping.is_set():
                self._deliver(status_event(execution), attempts=_ATTEMPTS)

    def _deliver(self, event: dict[str, Any], *, attempts: int) -> None:
        payload = ""
        for attempt in range(attempts):
            if attempt and self._stopping.wait(self._retry_seconds):
                return
            outcome = self._invoker.invoke(self._function, event)
            if not outcome.errored or self._stopping.is_set():
                return
            payload = outcome.payload
        logger.error("%s failed with an event of %s: %s", self._function, event["source"], payload)


def scheduled_event() -> dict[str, Any]:
    """What an EventBridge schedule sends."""
    return _event("aws.events", "Scheduled Event", [arn("events", f"rule/{STACK}-sweep")], {})


def status_event(execution: MachineExecution) -> dict[str, Any]:
    """What Step Functions sends to EventBridge when an execution ends."""
    detail = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": int(execution.started * 1000),
        "stopDate": int((execution.stopped or time.time()) * 1000),
        "input": execution.input,
        "output": None,
        "inputDetails": {"included": True},
        "outputDetails": None,
        "error": execution.error,
        "cause": execution.cause,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "REDRIVABLE",
        "redriveStatusReason": None,
    }
    return _event("aws.states", "Step Functions Execution Status Change", [execution.arn], detail)


def _event(source: str, kind: str, resources: list[str], detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }
