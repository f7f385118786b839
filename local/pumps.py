"""The events that moto does not send: the sweeper's schedule, the ends of state machines' executions, messages of queues."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from local import moto_state
from local.invoke import Invoker
from local.moto_state import MachineExecution, Message
from local.names import ACCOUNT, REGION, STACK, arn

logger = logging.getLogger(__name__)

ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
"""The statuses that the template's rule passes on."""

_ATTEMPTS = 3
"""How often an event is delivered while the function fails, as Lambda does with an asynchronous one."""


_VISIBILITY_SECONDS = 30
"""After this a message that the function failed with comes back; on AWS it takes as long as the queue says."""


class Pumps:
    """Threads that call the lifecycle function.

    Args:
        invoker: Runs the function.
        function: Its physical name.
        queues: Names of the queues whose messages go to it.
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
        queues: Iterable[str] = (),
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
        self._threads += [
            threading.Thread(
                target=self._every, args=(poll_seconds, partial(self._drain, queue)), name="pump-queue", daemon=True
            )
            for queue in queues
        ]

    def start(self) -> None:
        """Start them."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop them; what runs in the function at this moment may go on for a moment."""
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

    def _drain(self, queue: str) -> None:
        while not self._stopping.is_set() and (message := moto_state.take_message(queue, _VISIBILITY_SECONDS)):
            if self._deliver(queue_event(queue, message), attempts=1):
                moto_state.delete_message(queue, message)

    def _deliver(self, event: dict[str, Any], *, attempts: int) -> bool:
        """Call the function with an event; says whether it took it."""
        payload = ""
        for attempt in range(attempts):
            if attempt and self._stopping.wait(self._retry_seconds):
                return False
            outcome = self._invoker.invoke(self._function, event)
            if not outcome.errored or self._stopping.is_set():
                return not outcome.errored
            payload = outcome.payload
        source = event.get("source", "a queue")
        logger.error("%s failed with an event of %s: %s", self._function, source, payload)
        return False


def queue_event(queue: str, message: Message) -> dict[str, Any]:
    """What Lambda hands on of an SQS queue, a message at a time."""
    record: dict[str, Any] = {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", queue),
        "awsRegion": REGION,
    }
    return {"Records": [record]}


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
