"""Deleting what may be large: a tombstone at once, the rest in slices by a queue.

The tombstone takes the entity's place in one write, so that reads answer 404 from then on. It stands in the sweeper's index, so a
deletion whose message was lost goes on all the same, and it names the deletion (``gone``), so that an old message can't touch what was
made under the same id later. What is left to do is what is still there: a slice that is run again finds less.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from silvercup.errors import ConditionFailed, Conflict, NotFound, SilvercupError
from silvercup.ids import hash128, now_us
from silvercup.storage import Item, Tables
from silvercup.times import iso
from silvercup.values import JsonObject

logger = logging.getLogger(__name__)

SWEEP_SHARDS = 8
"""Partitions of the sparse indexes of what the sweeper has to look at."""
RESEND_SECONDS = 120
"""After this the sweeper sends a deletion's message again."""
_TABLE = "core"

type Kind = Literal["agent", "user", "session", "history", "task", "execution", "file"]


class DeleteQueue(Protocol):
    """Hands messages to the function that works deletions off, at least once each."""

    def send(self, message: JsonObject, delay: int = 0) -> None:
        """Put a message into the queue.

        Args:
            message: A ``Deletion`` as JSON.
            delay: Seconds, up to 900, until it is handed out.
        """
        ...


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion, as its message names it.

    Attributes:
        kind: Of what.
        tenant: Whose.
        id: The entity's id.
        gone: When it was deleted, in microseconds; a tombstone of another time is another deletion's.
        turn: Counts the messages of one deletion.
    """

    kind: Kind
    tenant: str
    id: str
    gone: int
    turn: int = 0

    @classmethod
    def of(cls, message: Mapping[str, object]) -> Deletion:
        """The deletion of a message."""
        return cls(**{name: message[name] for name in ("kind", "tenant", "id", "gone", "turn")})  # pyright: ignore[reportArgumentType]

    @classmethod
    def of_tombstone(cls, item: Item) -> Deletion:
        """The deletion that a tombstone stands for."""
        return cls(item["kind"], item["tenant"], item["id"], item["gone"])

    @property
    def message(self) -> JsonObject:
        """What goes through the queue."""
        return asdict(self)

    @property
    def pk(self) -> str:
        """The partition key of the entity, and of its tombstone."""
        return f"{self.tenant}#{self.kind}#{self.id}"


def sweep_shard(entity_id: str) -> str:
    """An entity's partition in the sparse indexes."""
    return f"sweep#{hash128(entity_id)[0] % SWEEP_SHARDS}"


def is_gone(item: Item | None) -> bool:
    """Whether there is no entity: no item, or a tombstone."""
    return item is None or "gone" in item


class Graves:
    """Puts tombstones in the place of entities, and takes them away where an id is used again."""

    def __init__(self, tables: Tables, queue: DeleteQueue) -> None:
        self._tables = tables
        self._queue = queue

    def bury(self, kind: Kind, tenant: str, entity_id: str, keep: Item, *, seen: int | None = None) -> JsonObject:
        """Delete an entity.

        Args:
            kind: Of what.
            tenant: Whose.
            entity_id: Its id.
            keep: Attributes that its tombstone needs.
            seen: The ``updated_at`` of the entity from which they were taken, where it changes while it is deleted.

        Returns:
            What the API shows: ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: It was deleted in between.
            ConditionFailed: It was changed after ``seen``.
        """
        deletion = self.mark(kind, tenant, entity_id, keep, seen=seen)
        self._send(deletion)
        return deleted(entity_id, deletion.gone)

    def _send(self, deletion: Deletion) -> None:
        try:
            self._queue.send(deletion.message)
        except SilvercupError:
            logger.exception("A deletion's message was not sent; the sweeper will")

    def lay(self, kind: Kind, tenant: str, part_id: str, keep: Item) -> None:
        """Have something removed that has no item of its own in whose place a tombstone could stand.

        Args:
            kind: Of what.
            tenant: Whose.
            part_id: A name of its own, which nothing else has.
            keep: Attributes that the removal needs.
        """
        deletion = Deletion(kind, tenant, part_id, now_us())
        self._tables.put(_TABLE, _tombstone(deletion, keep))
        self._send(deletion)

    def mark(self, kind: Kind, tenant: str, entity_id: str, keep: Item, *, seen: int | None = None) -> Deletion:
        """The tombstone alone; see ``bury``."""
        now = now_us()
        deletion = Deletion(kind, tenant, entity_id, now)
        tombstone = _tombstone(deletion, keep)
        condition = "attribute_exists(#pk) AND attribute_not_exists(#gone)"
        args: Item = {}
        if seen is not None:
            condition, args = f"{condition} AND #updated_at = :seen", {"seen": seen}
        try:
            self._tables.put(_TABLE, tombstone, condition=condition, args=args)
        except ConditionFailed as failure:
            found = dict(failure.found or {})
            if seen is not None and not is_gone(found or None):
                raise
            if found.get("gone") != now:
                raise NotFound(f"{kind.capitalize()} {entity_id} not found") from None
        return deletion

    def make_anew(self, item: Item, found: Item) -> None:
        """Put an entity in the place of a tombstone, once everything of the old one is gone.

        Raises:
            Conflict: It is not yet; it soon will be.
        """
        still = Conflict(f"{item['id']} is still being deleted; try again in a moment", should_retry=True)
        if "passed" not in found:
            raise still
        try:
            self._tables.put(_TABLE, item, condition="#gone = :gone", args={"gone": found["gone"]})
        except ConditionFailed as failure:
            if dict(failure.found or {}) != item:
                raise still from None


def _tombstone(deletion: Deletion, keep: Item) -> Item:
    return {
        **keep,
        "pk": deletion.pk,
        "kind": deletion.kind,
        "tenant": deletion.tenant,
        "id": deletion.id,
        "gone": deletion.gone,
        "sweep": sweep_shard(deletion.id),
        "sweep_at": int(time.time()) + RESEND_SECONDS,
    }


def deleted(entity_id: str, at: int) -> JsonObject:
    """What the API answers to a delete."""
    return {"id": entity_id, "deleted_at": iso(at), "jobs": []}
