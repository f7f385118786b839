"""Docs arrive while the process that indexes them is killed, with SIGKILL, in the middle of its work.

Tables and blobs lie in the process that calls, the index lies on disk; the process that is killed reaches the tables through a pipe.
"""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from silvercup.adapters.sqlite_index import SqliteIndexes
from silvercup.docs import generations
from silvercup.docs.documents import TABLE, Bodies, DocOwner
from silvercup.docs.indexing import Indexer
from silvercup.docs.service import DocService
from silvercup.ids import uuid7
from silvercup.storage import Blobs, Tables
from tests.support.docs import TENANT, LetterEmbedder, StreamedTables
from tests.support.tables import MemoryBlobs

BATCH = 100
"""Events that an invocation gets, as in ``template.yaml``."""
CHANGED, DELETED = 10, 5
"""Of each hundred docs so many are changed, and others deleted, after some of the next ones came."""
_WRITING = 0.04
"""Seconds that a batch takes to be embedded and put into the index, roughly."""


class KilledIndexing:
    """Docs, and their way into an index.

    Args:
        directory: Where the index is.
        seed: Decides when the indexer is killed.

    Attributes:
        kills: How often it was.
    """

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self.tables = StreamedTables()
        self.blobs = MemoryBlobs()
        self.kills = 0
        self._directory = directory
        self._random = random.Random(seed)
        self._service = DocService(self.tables, self.blobs)
        self._owner = DocOwner("agent", uuid7())
        self.tables.put("core", {"pk": self._owner.key(TENANT).pk, "id": self._owner.id})
        self._process: BaseProcess | None = None
        self._connection: Connection[Any, Any] | None = None

    def run(self, docs: int, kills: int) -> None:
        """Make docs, change and delete some, and have all of it indexed.

        Args:
            docs: How many, in hundreds.
            kills: How often the indexer is killed on the way.
        """
        try:
            self._run(docs, kills)
        finally:
            self._kill()

    def _run(self, docs: int, kills: int) -> None:
        arrivals = self._arrivals(docs)
        due = [docs * (number + 1) // (kills + 1) for number in range(kills)]
        arrived = 0
        while (more := next(arrivals, 0)) or self.tables.changes:
            arrived += more
            batch = self.tables.changes[:BATCH]
            if due and arrived >= due[0]:
                del due[0]
                self._work(batch, until=self._random.choice([1, self._random.randint(2, BATCH // 2)]))
            done = self._work(batch)
            assert done, "the indexer stands still"
            del self.tables.changes[:done]

    def problems(self) -> list[str]:
        """What is not as it should be: every doc's chunks are in the index once, as they are now, and nothing else is."""
        bodies = Bodies(self.blobs)
        items = [item for item in self.tables.items.values() if item.get("kind") == "doc"]
        found = [f"{item['id']} is not done" for item in items if "due" in item or item["status"] != "ready"]
        wanted = sorted(
            (item["id"], item["version"], position, text)
            for item in items
            for position, text in enumerate(bodies.text(item).chunks)
        )
        name = generations.read(self.tables).current
        with closing(sqlite3.connect(self._directory / f"{name}.sqlite")) as connection:
            rows = connection.execute("SELECT doc_id, version, position, text FROM chunks")
            held = sorted((*where, text.decode()) for *where, text in rows)
        if held != wanted:
            found.append(f"{len(held)} chunks in the index, {len(wanted)} expected; the first of them differ")
        return found

    @property
    def docs(self) -> int:
        """How many there are."""
        return sum(key.table == TABLE and item["kind"] == "doc" for key, item in self.tables.items.items())

    def _arrivals(self, docs: int) -> Iterator[int]:
        """Make a hundred docs each time; how many there were."""
        last: list[str] = []
        for hundred in range(docs // BATCH):
            made = [self._create(hundred * BATCH + number) for number in range(BATCH)]
            for number, doc_id in enumerate(last[: CHANGED + DELETED]):
                if number < CHANGED:
                    self._service.update(TENANT, doc_id, {"content": [f"changed {doc_id}", "further"]})
                else:
                    self._service.delete(TENANT, doc_id)
            last = made
            yield len(made)

    def _create(self, number: int) -> str:
        content = [f"text {number}"] if number % 3 else [f"text {number}", "second part", "third part"]
        doc_id = uuid7()
        self._service.create(TENANT, self._owner, {"title": "A title", "content": content}, doc_id=doc_id)
        return doc_id

    def _work(self, batch: list[str], *, until: int = 0) -> int:
        """Have a batch indexed; how many of its docs are done.

        Args:
            batch: Keys.
            until: After so many requests to tables and blobs the process is killed, somewhere before its next one; 0: it is not.
        """
        connection = self._alive()
        connection.send(batch)
        requests = 0
        while True:
            message = connection.recv()
            if isinstance(message, int):
                return message
            target, method, args, kwargs = message
            connection.send(_called(getattr(getattr(self, target), method), args, kwargs))
            requests += 1
            if requests == until:
                time.sleep(self._random.uniform(0, _WRITING))
                self._kill()
                self.kills += 1
                return 0

    def _alive(self) -> Connection[Any, Any]:
        if self._connection is None:
            spawn = multiprocessing.get_context("spawn")
            self._connection, other = spawn.Pipe()
            process = spawn.Process(target=_index, args=(other, self._directory), daemon=True)
            process.start()
            self._process = process
            other.close()
            assert self._connection.recv() == "ready"
        return self._connection

    def _kill(self) -> None:
        if self._process is not None and self._connection is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._connection.close()
            self._process = self._connection = None


def _called(method: Callable[..., Any], args: Any, kwargs: Any) -> tuple[bool, Any]:
    try:
        return True, method(*args, **kwargs)
    except Exception as error:  # noqa: BLE001
        return False, error


class _Remote:
    """Tables or blobs of the process at the other end of a pipe."""

    def __init__(self, connection: Connection[Any, Any], target: str) -> None:
        self._connection = connection
        self._target = target

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._connection.send((self._target, method, args, kwargs))
            good, answer = self._connection.recv()
            if good:
                return answer
            raise answer

        return call


def _index(connection: Connection[Any, Any], directory: Path) -> None:
    """The process that is killed."""
    tables = cast("Tables", _Remote(connection, "tables"))
    blobs = cast("Blobs", _Remote(connection, "blobs"))
    with SqliteIndexes(directory) as indexes:
        connection.send("ready")
        while True:
            batch = connection.recv()
            connection.send(Indexer(tables, blobs, indexes, LetterEmbedder()).work(batch))
