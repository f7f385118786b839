"""The indexer: idempotent, ordered, never overtaken; and the index made anew."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.docs import generations
from silvercup.docs.documents import TABLE, doc_key
from silvercup.docs.indexing import Indexer
from silvercup.docs.reindex import Progress, Reindex
from silvercup.errors import Conflict, InternalError, TransientError
from silvercup.storage import Key
from tests.support.docs import TENANT, DocWorld, LetterEmbedder


@pytest.fixture
def world() -> DocWorld:
    return DocWorld()


class Killed(BaseException):
    """The process ends here."""


def keys(world: DocWorld) -> list[str]:
    changes, world.tables.changes = world.tables.changes, []
    return changes


def test_an_event_that_comes_again_finds_nothing_to_do(world: DocWorld):
    world.create("text")
    events = keys(world)
    for _ in range(3):
        assert world.indexer.work(events) == len(events)
    assert world.index.adds == 1
    assert len(world.embedder.asked) == 1


def test_many_docs_are_embedded_and_put_in_together(world: DocWorld):
    for i in range(60):
        world.create(f"text {i}")
    world.settle()
    assert len(world.texts()) == 60
    assert len(world.embedder.asked) == 1
    assert world.index.adds == 1


def test_what_is_embedded_is_v1s_form_with_the_instruction_before(world: DocWorld):
    world.create(["one", "two"], title="T", embed_instruction="Represent: ")
    world.settle()
    assert world.embedder.asked == [["Represent: Title: T\n\none", "Represent: Title: T\n\ntwo"]]


def test_a_change_of_metadata_alone_is_not_embedded_again(world: DocWorld):
    made = world.create("text", metadata={"a": 1})
    world.settle()
    world.service.update(TENANT, made["id"], {"metadata": {"a": 2}})
    world.settle()
    assert len(world.embedder.asked) == 1
    (chunk,) = world.index.chunks.values()
    assert chunk.version == 2
    assert chunk.vector is not None
    world.service.update(TENANT, made["id"], {"title": "another"})
    world.settle()
    assert len(world.embedder.asked) == 2


def test_events_of_old_versions_do_nothing_after_new_ones(world: DocWorld):
    made = world.create("v1")
    first = keys(world)
    world.service.update(TENANT, made["id"], {"content": "v2"})
    second = keys(world)
    for events in (second, first, first, second):
        world.indexer.work(events)
    assert world.texts() == ["v2"]
    assert world.index.adds == 1


class Interfering:
    """An embedder during whose work something else happens."""

    def __init__(self, inner: LetterEmbedder, during: Any) -> None:
        self._inner = inner
        self._during = during
        self.model, self.dimensions, self.confidence = inner.model, inner.dimensions, inner.confidence

    def embed(self, texts: Any, /) -> Any:
        during, self._during = self._during, lambda: None
        during()
        return self._inner.embed(texts)


def slow_indexer(world: DocWorld, during: Any) -> Indexer:
    return Indexer(world.tables, world.blobs, world.indexes, Interfering(world.embedder, during))


def test_an_update_during_the_indexing_wins(world: DocWorld):
    made = world.create("v1")
    update = lambda: world.service.update(TENANT, made["id"], {"content": "v2"})  # noqa: E731
    assert slow_indexer(world, update).work(keys(world)) == 1
    world.settle()
    assert world.texts() == ["v2"]
    assert world.service.get(TENANT, made["id"])["embedding_status"] == "ready"


def test_an_update_that_is_indexed_meanwhile_is_not_overtaken(world: DocWorld):
    made = world.create("v1")
    events = keys(world)

    def overtake() -> None:
        world.service.update(TENANT, made["id"], {"content": "v2"})
        world.settle()

    slow_indexer(world, overtake).work(events)
    world.settle()
    assert world.texts() == ["v2"]


def test_a_delete_during_the_indexing_leaves_nothing(world: DocWorld):
    made = world.create("text")
    events = keys(world)

    def delete() -> None:
        world.service.delete(TENANT, made["id"])
        world.settle()

    slow_indexer(world, delete).work(events)
    world.settle()
    assert world.texts() == []
    assert doc_key(TENANT, made["id"]) not in world.tables.items


def test_a_delete_takes_everything_away(world: DocWorld):
    made = world.create(["x" * 20_000, "y" * 20_000], metadata={"a": 1})
    world.settle()
    world.service.update(TENANT, made["id"], {"metadata": {"a": 2}})
    world.settle()
    assert world.blobs.bodies
    world.service.delete(TENANT, made["id"])
    world.settle()
    assert world.texts() == []
    assert not world.blobs.bodies
    left = [key.pk for key in world.tables.items if made["id"] in key.pk]
    assert left == []


def test_blobs_of_earlier_versions_go(world: DocWorld):
    made = world.create("x" * 20_000)
    for letter in "abc":
        world.settle()
        world.service.update(TENANT, made["id"], {"content": letter * 20_000})
    world.settle()
    assert len(world.blobs.bodies) == 1


def test_chunks_that_an_interrupted_attempt_put_in_are_shown_once_and_go_with_the_doc(world: DocWorld):
    made = world.create("text")
    events = keys(world)
    indexer = world.indexer
    finish, indexer._finish = indexer._finish, lambda *_: (_ for _ in ()).throw(Killed)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        indexer.work(events)
    indexer._finish = finish  # type: ignore[method-assign]
    world.indexer.work(events)
    assert world.texts() == ["text", "text"]
    world.service.update(TENANT, made["id"], {"content": "new"})
    world.settle()
    assert world.texts() == ["new"]


@pytest.mark.parametrize("action", ["update", "delete"])
def test_recorded_ids_are_taken_out_even_when_a_search_does_not_see_them_yet(world: DocWorld, action: str):
    made = world.create("text")
    world.settle()
    world.index.hidden = set(world.index.chunks)
    if action == "update":
        world.service.update(TENANT, made["id"], {"content": "new"})
    else:
        world.service.delete(TENANT, made["id"])
    world.settle()
    assert world.texts() == (["new"] if action == "update" else [])


def test_a_provider_that_is_down_leaves_everything_for_later(world: DocWorld):
    world.create("a")
    world.embedder.down = True
    events = keys(world)
    with pytest.raises(TransientError):
        world.indexer.work(events)
    world.embedder.down = False
    assert world.indexer.work(events) == 1
    assert world.texts() == ["a"]


def test_a_poisoned_doc_stops_the_batch_where_it_is_and_nothing_before_it(world: DocWorld):
    made = [world.create(f"text {i}") for i in range(5)]
    events = keys(world)
    world.tables.items[doc_key(TENANT, made[2]["id"])]["body"] = "no JSON"
    assert world.indexer.work(events) == 2
    assert world.texts() == ["text 0", "text 1"]
    assert world.indexer.work(events[3:]) == 2
    assert len(world.texts()) == 4


def test_time_that_is_over_leaves_the_rest(world: DocWorld):
    world.create(["x"] * 300)
    world.create("y")
    events = keys(world)
    left = iter([True, False])
    assert world.indexer.work(events, enough_time=lambda: next(left)) == 1
    assert world.indexer.work(events) == 2


@pytest.mark.parametrize("fault", range(12))
def test_killed_at_any_write_nothing_is_lost_or_left_over(world: DocWorld, fault: int):
    """A stream of creates, changes and deletes while the indexer dies at every write of its, one after the other."""
    docs = [world.create([f"text {i}", "x" * 20_000]) for i in range(3)]
    world.settle()
    world.service.update(TENANT, docs[0]["id"], {"content": "changed"})
    world.service.delete(TENANT, docs[1]["id"])
    world.create("late")
    writes = 0

    def dying(real: Any) -> Any:
        def write(*args: Any, **kwargs: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes == fault + 1:
                raise Killed
            done = real(*args, **kwargs)
            if writes == fault:
                raise Killed
            return done

        return write

    index = world.index
    for owner, names in (
        (world.tables, ("update", "delete")),
        (world.blobs, ("put", "delete")),
        (index, ("add", "remove")),
    ):
        for name in names:
            setattr(owner, name, dying(getattr(owner, name)))
    for _ in range(5):
        try:
            world.settle()
        except Killed:
            continue
    assert {chunk.text for chunk in index.chunks.values()} == {"changed", "text 2", "x" * 20_000, "late"}
    assert {chunk.doc_id for chunk in index.chunks.values()} == {doc["id"] for doc in (docs[0], docs[2])} | {
        item["id"]
        for item in world.tables.items.values()
        if item.get("kind") == "doc" and item["id"] not in {d["id"] for d in docs}
    }
    assert not [key for key, item in world.tables.items.items() if key.table == TABLE and "due" in item]


# ---- the index made anew


def reindex(world: DocWorld, **options: Any) -> tuple[Progress | None, list[Progress]]:
    seen: list[Progress] = []
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        world.settle()

    done = Reindex(world.tables, seen.append, clock=lambda: now, sleep=sleep).run(**options)
    world.settle()
    return done, seen


def test_an_index_is_made_anew_and_switched_to(world: DocWorld):
    for i in range(250):
        world.create(f"text {i}")
    world.settle()
    done, seen = reindex(world)
    assert done == Progress("docs-2", 250, 250)
    assert seen[-1].done == 250
    assert [*world.indexes.indexes] == ["docs-2"]
    assert len(world.texts()) == 250
    assert len(world.embedder.asked) == 3, "vectors of the same model are taken from the table"
    assert reindex(world)[0] == Progress("docs-3", 250, 250)


def test_another_embedder_is_refused_until_the_index_is_made_anew(world: DocWorld):
    world.create("a")
    world.settle()
    world.embedder = LetterEmbedder("other letters")
    late = world.create("b")
    with pytest.raises(Conflict, match=r"holds vectors of letters with 26 dimensions.*silvercup reindex"):
        world.settle()
    world.tables.changes.clear()
    assert reindex(world)[0] == Progress("docs-2", 2, 2)
    assert world.texts() == ["a", "b"]
    assert world.service.get(TENANT, late["id"])["embedding_model"] == "other letters"


def test_docs_that_are_written_while_it_is_made_are_in_both(world: DocWorld):
    world.create("a")
    world.settle()
    generations.begin(world.tables)
    world.create("b")
    world.settle()
    both = world.indexes.indexes
    assert world.texts() == ["a", "b"]
    assert [chunk.text for chunk in both["docs-2"].chunks.values()] == ["b"]
    assert reindex(world)[0] == Progress("docs-2", 2, 2)
    assert world.texts() == ["a", "b"]


def test_it_goes_on_where_it_was_stopped(world: DocWorld):
    for i in range(5):
        world.create(f"text {i}")
    world.settle()

    def killed(_: float) -> None:
        raise Killed

    with pytest.raises(Killed):
        Reindex(world.tables, lambda _: None, sleep=killed).run()
    assert reindex(world)[0] == Progress("docs-2", 5, 5)


def test_docs_that_do_not_come_are_named(world: DocWorld):
    good, bad = world.create("good"), world.create("bad")
    world.settle()
    world.tables.items[doc_key(TENANT, bad["id"])]["body"] = "no JSON"
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        for pk in keys(world):
            world.indexer.work([pk])

    rebuilding = Reindex(world.tables, lambda _: None, clock=lambda: now, sleep=sleep)
    with pytest.raises(Conflict, match=rf"1 of 2 docs do not come .*{bad['id']}"):
        rebuilding.run()
    assert generations.read(world.tables).current == "docs-1"
    assert rebuilding.run(skip_failed=True) is not None
    assert [chunk.doc_id for chunk in world.index.chunks.values()] == [good["id"]]


def test_leftover_tombstones_are_taken_away(world: DocWorld):
    made = world.create("a")
    world.create("b")
    world.settle()
    world.service.delete(TENANT, made["id"])
    world.tables.changes.clear()
    assert reindex(world)[0] == Progress("docs-2", 1, 1)
    assert Key(TABLE, made["id"]) not in world.tables.items
    assert world.texts() == ["b"]


def test_without_docs_there_is_nothing_to_make(world: DocWorld):
    assert reindex(world)[0] is None


def test_an_index_that_was_lost_is_an_error_of_the_deployment(world: DocWorld):
    world.create("a")
    world.settle()
    world.indexes.indexes.clear()
    world.create("b")
    world.settle()
    assert world.texts() == ["b"]
    reindex(world)
    assert world.texts() == ["a", "b"]


def test_internal_errors_of_one_index_do_not_hide(world: DocWorld):
    world.create("a")
    world.settle()

    def broken(_: str) -> None:
        raise InternalError("the index is broken")

    world.index.fail = broken
    world.create("b")
    events = keys(world)
    assert world.indexer.work(events) == 0
