"""The journal: what makes the local stack's data outlive its process.

It stands in front of moto. A request that changed an item or an object is answered only when the new state of what it
touched is committed to a SQLite file; at start the file is put back into moto. It holds states, not requests: so it
needs no compaction, a start costs what is there and not what has ever been written, and nothing that a request drew
(a version id, a time) has to come out the same again. One lock is held over applying and committing, so the order of the
file is the order of the changes. See ``docs/adr/0011-journal-of-states.md``.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_FORMAT = 1

_SCHEMA = """
CREATE TABLE state (store TEXT NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (store, key))
"""


class StateError(Exception):
    """The state directory can't be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The state of one item or object.

    Attributes:
        store: ``dynamodb/<table>`` or ``s3/<bucket>``.
        key: The item's key (canonical JSON of its key attributes) or the object's name.
        body: The item (DynamoDB's JSON) or the object's body; None when it is no longer there.
        headers: The object's metadata (JSON).
    """

    store: str
    key: str
    body: bytes | None
    headers: str = "{}"


class Journal:
    """The file; use it as a context manager. All methods may be called from any thread.

    Raises:
        StateError: Another stack uses the directory, or the file is damaged or of another version.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.sqlite"
        self._lock = threading.Lock()
        self._broken: str | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as problem:
            raise StateError(f"the state directory {directory} can't be made: {problem.strerror}") from problem
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
            self._open(connection)
        except (sqlite3.DatabaseError, StateError) as problem:
            if connection is not None:
                connection.close()
            if isinstance(problem, StateError):
                raise
            raise self._explained(problem) from problem
        self._connection = connection

    def _open(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute("COMMIT")
        if version not in {0, _FORMAT}:
            raise StateError(
                f"{self.path} was written by another version of Silvercup (format {version}, this one reads {_FORMAT}); give another --state"
            )
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StateError(
                f"{self.path} is damaged ({verdict}); restore it from a copy, or move it away to start empty"
            )

    def _explained(self, problem: sqlite3.DatabaseError) -> StateError:
        if "locked" in str(problem):
            return StateError(
                f"another silvercup dev uses the state in {self.path.parent}; stop it, or give another --state"
            )
        if isinstance(problem, sqlite3.OperationalError):
            return StateError(f"{self.path} can't be opened: {problem}")
        return StateError(f"{self.path} is damaged ({problem}); restore it from a copy, or move it away to start empty")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._connection.close()

    def check(self) -> None:
        """Refuse further changes when one could not be written: memory is ahead of the file since then.

        Raises:
            StateError: A commit has failed before.
        """
        if self._broken:
            raise StateError(self._broken)

    def commit(self, entries: Iterable[Entry]) -> None:
        """Write what a request changed, all of it or nothing; it is on its way to the disk when this returns.

        Raises:
            StateError: The file can't be written; from now on ``check`` fails.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN")
                for entry in entries:
                    if entry.body is None:
                        self._connection.execute(
                            "DELETE FROM state WHERE store = ? AND key = ?", (entry.store, entry.key)
                        )
                    else:
                        self._connection.execute(
                            "REPLACE INTO state VALUES (?, ?, ?, ?)",
                            (entry.store, entry.key, entry.headers, entry.body),
                        )
                self._connection.execute("COMMIT")
            except sqlite3.Error as problem:
                self._broken = f"{self.path} can't be written ({problem}); make room and start silvercup dev again"
                raise StateError(self._broken) from problem

    def entries(self) -> Iterator[Entry]:
        """Everything in the file, in no order."""
        for store, key, headers, body in self._connection.execute("SELECT store, key, headers, body FROM state"):
            yield Entry(store, key, body, headers)


def item_entry(table: str, key: dict[str, Any], item: dict[str, Any] | None) -> Entry:
    """The entry of a DynamoDB item; key and item are in DynamoDB's JSON."""
    name = json.dumps(key, sort_keys=True, separators=(",", ":"))
    return Entry(f"dynamodb/{table}", name, None if item is None else json.dumps(item, separators=(",", ":")).encode())


def object_entry(bucket: str, key: str, found: tuple[dict[str, str], bytes] | None) -> Entry:
    """The entry of an S3 object."""
    return (
        Entry(f"s3/{bucket}", key, None)
        if found is None
        else Entry(f"s3/{bucket}", key, found[1], json.dumps(found[0]))
    )


def expired(item: dict[str, Any], ttl: str | None) -> bool:
    """Whether DynamoDB's time to live would have taken the item away."""
    return ttl is not None and "N" in item.get(ttl, {}) and float(item[ttl]["N"]) < time.time()
