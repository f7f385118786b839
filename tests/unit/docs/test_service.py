"""Docs: what is stored, shown, changed and taken away."""

from __future__ import annotations

import pytest

from silvercup.docs.documents import DocOwner
from silvercup.errors import Conflict, InvalidRequest, InvalidShape, NotFound, TooLarge
from silvercup.ids import uuid7
from silvercup.paging import ListQuery
from tests.support.docs import OTHER, TENANT, DocWorld


@pytest.fixture
def world() -> DocWorld:
    return DocWorld()


def test_a_doc_is_shown_as_v1_shows_it(world: DocWorld):
    made = world.create("Some text.", title="Cats", metadata={"a": 1})
    assert made["content"] == ["Some text."]
    assert made["title"] == "Cats"
    assert made["metadata"] == {"a": 1}
    assert made["modality"] == "text"
    assert made["language"] == "english"
    assert made["embeddings"] is None
    assert made["embedding_status"] == "pending"
    assert made["jobs"] == [made["id"]]
    world.settle()
    ready = world.service.get(TENANT, made["id"])
    assert ready["embedding_status"] == "ready"
    assert (ready["embedding_model"], ready["embedding_dimensions"]) == ("letters", 26)
    assert [len(vector) for vector in ready["embeddings"]] == [26]
    assert world.service.get(TENANT, made["id"], embeddings=False)["embeddings"] is None
    assert ready["updated_at"] == made["updated_at"]


def test_a_list_is_taken_as_its_chunks(world: DocWorld):
    made = world.create(["one", "two", "three"])
    world.settle()
    assert made["content"] == ["one", "two", "three"]
    assert len(world.service.get(TENANT, made["id"])["embeddings"]) == 3
    assert world.texts() == ["one", "three", "two"]


def test_a_long_text_is_split_and_shown_whole(world: DocWorld):
    text = "\n\n".join(f"Sentence number {i} speaks of something else than the others do." for i in range(200))
    made = world.create(text, chunking={"max_chars": 300, "overlap": 50})
    world.settle()
    assert made["content"] == [text]
    assert max(len(chunk) for chunk in world.texts()) <= 300
    assert len(world.texts()) > 30
    assert len(world.service.get(TENANT, made["id"])["embeddings"]) == len(world.texts())


@pytest.mark.parametrize("size", [10, 20_000, 29_000])
def test_small_and_large_bodies_come_back(world: DocWorld, size: int):
    content = [f"{i} {'x' * size}" for i in range(7)]
    made = world.create(content)
    world.settle()
    found = world.service.get(TENANT, made["id"])
    assert found["content"] == content
    assert len(found["embeddings"]) == 7


@pytest.mark.parametrize(
    ("content", "loc"),
    [
        ("", "content"),
        ("  \n ", "content"),
        ([], "content"),
        (["a", " "], "content[1]"),
        (["x" * 30_001], "content[0]"),
    ],
)
def test_content_that_is_none(world: DocWorld, content: object, loc: str):
    with pytest.raises(InvalidShape) as caught:
        world.create(content)
    assert caught.value.details[0].loc == loc
    assert not world.blobs.bodies


def test_what_is_too_much(world: DocWorld):
    with pytest.raises(TooLarge, match="2,000,000"):
        world.create("x " * 1_000_001)
    with pytest.raises(TooLarge, match="2,000 chunks"):
        world.create(["x"] * 2_001)
    with pytest.raises(TooLarge, match="60,000 bytes"):
        world.create("x", metadata={"a": "x" * 60_000})
    with pytest.raises(InvalidRequest, match="1,000"):
        world.create("x", metadata={str(i): i for i in range(1_500)})
    with pytest.raises(InvalidRequest, match="overlap"):
        world.create("x", chunking={"max_chars": 100, "overlap": 51})
    with pytest.raises(InvalidShape, match="800"):
        world.create("x", title="x" * 801)


def test_no_owner_is_a_conflict_as_in_v1(world: DocWorld):
    with pytest.raises(Conflict, match="Reference to user not found during create"):
        world.create("x", owner=DocOwner("user", uuid7()))
    with pytest.raises(Conflict, match="Reference to agent"):
        world.create("x", tenant=OTHER)


def test_the_same_title_and_content_is_there_once_for_an_owner(world: DocWorld):
    first = world.create("x", title="t")
    with pytest.raises(Conflict, match="A doc with this content already exists"):
        world.create("x", title="t")
    world.create("x", title="other")
    world.create("x", title="t", owner=world.new_owner("user"))
    world.service.delete(TENANT, first["id"])
    world.create("x", title="t")


def test_a_repeated_create_gives_what_the_first_made(world: DocWorld):
    doc_id = uuid7()
    fields = {"title": "t", "content": "x"}
    first = world.service.create(TENANT, world.owner, fields, doc_id=doc_id)
    again = world.service.create(TENANT, world.owner, fields, doc_id=doc_id, repeated=True)
    assert again == first


def test_an_update_keeps_what_it_does_not_name_and_merges_metadata(world: DocWorld):
    made = world.create("old text", metadata={"a": 1, "b": 2})
    changed = world.service.update(TENANT, made["id"], {"metadata": {"b": 3}})
    assert changed["metadata"] == {"a": 1, "b": 3}
    assert changed["content"] == ["old text"]
    assert changed["version"] == 2
    assert world.service.update(TENANT, made["id"], {"content": ["n1", "n2"]})["content"] == ["n1", "n2"]
    world.settle()
    assert world.texts() == ["n1", "n2"]


def test_a_doc_written_anew_loses_what_is_absent(world: DocWorld):
    made = world.create("old", metadata={"a": 1}, language="de")
    assert made["language"] == "german"
    anew = world.service.replace(TENANT, made["id"], {"title": "T", "content": "new"})
    assert (anew["metadata"], anew["language"], anew["content"]) == ({}, "english", ["new"])


def test_an_update_can_not_make_a_double(world: DocWorld):
    world.create("x", title="one")
    second = world.create("x", title="two")
    with pytest.raises(Conflict, match="already exists"):
        world.service.update(TENANT, second["id"], {"title": "one"})
    assert world.service.get(TENANT, second["id"])["title"] == "two"
    world.service.update(TENANT, second["id"], {"title": "three"})
    world.create("x", title="two")


def test_lists_are_paged_and_filtered(world: DocWorld):
    made = [world.create(f"text {i}", metadata={"kind": i % 2, "tag": "x"}) for i in range(7)]
    found = world.service.list(TENANT, world.owner, ListQuery(limit=3))
    assert [doc["id"] for doc in found.items] == [doc["id"] for doc in made[::-1][:3]]
    rest = world.service.list(TENANT, world.owner, ListQuery(limit=10, cursor=found.next_cursor))
    assert [doc["id"] for doc in rest.items] == [doc["id"] for doc in made[::-1][3:]]
    odd = world.service.list(TENANT, world.owner, ListQuery(metadata_filter={"kind": "1", "tag": "x"}))
    assert [doc["metadata"]["kind"] for doc in odd.items] == [1, 1, 1]
    with pytest.raises(NotFound):
        world.service.list(OTHER, world.owner, ListQuery())


def test_another_tenants_doc_is_not_there(world: DocWorld):
    made = world.create("x")
    for attempt in (
        lambda: world.service.get(OTHER, made["id"]),
        lambda: world.service.update(OTHER, made["id"], {"title": "y"}),
        lambda: world.service.delete(OTHER, made["id"]),
        lambda: world.service.job(OTHER, made["id"]),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_doc_is_deleted_through_its_owner_alone(world: DocWorld):
    made = world.create("x")
    with pytest.raises(NotFound, match="among the docs"):
        world.service.delete(TENANT, made["id"], world.new_owner("agent"))
    gone = world.service.delete(TENANT, made["id"], world.owner)
    assert gone["id"] == made["id"]
    with pytest.raises(NotFound):
        world.service.delete(TENANT, made["id"], world.owner)
    assert not world.service.list(TENANT, world.owner, ListQuery()).items


def test_bulk_deletes_take_what_contains_the_filter(world: DocWorld):
    for i in range(5):
        world.create(f"text {i}", metadata={"kind": i % 2, "deep": {"a": [1, {"b": i}]}})
    delete = world.service.delete_many
    assert delete(TENANT, world.owner, {}, delete_all=False) == []
    assert delete(TENANT, world.owner, {"kind": "1"}, delete_all=False) == []
    assert len(delete(TENANT, world.owner, {"deep": {"a": [{"b": 4}]}}, delete_all=False)) == 1
    assert len(delete(TENANT, world.owner, {"kind": 1}, delete_all=False)) == 2
    assert len(delete(TENANT, world.owner, {"kind": 7}, delete_all=True)) == 2
    world.settle()
    assert world.texts() == []
    with pytest.raises(NotFound):
        delete(OTHER, world.owner, {}, delete_all=True)


def test_the_job_tells_how_the_embedding_goes(world: DocWorld):
    made = world.create("x")
    assert world.service.job(TENANT, made["id"])["state"] == "pending"
    world.settle()
    job = world.service.job(TENANT, made["id"])
    assert (job["state"], job["progress"], job["name"]) == ("succeeded", 100.0, "EmbedDoc")


def test_a_doc_that_can_not_be_embedded_says_why_and_is_found_by_its_words(world: DocWorld):
    world.embedder.refuse = "poison"
    good, bad = world.create("fine"), world.create("poison here")
    world.settle()
    assert world.service.get(TENANT, good["id"])["embedding_status"] == "ready"
    shown = world.service.get(TENANT, bad["id"])
    assert shown["embedding_status"] == "failed"
    assert "does not like" in shown["embedding_error"]
    assert shown["embeddings"] is None
    assert world.service.job(TENANT, bad["id"])["state"] == "failed"
    assert world.texts() == ["fine", "poison here"]
    world.service.update(TENANT, bad["id"], {"content": "harmless"})
    world.settle()
    mended = world.service.get(TENANT, bad["id"])
    assert mended["embedding_status"] == "ready"
    assert "embedding_error" not in mended


def test_languages(world: DocWorld):
    assert world.create("x", language="fr-CA")["language"] == "french"
    assert world.create("y", language="tlh")["language"] == "standard"
    with pytest.raises(InvalidShape, match="Invalid ISO 639"):
        world.create("z", language="no such language!")


def test_requests_of_a_create(world: DocWorld):
    world.create("warm")
    world.settle()
    world.tables.requests.clear()
    world.create("text")
    assert world.tables.requests == ["get", "put", "put"]
    world.tables.requests.clear()
    world.settle()
    assert world.tables.requests == ["get_many", "update"]
