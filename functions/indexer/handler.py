"""The function ``indexer``: what the stream of the table of docs brings goes into the index."""

from __future__ import annotations

from typing import Any

from silvercup import container

SPARE_MS = 120_000
"""Milliseconds that a group of docs may need; with less time left, the rest is for the next invocation."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Index the docs of a batch.

    Args:
        event: Records of a DynamoDB stream. Only their keys are used.
        context: Says how much time is left.

    Returns:
        ``{batchItemFailures: [{itemIdentifier}]}``: the sequence number of the first record that is not done, where one is not; Lambda
        begins with it the next time, and after the mapping's retries hands it to the dead-letter queue.
    """
    records = event["Records"]
    pks = [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]
    done = container.current().indexer.work(pks, enough_time=lambda: context.get_remaining_time_in_millis() > SPARE_MS)
    left = [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in records[done : done + 1]]
    return {"batchItemFailures": left}
