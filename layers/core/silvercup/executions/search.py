"""Which executions a search over all tasks is for, and which index has them (docs/adr/0015)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from silvercup import values
from silvercup.errors import InvalidRequest
from silvercup.executions.execution import STATUSES, state_partition, status
from silvercup.executions.keys import CORE
from silvercup.executions.transition import FINAL_STATUSES
from silvercup.listing import Listing, item_listing
from silvercup.paging import ListQuery
from silvercup.storage import Item

_MAX_US = 10**17 - 1


@dataclass(frozen=True, slots=True)
class Search:
    """What executions have to be; None: anything.

    Attributes:
        status: As the API shows it.
        task_id: Their task.
        agent_id: Their task's agent.
        created_after: Made later than this, microseconds since the epoch.
        created_before: Made earlier than this.

    Raises:
        InvalidRequest: There is no such status.
    """

    status: str | None = None
    task_id: str | None = None
    agent_id: str | None = None
    created_after: int | None = None
    created_before: int | None = None

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in STATUSES:
            raise InvalidRequest(f"Invalid status {self.status[:40]!r}: it is one of {', '.join(STATUSES)}")

    def matches(self, item: Item) -> bool:
        """Whether an execution is one, by its item."""
        return (
            (self.status is None or status(item) == self.status)
            and (self.task_id is None or item["task_id"] == self.task_id)
            and (self.agent_id is None or item["agent_id"] == self.agent_id)
            and (self.created_after is None or item["created_at"] > self.created_after)
            and (self.created_before is None or item["created_at"] < self.created_before)
        )

    def listing(self, tenant: str, query: ListQuery) -> Listing[Item]:
        """Where to look: among the task's, those of a state, or all of the tenant; the narrowest that there is an index for.

        Raises:
            InvalidRequest: Only the executions of one task can be sorted by ``updated_at``.
        """
        by_update = query.sort_by == "updated_at"
        if by_update and self.task_id is None:
            raise InvalidRequest("Only the executions of one task are sorted by updated_at; give a task_id too")
        if self.task_id is not None:
            index = "by_updated" if by_update else "by_created"
            partition = f"{tenant}#execution#{self.task_id}"
        elif self.status is not None:
            index, partition = "by_state", state_partition(tenant, self.status)
        else:
            index, partition = "by_tenant", f"{tenant}#execution"
        sifted = bool(query.metadata_filter or self.agent_id or (self.status and self.task_id))

        def may_match(entry: Item) -> bool:
            return self._may_match(entry) and query.matches(entry)

        after, before = (None, None) if by_update else (self.created_after, self.created_before)
        return replace(
            item_listing(CORE, partition, query, wanted=self.matches),
            index=index,
            picks=self.agent_id is not None or by_update or not (self.status is None or self.status in FINAL_STATUSES),
            passes=may_match if sifted else None,
            after=None if after is None else f"{_within(after):017d}$",
            before=None if before is None else f"{_within(before):017d}",
            filters=values.dumps([self.status, self.agent_id, self.created_after, self.created_before]),
        )

    def _may_match(self, entry: Item) -> bool:
        """Whether an entry is worth a look at its item; an entry may lag, and need not say everything."""
        agent, then = entry.get("agent_id"), entry.get("status")
        if self.agent_id is not None and agent is not None and agent != self.agent_id:
            return False
        return self.status is None or then is None or state_partition("", then) == state_partition("", self.status)


def _within(time: int) -> int:
    """A time that fits the index's keys."""
    return min(max(time, 0), _MAX_US)
