"""The indexes of a directory."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from silvercup.adapters.sqlite_index.database import Database, connect, errors_of, make, remove
from silvercup.adapters.sqlite_index.schema import schema_of, spec_in
from silvercup.docs.index import IndexSpec
from silvercup.errors import Conflict, InternalError, TransientError

if TYPE_CHECKING:
    from silvercup.adapters.sqlite_index.index import SqliteIndex

_NAME = re.compile(r"[a-z0-9-]{1,200}")


@dataclass(frozen=True, slots=True)
class _Open:
    database: Database
    index: SqliteIndex


class SqliteIndexes:
    """``DocIndexes`` as files ``<name>.sqlite``; safe from many threads, and several processes may use a directory.

    Args:
        directory: Where; made when the first index is. None keeps them in memory, for whoever has this object.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lock = threading.RLock()
        self._opened: dict[str, _Open] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create(self, name: str, spec: IndexSpec) -> None:
        """See ``DocIndexes.create``."""
        path = self._path(name)
        with self._lock:
            if path is None:
                if name not in self._opened:
                    self._opened[name] = _in_memory(name, spec)
                there = self._opened[name].index.spec
            else:
                there = _make(name, path, spec)
        if there != spec:
            holds = "what another version of Silvercup wrote" if there is None else f"vectors of {_described(there)}"
            raise Conflict(
                f"the doc index {name!r} holds {holds}, but {_described(spec)} is asked for: run `silvercup reindex`, "
                "or go back to the embedder that it was made with"
            )

    def open(self, name: str) -> SqliteIndex | None:
        """See ``DocIndexes.open``."""
        path = self._path(name)
        with self._lock:
            opened = self._opened.get(name)
            if opened is not None and not opened.database.current:
                self._opened.pop(name).database.close()
                opened = None
            if opened is None and path is not None and path.exists():
                opened = self._opened[name] = _opened(name, path)
        return None if opened is None else opened.index

    def drop(self, name: str) -> None:
        """See ``DocIndexes.drop``."""
        path = self._path(name)
        with self._lock:
            opened = self._opened.pop(name, None)
            if opened is not None:
                opened.database.close()
            if path is not None:
                remove(path)

    def close(self) -> None:
        """Close all files; those in memory are gone."""
        with self._lock:
            while self._opened:
                self._opened.popitem()[1].database.close()

    def _path(self, name: str) -> Path | None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an index: lower-case letters, digits and hyphens are")
        return None if self._directory is None else self._directory / f"{name}.sqlite"


def _in_memory(name: str, spec: IndexSpec) -> _Open:
    from silvercup.adapters.sqlite_index.index import SqliteIndex

    database = Database(name, None)
    with database.connection() as connection:
        connection.executescript(schema_of(spec))
    return _Open(database, SqliteIndex(database, spec))


def _opened(name: str, path: Path) -> _Open:
    from silvercup.adapters.sqlite_index.index import SqliteIndex

    database = Database(name, path)
    with database.connection() as connection:
        spec = spec_in(connection)
    if spec is None:
        database.close()
        raise InternalError(
            f"the doc index {name!r} was written by another version of Silvercup: run `silvercup reindex`"
        )
    return _Open(database, SqliteIndex(database, spec))


def _make(name: str, path: Path, spec: IndexSpec) -> IndexSpec | None:
    """Make a file unless it is there; returns what its index was made with, None where another format has it."""
    with errors_of(name):
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                make(path, schema_of(spec))
        except OSError as problem:
            raise TransientError(
                f"the doc index {name!r} can't be made in {path.parent}: {problem.strerror}"
            ) from problem
        connection = connect(path)
        try:
            return spec_in(connection)
        finally:
            connection.close()


def _described(spec: IndexSpec) -> str:
    return f"{spec.model} ({spec.dimensions} dimensions)"
