"""Which index answers searches, which one is being built, which ones are to go: one item that everybody reads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from silvercup.docs.documents import TABLE
from silvercup.docs.index import DocIndex, DocIndexes, IndexSpec
from silvercup.errors import ConditionFailed, Conflict
from silvercup.ids import now_us
from silvercup.storage import Change, Item, Key, Tables

POINTER = Key(TABLE, "docs#index")
"""The item; its changes reach the indexer as those of docs do."""


@dataclass(frozen=True, slots=True)
class Generations:
    """The indexes of a deployment at a moment.

    Attributes:
        current: The one that is searched; empty before the first doc.
        building: The one that ``reindex`` fills; empty when none is.
        dropped: Those that nobody searches any more and that are still there.
    """

    current: str = ""
    building: str = ""
    dropped: Sequence[str] = ()

    @classmethod
    def of(cls, item: Item | None) -> Generations:
        """What the item says."""
        item = item or {}
        return cls(item.get("current", ""), item.get("building", ""), tuple(sorted(item.get("dropped", ()))))

    @property
    def alive(self) -> list[str]:
        """The names of those that docs are put into."""
        return [name for name in (self.current, self.building) if name]


def read(tables: Tables) -> Generations:
    """The generations now."""
    return Generations.of(tables.get(POINTER))


def first(tables: Tables, indexes: DocIndexes, spec: IndexSpec) -> Generations:
    """Make the first index of a deployment, unless somebody else has."""
    name = _numbered(1)
    indexes.create(name, spec)
    item: Item = {"pk": POINTER.pk, "kind": "pointer", "current": name}
    try:
        tables.put(TABLE, item, if_absent=True)
    except ConditionFailed as failure:
        return Generations.of(dict(failure.found or {}))
    return Generations(name)


def checked(index: DocIndex, spec: IndexSpec) -> DocIndex:
    """An index whose vectors an embedder's can be compared with.

    Raises:
        Conflict: It was made with another model, or another length of vectors.
    """
    if index.spec != spec:
        raise Conflict(
            f"The index of docs holds vectors of {index.spec.model} with {index.spec.dimensions} dimensions, but this deployment embeds "
            f"with {spec.model} ({spec.dimensions} dimensions): run 'silvercup reindex', or set the embedder back"
        )
    return index


def begin(tables: Tables) -> Generations:
    """Begin a new index, or go on with the one that was begun; nothing is put into it yet."""
    found = read(tables)
    if found.building or not found.current:
        return found
    name = _numbered(1 + max(int(name.rpartition("-")[2]) for name in (found.current, *found.dropped)))
    change = Change(
        set={"building": name, "due": now_us()},
        condition="#current = :current AND attribute_not_exists(#building)",
        args={"current": found.current},
    )
    with suppress(ConditionFailed):
        tables.update(POINTER, change)
    return read(tables)


def switch(tables: Tables, building: str) -> Generations:
    """Let the index that was built answer searches; the one before is to be dropped (``drop``).

    Raises:
        Conflict: It is no longer being built.
    """
    found = read(tables)
    change = Change(
        set={"current": building},
        remove=("building",),
        add_to={"leaving": {found.current}},
        condition="#building = :building AND #current = :current",
        args={"building": building, "current": found.current},
    )
    try:
        return Generations.of(tables.update(POINTER, change))
    except ConditionFailed as failure:
        now = Generations.of(dict(failure.found or {}))
        if now.current == building:
            return now
        raise Conflict(f"The index {building} is no longer being built; run 'silvercup reindex' again") from None


def retire(tables: Tables) -> None:
    """Have the indexes dropped that answered searches before; those that had begun with them have to be over."""
    item = tables.get(POINTER) or {}
    leaving = item.get("leaving")
    if leaving:
        tables.update(POINTER, Change(set={"due": now_us()}, remove=("leaving",), add_to={"dropped": leaving}))


def drop(tables: Tables, indexes: DocIndexes, generations: Generations) -> None:
    """Take the retired indexes away; for the indexer."""
    for name in generations.dropped:
        indexes.drop(name)
    if generations.dropped:
        tables.update(POINTER, Change(delete_from={"dropped": set(generations.dropped)}, remove=("due",)))


def _numbered(number: int) -> str:
    return f"docs-{number}"
