"""Reading and writing executions and records, by key only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from silvercup import values
from silvercup.errors import ConditionFailed, InternalError, NotFound
from silvercup.executions.keys import CORE, RUNS, ExecutionRef, RecordKey, blob_name
from silvercup.executions.record import BLOB_MARK, Record, sizes
from silvercup.storage import Blobs, Change, Item, Key, Tables

INLINE_BYTES = 64 * 1024
"""A value over this goes to a blob."""
RECORD_BYTES = 300 * 1024
"""The largest values go to blobs until a record is under this (a DynamoDB item is at most 400 KB)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch of reads brought: the execution's item, records by key, and other entities by partition key."""

    execution: Item | None
    records: dict[RecordKey, Item]
    others: dict[str, Item]


class RunStore:
    """The records of executions."""

    def __init__(self, tables: Tables, blobs: Blobs) -> None:
        self._tables = tables
        self._blobs = blobs

    def read(self, ref: ExecutionRef, keys: Iterable[RecordKey], others: Iterable[str] = ()) -> Batch:
        """The execution's item, some of its records and some entities of its tenant, consistently, in one batch.

        Args:
            ref: The execution.
            keys: Records; those that are not there are left out.
            others: Partition keys of the ``core`` table.
        """
        item_key = Key(CORE, ref.item_pk)
        by_key = {Key(RUNS, ref.record_pk(key)): key for key in keys}
        other_keys = [Key(CORE, pk) for pk in others]
        found = self._tables.get_many([item_key, *by_key, *other_keys])
        return Batch(
            execution=found.get(item_key),
            records={key: found[table_key] for table_key, key in by_key.items() if table_key in found},
            others={key.pk: found[key] for key in other_keys if key in found},
        )

    def item(self, ref: ExecutionRef) -> Item:
        """The execution's item.

        Raises:
            NotFound: There is none.
        """
        item = self._tables.get(Key(CORE, ref.item_pk))
        if item is None or "gone" in item:
            raise NotFound(f"There is no execution {ref.id}")
        return item

    def record(self, ref: ExecutionRef, key: RecordKey) -> Item | None:
        """One record's item."""
        return self._tables.get(Key(RUNS, ref.record_pk(key)))

    def records(self, pks: Iterable[str]) -> dict[str, Item]:
        """Records by partition key."""
        found = self._tables.get_many(Key(RUNS, pk) for pk in pks)
        return {key.pk: item for key, item in found.items()}

    def commit(self, ref: ExecutionRef, record: Record, extra: Item | None = None) -> Item:
        """Write a record once. Large values are written before it, so that it never points at nothing.

        Args:
            ref: The execution.
            record: What to write.
            extra: Further attributes of the item.

        Returns:
            The item that holds now: this one, or the one that another attempt wrote first.
        """
        stored = replace(record, values=self._offload(ref, record.values))
        item = {**stored.as_item(ref), **(extra or {})}
        try:
            self._tables.put(RUNS, item, if_absent=True)
        except ConditionFailed as error:
            if error.found is None:
                raise InternalError("A record exists and can't be read") from None
            return dict(error.found)
        return item

    def change_execution(self, ref: ExecutionRef, change: Change) -> Item:
        """Change the execution's item; see ``Tables.update``."""
        return self._tables.update(Key(CORE, ref.item_pk), change)

    def change_record(self, pk: str, change: Change) -> Item:
        """Change a record's item; see ``Tables.update``."""
        return self._tables.update(Key(RUNS, pk), change)

    def load(self, text: str) -> Any:
        """The JSON value of a stored text, from its blob if it is there.

        Raises:
            InternalError: Its blob is missing.
        """
        if not text.startswith(BLOB_MARK):
            return values.loads(text)
        body = self._blobs.get(text[len(BLOB_MARK) :])
        if body is None:
            raise InternalError("A stored value is missing")
        return values.loads(body)

    def keep(self, ref: ExecutionRef, text: str) -> str:
        """A text as it is stored: itself, or the name of the blob that it was written to."""
        return self._offload(ref, (text,))[0]

    def _offload(self, ref: ExecutionRef, texts: tuple[str, ...]) -> tuple[str, ...]:
        kept = list(texts)
        lengths = sizes(kept)
        total = sum(lengths)
        for i in sorted(range(len(kept)), key=lambda i: -lengths[i]):
            if kept[i].startswith(BLOB_MARK):
                continue
            if lengths[i] <= INLINE_BYTES and total <= RECORD_BYTES:
                break
            body = kept[i].encode("utf-8", "surrogatepass")
            name = blob_name(ref, hashlib.sha256(body).hexdigest())
            self._blobs.put(name, body)
            kept[i] = f"{BLOB_MARK}{name}"
            total -= lengths[i]
        return tuple(kept)
