"""The function ``lifecycle``: the sweeper's schedule and Step Functions' status events."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from silvercup import container


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Look after unfinished executions.

    Args:
        event: An EventBridge event: a status change of a state machine's execution, or the schedule.
        context: Not used.

    Returns:
        What a sweep did, for the log.
    """
    del context
    caretaker = container.current().caretaker
    if event.get("detail-type") == "Step Functions Execution Status Change":
        caretaker.machine_ended(event["detail"])
        return {}
    return asdict(caretaker.sweep())
