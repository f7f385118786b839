"""Reading and writing executions and records, by key only."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from silvercup import values
from silvercup.errors import ConditionFailed, InternalError, NotFound
from silvercup.executions.hidden import shown
from silvercup.executions.keys import CORE, RUNS, ExecutionRef, RecordKey, blob_name
from silvercup.executions.record import BLOB_MARK, Record, sizes
from silvercup.executions.transition import Transition
from silvercup.storage import Blobs, Change, Item, Key, Tables

INLINE_BYTES = 64 * 1024
"""A value over this goes to a blob."""
RECORD_BYTES = 300 * 1024
"""The largest parts go to blobs until a record is under this (a DynamoDB item is at most 400 KB)."""
_KEPT_BYTES = 32 * 1024 * 1024
"""Blobs that were read last stay in memory; they never change."""


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
        self._kept = _Kept(_KEPT_BYTES)

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

    def read_records(self, ref: ExecutionRef, keys: Iterable[RecordKey]) -> dict[RecordKey, Item]:
        """Some records by key, consistently, 100 a request; those that are not there are left out."""
        by_key = {Key(RUNS, ref.record_pk(key)): key for key in keys}
        return {by_key[table_key]: item for table_key, item in self._tables.get_many(by_key).items()}

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
        item = {**self._stored(ref, record).as_item(ref), **(extra or {})}
        try:
            self._tables.put(RUNS, item, if_absent=True)
        except ConditionFailed as error:
            if error.found is None:
                raise InternalError("A record exists and can't be read") from None
            return dict(error.found)
        return item

    def transitions(self, record: Record) -> list[tuple[Transition, str]]:
        """A record's transitions, each with the stored text of its output."""
        texts: list[str] | tuple[str, ...] = record.values
        log = self.load(record.log)
        if isinstance(log, dict):
            document: dict[str, Any] = log  # pyright: ignore[reportUnknownVariableType]
            log, texts = document["transitions"], document["values"]
        decoded = (Transition.decode(stored) for stored in log)
        return [(transition, texts[transition.output]) for transition in decoded]

    def change_execution(self, ref: ExecutionRef, change: Change) -> Item:
        """Change the execution's item; see ``Tables.update``."""
        return self._tables.update(Key(CORE, ref.item_pk), change)

    def change_record(self, pk: str, change: Change) -> Item:
        """Change a record's item; see ``Tables.update``."""
        return self._tables.update(Key(RUNS, pk), change)

    def load(self, text: str) -> Any:
        """The JSON value of a stored text as it is shown: with ``***`` in the place of secrets.

        Raises:
            InternalError: Its blob is missing.
        """
        return values.loads(shown(self.text(text)))

    def text(self, text: str) -> str:
        """A stored text, from its blob if it is there.

        Raises:
            InternalError: Its blob is missing.
        """
        if not text.startswith(BLOB_MARK):
            return text
        name = text[len(BLOB_MARK) :]
        body = self._kept.get(name)
        if body is None:
            body = self._blobs.get(name)
            if body is None:
                raise InternalError("A stored value is missing")
            self._kept.put(name, body)
        return body.decode("utf-8", "surrogatepass")

    def keep(self, ref: ExecutionRef, text: str, *, inline: int = INLINE_BYTES) -> str:
        """A text as it is stored: itself, or the name of the blob that it was written to.

        Args:
            ref: The execution.
            text: A stored text.
            inline: How many bytes may stay where they are.
        """
        body = text.encode("utf-8", "surrogatepass")
        if text.startswith(BLOB_MARK) or len(body) <= inline:
            return text
        name = blob_name(ref, hashlib.sha256(body).hexdigest())
        self._blobs.put(name, body)
        return f"{BLOB_MARK}{name}"

    def _stored(self, ref: ExecutionRef, record: Record) -> Record:
        """The record with its large parts in blobs: large values first, then the log with all values that only it needs."""
        texts = tuple(self.keep(ref, text) for text in record.values)
        if sum(sizes([record.log, *texts])) > RECORD_BYTES:
            document = record.log
            if not document.startswith("{"):
                document = values.dumps({"transitions": values.loads(record.log), "values": texts})
            needed = record.flowing
            texts = tuple(text if i in needed else "" for i, text in enumerate(texts))
            record = replace(record, log=self.keep(ref, document, inline=0))
        lengths = sizes(texts)
        total = sum(lengths)
        kept = list(texts)
        for i in sorted(range(len(kept)), key=lambda i: -lengths[i]):
            if total <= RECORD_BYTES:
                break
            kept[i] = self.keep(ref, kept[i], inline=0)
            total -= lengths[i]
        return replace(record, values=tuple(kept))


class _Kept:
    """Blobs in memory, the ones used last, up to a size."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        with self._lock:
            body = self._bodies.get(name)
            if body is not None:
                self._bodies.move_to_end(name)
            return body

    def put(self, name: str, body: bytes) -> None:
        if len(body) > self._most // 4:
            return
        with self._lock:
            if name not in self._bodies:
                self._bodies[name] = body
                self._size += len(body)
            while self._size > self._most:
                _, gone = self._bodies.popitem(last=False)
                self._size -= len(gone)
