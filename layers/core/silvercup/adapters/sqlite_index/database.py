"""The SQLite file of an index, or its stand-in in memory: connections, transactions, and SQLite's errors as ours."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from silvercup.errors import InternalError, TransientError

_CONNECTIONS = 8
"""How many threads use a file at once; more wait for one of them."""
_WAIT = 20.0
"""Seconds that a write waits for one of another process."""
_PAGE = 8192
"""Bytes; a vector of 1024 dimensions fits a page with its chunk's text."""
_MAY_PASS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_PROTOCOL,
    }
)


class Database:
    """A pool of connections, safe from many threads. One in memory has a single connection, which they share.

    Args:
        name: The index's, for messages.
        path: Of the file; None keeps it in memory.
    """

    def __init__(self, name: str, path: Path | None) -> None:
        self._name = name
        self._path = path
        self._file = None if path is None else _identity(path)
        self._free = threading.BoundedSemaphore(1 if path is None else _CONNECTIONS)
        self._writer = threading.Lock()
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        weakref.finalize(self, _close_all, self._idle)

    @property
    def current(self) -> bool:
        """Whether it is open, and its file still the one of that name."""
        return not self._closed and (
            self._path is None or (self._file is not None and self._file == _identity(self._path))
        )

    @contextmanager
    def connection(self) -> Generator[sqlite3.Connection]:
        """A connection for the block. What it has begun and not committed is rolled back.

        Raises:
            TransientError: SQLite failed in a way that may pass.
            InternalError: It failed otherwise, or the index was dropped.
        """
        with self._free:
            if not self.current:
                raise InternalError(f"the doc index {self._name!r} was dropped or closed")
            with errors_of(self._name):
                connection = self._take()
                try:
                    yield connection
                finally:
                    self._give_back(connection)

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A connection in a transaction that is committed at the block's end, or rolled back where the block raises.

        Raises:
            TransientError, InternalError: See ``connection``.
        """
        with self._writer, self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close it; those at work finish what they do."""
        with self._lock:
            self._closed = True
            _close_all(self._idle)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return connect(self._path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error):
            connection.rollback()
        with self._lock:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)


def connect(path: Path | None) -> sqlite3.Connection:
    """A connection to a file that is there, or to a database of its own in memory.

    Raises:
        sqlite3.Error: It can't be opened.
    """
    target = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        target, uri=path is not None, timeout=_WAIT, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -8000")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def make(path: Path, schema: str) -> None:
    """Make a file whole or not at all; nothing happens when another has made it meanwhile.

    Args:
        path: Where; the directory is there.
        schema: Statements.

    Raises:
        sqlite3.Error, OSError: It can't be made.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    remove(draft)
    try:
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            connection.executescript(schema)
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        _name(draft, path)
    finally:
        remove(draft)


def _name(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            draft.rename(path)


def remove(path: Path) -> None:
    """Take a file away, with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def errors_of(name: str) -> Generator[None]:
    """What SQLite raises in the block becomes an error of ours that names the index."""
    try:
        yield
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code in _MAY_PASS:
            raise TransientError(f"the doc index {name!r} can't be used right now: {problem}") from problem
        raise InternalError(
            f"the doc index {name!r} is broken: {problem}; `silvercup reindex` makes it anew"
        ) from problem


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()
