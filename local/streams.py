"""The streams of tables: moto has some, but runs what takes their records inside the request that writes; these come after it."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.invoke import Invoker
from local.names import REGION, arn
from local.template import Stream

logger = logging.getLogger(__name__)

_WINDOW_SECONDS = 0.05
"""How long records are gathered before the function is called; a second on AWS."""
_ATTEMPTS = 5
_RETRY_SECONDS = 0.2
_STOP = None


class TableStream:
    """Calls a function with the changes of one table, in their order, a batch at a time.

    A record's image is the item as it is when the record is delivered: changes that follow each other fast come as one, which a real stream
    would bring one by one.

    Args:
        table: The table's physical name.
        stream: What takes its changes.
        function: The physical name of that function.
        invoker: Runs it.
        read: (table, key) -> the item in DynamoDB's JSON, or None.
        fail: (queue, body) -> nothing: tells a queue what could not be worked off.
    """

    def __init__(
        self,
        table: str,
        stream: Stream,
        function: str,
        invoker: Invoker,
        *,
        read: Callable[[str, Mapping[str, Any]], dict[str, Any] | None],
        fail: Callable[[str, str], None],
    ) -> None:
        self._table = table
        self._stream = stream
        self._function = function
        self._invoker = invoker
        self._read = read
        self._fail = fail
        self._changes: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._sequence = 0
        self._thread = threading.Thread(target=self._run, name=f"stream-{table}", daemon=True)

    def note(self, key: Mapping[str, Any]) -> None:
        """An item has changed; ``key`` is in DynamoDB's JSON."""
        self._changes.put(key)

    def start(self) -> None:
        """Begin to deliver; what was noted before is delivered too."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is not delivered is found again at the next start."""
        self._stopping.set()
        self._changes.put(_STOP)
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._deliver(self._gathered())
            except Exception:
                logger.exception("the stream of %s failed", self._table)

    def _gathered(self) -> list[Mapping[str, Any]]:
        keys = [self._changes.get()]
        until = time.monotonic() + _WINDOW_SECONDS
        while len(keys) < self._stream.batch and keys[-1] is not _STOP:
            try:
                keys.append(self._changes.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return [key for key in keys if key is not None]

    def _deliver(self, keys: list[Mapping[str, Any]]) -> None:
        records = [record for key in keys if (record := self._record(key)) is not None]
        attempts = 0
        while records and not self._stopping.is_set():
            outcome = self._invoker.invoke(self._function, {"Records": records})
            left = records if outcome.errored else _left(records, json.loads(outcome.payload))
            if len(left) < len(records):
                attempts = 0
            elif (attempts := attempts + 1) == _ATTEMPTS:
                logger.error("%s failed with a record of %s: %s", self._function, self._table, outcome.payload[:500])
                self._give_up(left[0])
                left, attempts = left[1:], 0
            else:
                self._stopping.wait(_RETRY_SECONDS * 2**attempts)
            records = left

    def _give_up(self, record: dict[str, Any]) -> None:
        if self._stream.failures:
            sequence = record["dynamodb"]["SequenceNumber"]
            told = {
                "DDBStreamBatchInfo": {"startSequenceNumber": sequence, "batchSize": 1},
                "Keys": record["dynamodb"]["Keys"],
            }
            self._fail(self._stream.failures, json.dumps(told))

    def _record(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        image = self._read(self._table, key)
        if image is None or (self._stream.needs and self._stream.needs not in image):
            return None
        self._sequence += 1
        return {
            "eventID": uuid.uuid4().hex,
            "eventName": "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": datetime.now(UTC).timestamp(),
                "Keys": dict(key),
                "NewImage": image,
                "SequenceNumber": f"{self._sequence:021d}",
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": arn("dynamodb", f"table/{self._table}/stream/local"),
        }


def _left(records: list[dict[str, Any]], answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is to be delivered again: from the first record that failed."""
    failed = {failure["itemIdentifier"] for failure in answer.get("batchItemFailures", ())}
    for i, record in enumerate(records):
        if record["dynamodb"]["SequenceNumber"] in failed:
            return records[i:]
    return []
