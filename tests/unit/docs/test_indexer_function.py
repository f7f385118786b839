"""The function ``indexer``: records of a stream in, the first one that is not done out."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from functions.indexer.handler import SPARE_MS, handler
from silvercup import container
from silvercup.docs.documents import doc_key
from silvercup.errors import TransientError
from silvercup.settings import Settings
from tests.support.docs import TENANT, DocWorld


@pytest.fixture
def world() -> Iterator[DocWorld]:
    world = DocWorld()
    parts = container.Container(Settings())
    parts.__dict__["indexer"] = world.indexer
    container.install(parts)
    yield world
    container.install(None)


def call(world: DocWorld, milliseconds: int = 900_000) -> list[str]:
    """Hand the function what has changed; the numbers of the records that it gives back."""
    records = [
        {"dynamodb": {"Keys": {"pk": {"S": pk}}, "SequenceNumber": str(number)}}
        for number, pk in enumerate(world.tables.changes)
    ]
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)
    answer = handler({"Records": records}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_batch_is_indexed(world: DocWorld):
    for number in range(3):
        world.create(f"text {number}")
    assert call(world) == []
    assert len(world.texts()) == 3


def test_the_first_record_that_fails_is_named(world: DocWorld):
    made = [world.create(f"text {number}") for number in range(3)]
    world.tables.items[doc_key(TENANT, made[1]["id"])]["body"] = "no JSON"
    assert call(world) == ["1"]
    assert world.texts() == ["text 0"]


def test_without_time_everything_is_left_for_the_next_invocation(world: DocWorld):
    world.create("text")
    assert call(world, SPARE_MS) == ["0"]
    assert call(world, SPARE_MS + 1) == []


def test_trouble_that_passes_fails_the_invocation(world: DocWorld):
    world.create("text")
    world.embedder.down = True
    with pytest.raises(TransientError):
        call(world)
