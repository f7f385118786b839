"""Jobs, as v1 shows them: an execution, or the embedding of a doc."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from silvercup.errors import NotFound
from silvercup.values import JsonObject

_STATES = {"queued": "pending", "succeeded": "succeeded", "failed": "failed", "cancelled": "aborted"}


def job_of(job_id: str, *, execution: Callable[[], JsonObject], doc: Callable[[], JsonObject]) -> JsonObject:
    """The job of an id, which is that of an execution or of a doc.

    Args:
        job_id: The id.
        execution: Gives the execution of the id.
        doc: Gives the doc's job.

    Raises:
        NotFound: There is neither.
    """
    with suppress(NotFound):
        return _running(execution())
    try:
        return doc()
    except NotFound:
        raise NotFound(f"Job {job_id} not found; a job's id is its execution's, or its doc's") from None


def _running(execution: JsonObject) -> JsonObject:
    status = execution["status"]
    return {
        "id": execution["id"],
        "name": "TaskExecution",
        "reason": f"Execution status: {status}",
        "state": _STATES.get(status, "in_progress"),
        "has_progress": False,
        "progress": 0.0,
        "created_at": execution["created_at"],
        "updated_at": execution["updated_at"],
    }
