"""Many writes in requests of a bounded size, each write's result looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from silvercup.adapters.opensearch.client import Refused, Requests, kind_of, passes, to_json
from silvercup.errors import TransientError

MAX_BYTES = 5_000_000
"""The body of one request; small domains and serverless collections take 10 MiB."""
MAX_WRITES = 1000
"""Writes in one request."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write.

    Attributes:
        action: ``index`` or ``delete``.
        lines: Its lines in the body of a bulk request.
    """

    action: str
    lines: bytes


def put(document: dict[str, Any], name: str | None) -> Write:
    """Put a document in, under an ``_id`` or under one that the service makes (None)."""
    head = {} if name is None else {"_id": name}
    return Write("index", _line({"index": head}) + _line(document))


def take(name: str) -> Write:
    """Take the document with an ``_id`` out."""
    return Write("delete", _line({"delete": {"_id": name}}))


def _line(value: dict[str, Any]) -> bytes:
    return to_json(value) + b"\n"


def send_writes(requests: Requests, index: str, writes: Sequence[Write]) -> list[str]:
    """Carry out all writes.

    Returns:
        The ``_id`` of each.

    Raises:
        TransientError: Some, again and again, in a way that may pass. The others may have been carried out.
        Refused: The index refused one for good (its mapping doesn't take it), or is not there.
    """
    ids = [""] * len(writes)
    for batch in _batches(enumerate(writes)):
        left = batch
        for attempt in range(1, requests.attempts + 1):
            left = _send(requests, index, left, ids)
            if not left:
                break
            if attempt == requests.attempts:
                raise TransientError(f"opensearch:bulk could not carry out {len(left)} writes; it may work later")
            requests.pause(attempt)
    return ids


def _batches(writes: Iterable[tuple[int, Write]]) -> Iterator[list[tuple[int, Write]]]:
    batch: list[tuple[int, Write]] = []
    size = 0
    for place, write in writes:
        if batch and (size + len(write.lines) > MAX_BYTES or len(batch) == MAX_WRITES):
            yield batch
            batch, size = [], 0
        batch.append((place, write))
        size += len(write.lines)
    if batch:
        yield batch


def _send(requests: Requests, index: str, batch: list[tuple[int, Write]], ids: list[str]) -> list[tuple[int, Write]]:
    """Send one request, note the ids, and return the writes that may work later."""
    body = b"".join(write.lines for _, write in batch)
    answer: dict[str, Any] = requests.send("bulk", lambda: requests.client.bulk(body=body, index=index))
    again: list[tuple[int, Write]] = []
    for (place, write), item in zip(batch, answer["items"], strict=True):
        result: dict[str, Any] = item[write.action]
        status = int(result["status"])
        kind = kind_of(result)
        if passes(status):
            again.append((place, write))
        elif kind or (status >= 400 and not (write.action == "delete" and status == 404)):
            raise Refused(f"bulk {write.action}", status, kind)
        else:
            ids[place] = str(result["_id"])
    return again
