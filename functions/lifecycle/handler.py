"""The function ``lifecycle``: the sweeper's schedule, Step Functions' status events, and the delete queue."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from silvercup import container, values


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Look after unfinished executions and deletions.

    Args:
        event: An EventBridge event (a status change of a state machine's execution, or the schedule), or messages of the delete queue.
        context: Not used.

    Returns:
        What a sweep did, for the log.
    """
    del context
    parts = container.current()
    if "Records" in event:
        for record in event["Records"]:
            parts.remover.work(values.loads(record["body"]))
        return {}
    if event.get("detail-type") == "Step Functions Execution Status Change":
        parts.caretaker.machine_ended(event["detail"])
        return {}
    return asdict(parts.caretaker.sweep())
