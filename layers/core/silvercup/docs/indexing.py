"""From the table into the index: what the stream of docs brings is read, embedded and put in, or taken out.

Only the table is believed: an event says which doc, never what it holds. A doc that has to be indexed or taken away carries ``due``; who
finishes it removes ``due`` only if it is still the one that was read. So an event that comes twice, late or in the wrong order finds
nothing to do, and one that fails can be sent again (ADR 0029, 0030).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from silvercup.deletions import is_gone
from silvercup.docs import generations
from silvercup.docs.documents import TABLE, Bodies, Indexed, Text, doc_key
from silvercup.docs.embedding import Embedder, Vector
from silvercup.docs.filters import terms_of
from silvercup.docs.generations import POINTER, Generations
from silvercup.docs.index import Chunk, DocIndex, DocIndexes, IndexSpec
from silvercup.errors import ConditionFailed, ModelRejected, TransientError
from silvercup.ids import hash128, now_us
from silvercup.storage import Blobs, Change, Item, Key, Tables
from silvercup.values import JsonObject, loads

logger = logging.getLogger(__name__)

GROUP = 256
"""Chunks that are embedded and put in together; a larger doc is a group of its own."""


@dataclass(slots=True)
class _Work:
    """One doc on its way into the index."""

    item: Item
    text: Text
    body: JsonObject
    vectors: list[Vector] | None = None
    fresh: bool = False
    refused: str = ""

    @property
    def inputs(self) -> list[str]:
        """What is embedded for each chunk: v1's form."""
        before = f"{self.body.get('embed_instruction') or ''}Title: {self.body['title']}\n\n"
        return [before + chunk for chunk in self.text.chunks]

    def source(self, model: str) -> str:
        """A hash of what the vectors are made from."""
        return hash128(model, *self.inputs).hex()


class Indexer:
    """Keeps the index in step with the table.

    Args:
        tables: Where docs are.
        blobs: Where their large parts are.
        indexes: The indexes.
        embedder: Makes the vectors.
        clock: Microseconds since the epoch.
    """

    def __init__(
        self,
        tables: Tables,
        blobs: Blobs,
        indexes: DocIndexes,
        embedder: Embedder,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._tables = tables
        self._bodies = Bodies(blobs)
        self._indexes = indexes
        self._embedder = embedder
        self._clock = clock

    def work(self, pks: Sequence[str], *, enough_time: Callable[[], bool] = lambda: True) -> int:
        """Do what is due of some docs, in their order.

        Args:
            pks: Partition keys of items of the table, as the stream has them.
            enough_time: Whether there is time for one more group.

        Returns:
            How many of ``pks``, from the first, are done. Where it is less than all of them, the next one failed, or time was over.

        Raises:
            TransientError: Nothing more can be done now; what was done stays done.
            Conflict: The index was made with another embedder.
        """
        keys = list(dict.fromkeys(pks))
        found = self._tables.get_many([POINTER, *(Key(TABLE, pk) for pk in keys)])
        known = self._opened(Generations.of(found.get(POINTER)), wanted=bool(set(keys) - {POINTER.pk}))
        done: set[str] = set()
        for group in self._groups(keys, found):
            if not enough_time():
                break
            if not self._group(group, known, done):
                break
        return next((i for i, pk in enumerate(pks) if pk not in done), len(pks))

    def _opened(self, now: Generations, *, wanted: bool) -> Mapping[str, DocIndex]:
        """The indexes that docs go into; those that are not there are made, those to be dropped are dropped."""
        spec = IndexSpec.of(self._embedder)
        generations.drop(self._tables, self._indexes, now)
        if not now.current and wanted:
            now = generations.first(self._tables, self._indexes, spec)
        opened: dict[str, DocIndex] = {}
        for name in now.alive:
            index = self._indexes.open(name)
            if index is None:
                self._indexes.create(name, spec)
                index = self._indexes.open(name)
            if index is None:
                raise TransientError("The index of docs was made and can't be opened yet")
            changing = name == now.current and now.building
            opened[name] = index if changing else generations.checked(index, spec)
        return opened

    def _groups(self, keys: Sequence[str], found: Mapping[Key, Item]) -> Iterator[list[tuple[str, Item | None]]]:
        """What is due, in parts of bounded size; the size of a doc is known from its item."""
        group: list[tuple[str, Item | None]] = []
        size = 0
        for pk in keys:
            item = found.get(Key(TABLE, pk))
            due = item if item is not None and "due" in item and item["kind"] == "doc" else None
            group.append((pk, due))
            size += due.get("count", 1) if due is not None else 0
            if size >= GROUP:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _group(self, group: Sequence[tuple[str, Item | None]], known: Mapping[str, DocIndex], done: set[str]) -> bool:
        """Do a group at once; where that fails, doc by doc, to find the one that is to blame."""
        try:
            self._index([item for _, item in group if item is not None], known)
        except TransientError:
            raise
        except Exception:
            if len(group) == 1:
                logger.exception("A doc could not be indexed")
                return False
            return all(self._group([one], known, done) for one in group)
        done.update(pk for pk, _ in group)
        return True

    def _index(self, items: Sequence[Item], known: Mapping[str, DocIndex]) -> None:
        self._take_out([item for item in items if is_gone(item)], known)
        works = [_Work(item, self._bodies.text(item), loads(item["body"])) for item in items if not is_gone(item)]
        self._embed(works)
        added: dict[str, dict[str, list[str]]] = {work.item["id"]: {} for work in works}
        for name, index in known.items():
            lacking = [work for work in works if Indexed.of(work.item, name).version != work.item["version"]]
            if not lacking:
                continue
            same = index.spec == IndexSpec.of(self._embedder)
            ids = iter(index.add([chunk for work in lacking for chunk in _chunks(work, with_vectors=same)]))
            for work in lacking:
                added[work.item["id"]][name] = [next(ids) for _ in work.text.chunks]
            self._replace([work.item for work in lacking if work.item["version"] > 1], name, index, added)
        for work in works:
            self._finish(work, added[work.item["id"]], known)

    def _embed(self, works: Sequence[_Work]) -> None:
        """Give every doc its vectors: those it has, where they are of the same texts, else new ones."""
        model = self._embedder.model
        for work in works:
            if work.item.get("vectors_from") == work.source(model):
                work.vectors = self._bodies.vectors(work.item)
        lacking = [work for work in works if work.vectors is None]
        try:
            vectors = iter(self._embedder.embed([text for work in lacking for text in work.inputs]) if lacking else ())
            for work in lacking:
                work.vectors, work.fresh = [next(vectors) for _ in work.text.chunks], True
        except ModelRejected as rejected:
            if len(lacking) > 1:
                for work in lacking:
                    self._embed([work])
            else:
                lacking[0].refused = rejected.message

    def _replace(
        self, items: Sequence[Item], name: str, index: DocIndex, added: Mapping[str, Mapping[str, Sequence[str]]]
    ) -> None:
        """Take the chunks of earlier versions out; no search shows them any more."""
        old: list[str] = []
        seen = _ids_of(items, index)
        for item in items:
            kept = set(added[item["id"]][name])
            old += [
                one
                for one in dict.fromkeys([*Indexed.of(item, name).ids, *seen.get(item["id"], ())])
                if one not in kept
            ]
        if old:
            index.remove(old)

    def _finish(self, work: _Work, added: Mapping[str, Sequence[str]], known: Mapping[str, DocIndex]) -> None:
        item, now = work.item, self._clock()
        before: dict[str, Any] = item.get("indexed", {})
        indexed: dict[str, Any] = {name: entry for name, entry in before.items() if name in known}
        indexed |= {name: {"version": item["version"], "ids": list(ids)} for name, ids in added.items()}
        attributes: Item = {"status": "failed" if work.refused else "ready", "indexed": indexed, "indexed_at": now}
        if work.refused:
            attributes["reason"] = work.refused
        if work.fresh and work.vectors is not None:
            model = self._embedder.model
            attributes |= self._bodies.vector_attributes(
                item["tenant"], item["id"], item["version"], work.vectors, model, work.source(model)
            )
        change = Change(
            set=attributes,
            remove=("due",) if work.refused else ("due", "reason"),
            condition="#due = :due AND attribute_not_exists(#gone)",
            args={"due": item["due"]},
        )
        try:
            self._bodies.clean(self._tables.update(doc_key(item["tenant"], item["id"]), change))
        except ConditionFailed as failure:
            found = failure.found or {"gone": 1}
            if found.get("indexed_at") == now:
                return
            if "gone" in found or found.get("version") != item["version"]:
                for name, ids in added.items():
                    known[name].remove(ids)

    def _take_out(self, items: Sequence[Item], known: Mapping[str, DocIndex]) -> None:
        """Take deleted docs out of the indexes, and their blobs and tombstones away."""
        for name, index in known.items():
            seen = _ids_of(items, index)
            recorded = [one for item in items for one in Indexed.of(item, name).ids]
            if ids := list(dict.fromkeys([*recorded, *(one for ids in seen.values() for one in ids)])):
                index.remove(ids)
        for item in items:
            self._bodies.clean(item)
            with suppress(ConditionFailed):
                key = doc_key(item["tenant"], item["id"])
                self._tables.delete(key, condition="#gone = :gone", args={"gone": item["gone"]})


def _chunks(work: _Work, *, with_vectors: bool) -> Iterator[Chunk]:
    """A doc's chunks; without vectors for an index of another embedder, which is about to be replaced."""
    item, vectors = work.item, work.vectors if with_vectors else None
    terms = terms_of(loads(item["metadata"]))
    for position, text in enumerate(work.text.chunks):
        yield Chunk(
            tenant=item["tenant"],
            owner=item["owner"],
            doc_id=item["id"],
            version=item["version"],
            position=position,
            title=work.body["title"],
            text=text,
            language=work.body["analyzer"],
            terms=terms,
            vector=vectors[position] if vectors else None,
        )


def _ids_of(items: Sequence[Item], index: DocIndex) -> dict[str, list[str]]:
    """The ids that an index knows of some docs, whoever put them in."""
    by_tenant: dict[str, list[str]] = {}
    for item in items:
        by_tenant.setdefault(item["tenant"], []).append(item["id"])
    return {doc: ids for tenant, docs in by_tenant.items() for doc, ids in index.ids_of(tenant, docs).items()}
